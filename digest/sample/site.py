"""Serves the sample site over HTTP on the loopback interface: the feed with its validators, pages, pictures.

What to answer is decided by `Site.answer`; the server only carries it. It runs in a thread of its own, so
that it answers whatever the caller's event loop is busy with.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from digest.sample import feed, stories
from digest.sample.stories import DAY, NAME, UPLOADS

# Seconds. How long a silent client holds its thread, and how soon a stop is noticed.
CLIENT_TIMEOUT = 5
POLL = 0.02

_HTML = "text/html; charset=UTF-8"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole HTTP response."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = _HTML
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Answer(status=HTTPStatus.NOT_FOUND, body=b"<!DOCTYPE html><title>Lost at sea</title>")


class SampleSite:
    """The sample site, served while its context is open.

    `now` (aware) is when its newest story is forty minutes old. The dates stand still, so that the feed's
    validators hold until `advance`.
    """

    def __init__(self, *, now: datetime, host: str = "127.0.0.1", port: int = 0) -> None:
        self._now = now
        self._later = False
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The site's address without a final slash. Known once the context is open."""
        assert self._server is not None, "the site's address is known once it is open"
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def feed_url(self) -> str:
        """Where the feed is."""
        return f"{self.url}/feed/"

    def advance(self, now: datetime | None = None) -> None:
        """Let a day pass: from here on the feed has four new stories. `now` is a day later if not given."""
        self._later, self._now = True, now or self._now + DAY

    async def __aenter__(self) -> Self:
        self._server = _Server(self._address, self)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": POLL}, name="sample-site"
        )
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        await asyncio.to_thread(self._close, self._server)

    def answer(self, target: str, headers: Message) -> Answer:
        """Decide what a GET of `target` gets."""
        parts = urlsplit(target)
        if parts.path == "/feed/":
            # Everything is on the first page; past it WordPress answers 404.
            pages = parse_qs(parts.query).get("paged", ["1"])
            return self._feed(headers) if pages == ["1"] else NOT_FOUND
        try:
            if parts.path == "/":
                return Answer(body=self._home().encode())
            if parts.path.startswith(UPLOADS):
                body = stories.picture(parts.path.removeprefix(UPLOADS))
                return Answer(content_type="image/jpeg", body=body)
            story = stories.story(parts.path.strip("/"))
            if story.later and not self._later:
                return NOT_FOUND
            return Answer(body=feed.page(story.slug, self.url).encode())
        except KeyError:
            return NOT_FOUND

    def _feed(self, headers: Message) -> Answer:
        write = feed.later if self._later else feed.feed
        body = write(self._now, self.url)
        modified = feed.newest(self._now, later=self._later)
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        validators = {"ETag": etag, "Last-Modified": format_datetime(_utc(modified), usegmt=True)}
        if _unchanged(headers, etag, modified):
            return Answer(status=HTTPStatus.NOT_MODIFIED, headers=validators)
        return Answer(content_type="application/rss+xml; charset=UTF-8", body=body, headers=validators)

    def _home(self) -> str:
        shown = (*(stories.later() if self._later else ()), *stories.first())
        links = "".join(f'<li><a href="/{story.slug}/">{escape(story.title)}</a></li>\n' for story in shown)
        head = f'<link rel="alternate" type="application/rss+xml" title="{NAME}" href="{self.feed_url}">'
        return f"<!DOCTYPE html>\n<title>{NAME}</title>\n{head}\n<h1>{NAME}</h1>\n<ul>\n{links}</ul>\n"

    def _close(self, server: "_Server") -> None:
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join()


class _Server(ThreadingTCPServer):
    """The plain TCP server: HTTPServer's would look its own name up in the DNS."""

    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], site: SampleSite) -> None:
        self.site = site
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request: HTTP/1.0 keeps nothing open that a stop would have to wait for."""

    timeout = CLIENT_TIMEOUT
    server: _Server

    def do_GET(self) -> None:
        answer = self.server.site.answer(self.path, self.headers)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 -- same

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server names it so
        """Say nothing: the demo's terminal is for the demo."""


def _unchanged(headers: Message, etag: str, modified: datetime) -> bool:
    """Whether the client has this already; If-None-Match goes before the date (RFC 9110, section 13.2.2)."""
    if tags := headers.get("If-None-Match"):
        return etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    try:
        since = parsedate_to_datetime(headers.get("If-Modified-Since", ""))
    except ValueError:
        return False
    return _utc(modified) <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
