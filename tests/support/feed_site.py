"""A publisher's site on loopback, in a thread: a feed that a test writes, and answers that it chooses."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

STAMP = "Tue, 24 Nov 2026 00:00:00 GMT"


@dataclass(kw_only=True)
class Story:
    """An item of the feed. `slug` is its identity, unless its `guid` is another."""

    slug: str
    published_at: datetime
    title: str = ""
    text: str = "The tide brought news today, and plenty of it."
    image: str = ""
    """What its page names as `og:image`."""
    guid: str = ""

    def item(self, base: str) -> str:
        title = escape(self.title or self.slug.replace("-", " ").capitalize())
        return (
            f'<item><guid isPermaLink="false">{self.guid or self.slug}</guid><title>{title}</title>'
            f"<link>{base}/{self.slug}</link><pubDate>{format_datetime(self.published_at)}</pubDate>"
            f"<description>{escape(self.text)}</description></item>"
        )

    def page(self) -> bytes:
        image = f'<meta property="og:image" content="{escape(self.image)}">' if self.image else ""
        return f"<!DOCTYPE html><html><head>{image}</head><body>{escape(self.text)}</body></html>".encode()


@dataclass(kw_only=True)
class Answer:
    """What a path answers instead of the usual."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class FeedSite:
    """Feeds under `/feed` and any other path that `feeds` names; `/healthz` with an installation's id.

    A story's page is there as soon as a feed has listed it, and stays until it is `taken_down`.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self.feeds: dict[str, list[Story]] = {"/feed": []}
        self.answers: dict[str, Answer] = {}
        self.installation = ""
        self.asked: list[str] = []
        """Every path that was asked, with its query, but for stories' pages."""
        self.pages_asked: list[str] = []
        """Stories' pages that were asked: `GET /slug`."""
        self.conditions: list[dict[str, str]] = []
        """The conditional headers of each request for a feed."""
        self.hold: dict[str, threading.Event] = {}
        """Paths that answer once their event is set."""
        self.hold_back: dict[str, threading.Event] = {}
        """Paths whose answers are made at once, and given once their event is set."""
        self.per_page = 0
        """How many items a feed lists, the newest; 0 lists all."""
        self.paged = ""
        """Where the others are: under `?paged=2` as with `wordpress`, which may be `hidden`, where it `names`
        them, or nowhere."""
        self.taken_down: set[str] = set()
        self._pages: dict[str, Story] = {}

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

    def answer(self, path: str, conditions: dict[str, str], method: str = "GET") -> Answer:
        parts = urlsplit(path)
        if parts.path.removeprefix("/") in self._pages:
            self.pages_asked.append(f"{method} {path}")
            return self.answers.get(path) or self._page(parts.path.removeprefix("/"))
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/healthz":
            return Answer(body=f'{{"installation": "{self.installation}"}}'.encode())
        if parts.path not in self.feeds:
            return Answer(body=b"ok") if path == "/ping" else Answer(status=404)
        return self._feed(path, conditions)

    def _feed(self, path: str, conditions: dict[str, str]) -> Answer:
        parts = urlsplit(path)
        number = int(parse_qs(parts.query).get("paged", ["1"])[0]) if self.paged else 1
        self.conditions.append(conditions)
        listed = self._listed(parts.path, number)
        body = self._rss(parts.path, listed, number)
        if number > 1 and not listed:
            return Answer(status=404, body=body, headers={"Content-Type": "application/rss+xml"})
        tag = f'"{hash(body)}"'
        if conditions.get("If-None-Match") == tag:
            return Answer(status=304)
        return Answer(body=body, headers={"ETag": tag, "Content-Type": "application/rss+xml"})

    def _page(self, slug: str) -> Answer:
        if slug in self.taken_down:
            return Answer(status=404, body=b"<!DOCTYPE html><title>Lost at sea</title>")
        return Answer(body=self._pages[slug].page(), headers={"Content-Type": "text/html; charset=utf-8"})

    def _listed(self, path: str, number: int) -> list[Story]:
        newest = sorted(self.feeds[path], key=lambda story: story.published_at, reverse=True)
        self._pages |= {story.slug: story for story in newest}
        return newest[(number - 1) * self.per_page :][: self.per_page] if self.per_page else newest

    def _rss(self, path: str, listed: list[Story], number: int) -> bytes:
        items = "".join(story.item(self.base) for story in listed)
        channel = f"<title>The Harbour Ledger</title><link>{self.base}</link><description>News</description>"
        if self.paged == "wordpress":
            channel += "<generator>https://wordpress.org/?v=6.1.9</generator>"
        elif self.paged == "names" and self._listed(path, number + 1):
            channel += f'<atom:link rel="next" href="{path}?paged={number + 1}"/>'
        root = '<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">'
        return f"{root}<channel>{channel}{items}</channel></rss>".encode()


@contextlib.contextmanager
def feed_site() -> Iterator[FeedSite]:
    """Serve a site until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = ("If-None-Match", "If-Modified-Since")
            conditions = {name: self.headers[name] for name in wanted if self.headers[name]}
            if (held := site.hold.get(self.path)) is not None:
                held.wait(30)
            answer = site.answer(self.path, conditions, self.command)
            if (held := site.hold_back.get(self.path)) is not None:
                held.wait(30)
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

        do_HEAD = do_GET  # noqa: N815 - the library's name

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
        for held in (*site.hold.values(), *site.hold_back.values()):
            held.set()
        server.shutdown()
        thread.join()
        server.server_close()
