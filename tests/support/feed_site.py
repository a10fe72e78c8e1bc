"""A publisher's site on loopback, in a thread: a feed that a test writes, and answers that it chooses."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STAMP = "Tue, 24 Nov 2026 00:00:00 GMT"


@dataclass(kw_only=True)
class Story:
    """An item of the feed. `slug` is its identity."""

    slug: str
    published_at: datetime
    title: str = ""
    text: str = "The tide brought news today, and plenty of it."

    def item(self, base: str) -> str:
        title = escape(self.title or self.slug.replace("-", " ").capitalize())
        return (
            f'<item><guid isPermaLink="false">{self.slug}</guid><title>{title}</title>'
            f"<link>{base}/{self.slug}</link><pubDate>{format_datetime(self.published_at)}</pubDate>"
            f"<description>{escape(self.text)}</description></item>"
        )


@dataclass(kw_only=True)
class Answer:
    """What a path answers instead of the usual."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class FeedSite:
    """Feeds under `/feed` and any other path that `feeds` names; `/healthz` with an installation's id."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.feeds: dict[str, list[Story]] = {"/feed": []}
        self.answers: dict[str, Answer] = {}
        self.installation = ""
        self.asked: list[str] = []
        self.conditions: list[dict[str, str]] = []
        """The conditional headers of each request for a feed."""
        self.hold: dict[str, threading.Event] = {}
        """Paths that answer once their event is set."""

    @property
    def stories(self) -> list[Story]:
        return self.feeds["/feed"]

    @property
    def feed_url(self) -> str:
        return f"{self.base}/feed"

    def down(self, path: str = "/feed", status: int = 500, **headers: str) -> None:
        self.answers[path] = Answer(status=status, headers=headers)

    def up(self, path: str = "/feed") -> None:
        self.answers.pop(path, None)

    def answer(self, path: str, conditions: dict[str, str]) -> Answer:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/healthz":
            return Answer(body=f'{{"installation": "{self.installation}"}}'.encode())
        if path not in self.feeds:
            return Answer(body=b"ok") if path == "/ping" else Answer(status=404)
        self.conditions.append(conditions)
        body = self._rss(path)
        tag = f'"{hash(body)}"'
        if conditions.get("If-None-Match") == tag:
            return Answer(status=304)
        return Answer(body=body, headers={"ETag": tag, "Content-Type": "application/rss+xml"})

    def _rss(self, path: str) -> bytes:
        newest = sorted(self.feeds[path], key=lambda story: story.published_at, reverse=True)
        items = "".join(story.item(self.base) for story in newest)
        channel = f"<title>The Harbour Ledger</title><link>{self.base}</link><description>News</description>"
        return f'<?xml version="1.0"?><rss version="2.0"><channel>{channel}{items}</channel></rss>'.encode()


@contextlib.contextmanager
def feed_site() -> Iterator[FeedSite]:
    """Serve a site until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = ("If-None-Match", "If-Modified-Since")
            conditions = {name: self.headers[name] for name in wanted if self.headers[name]}
            if (held := site.hold.get(self.path)) is not None:
                held.wait(30)
            answer = site.answer(self.path, conditions)
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = FeedSite(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        for held in site.hold.values():
            held.set()
        server.shutdown()
        thread.join()
        server.server_close()
