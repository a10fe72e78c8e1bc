"""A WordPress on loopback, in the test's own loop: posts as authors leave them, and answers of every mood."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from hashlib import md5
from html import escape
from urllib.parse import parse_qs, urlsplit

PER_PAGE = 10
NAMES = ("127.0.0.1", "localhost", "127.1", "127.0.1")
"""All one machine's (the last two by `inet_aton`): to any other within a network no feed may lead."""
NUMBER = re.compile(r"[?]p=(\d+)")
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<channel><title>The Harbour Ledger</title><description>News</description>"
    "<generator>https://wordpress.org/?v=6.1.9</generator>"
)
CLOSING = {"Connection": "close"}


class Fault(Enum):
    """What a site that is ill answers in the place of a feed's page."""

    DOWN = "503, and asks to be left alone for half an hour"
    BROKEN = "500"
    CHALLENGE = "403 with a page for browsers"
    MAINTENANCE = "200 with a page that is no feed"
    EMPTY = "200 and nothing"
    MISSING = "404"
    CUT = "the page's first part, with a length that fits"
    BROKEN_OFF = "the page's first part, and the connection ends"
    DROPPED = "nothing at all"


@dataclass(kw_only=True)
class Post:
    """A post. What its `story` is, no author can change: it stands in every slug that the post has."""

    story: int
    id: int
    """WordPress's own number, which its guid is made of, as is the `host` on which it was written."""
    host: str
    slug: str
    title: str
    date: datetime
    modified: datetime
    live: bool = True
    protected: bool = False
    former: list[str] = field(default_factory=list)
    """Slugs that lead on to the one it has now."""

    @property
    def guid(self) -> str:
        return f"{self.host}/?p={self.id}"

    def item(self, base: str) -> str:
        name = f"Protected: {self.title}" if self.protected else self.title
        text = (
            "There is no excerpt because this is a protected post." if self.protected else "The tide is in."
        )
        return (
            f"<item><title>{escape(name)}</title><link>{base}/{self.slug}/</link><dc:creator>Ada</dc:creator>"
            f"<pubDate>{format_datetime(self.date)}</pubDate>"
            f'<guid isPermaLink="false">{self.guid}</guid><description>{text}</description></item>'
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """What it says of its body's length, where that is not so."""


@dataclass(kw_only=True)
class WordPress:
    """A site. It is found under one name at a time; those that it had or will have lead on to it (301)."""

    base: str = ""
    posts: list[Post] = field(default_factory=list)
    fault: Fault | None = None
    """How the feed's first page is ill, and with it the further ones."""
    page_fault: Fault | None = None
    """How its further pages are."""
    stuck: bool = False
    """A cache before it answers 304 to whoever asks conditionally, whatever has changed."""
    served: list[Post] = field(default_factory=list)
    """What has been listed on pages that came whole, since a test has emptied it."""
    _stories: dict[int, int] = field(default_factory=dict)
    """By every number that a post has had."""
    _moves: int = -1
    _server: asyncio.Server = field(init=False)

    @property
    def feed_url(self) -> str:
        return f"{self.base}/feed/"

    @property
    def is_well(self) -> bool:
        return self.fault is None and self.page_fault is None

    @property
    def listed(self) -> list[Post]:
        """What the feed lists over all its pages."""
        live = (post for post in self.posts if post.live)
        return sorted(live, key=lambda post: (post.date, post.id), reverse=True)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.move()

    def move(self) -> None:
        """Be found under the next name; the others lead on to it."""
        port = self._server.sockets[0].getsockname()[1]
        self._moves += 1
        self.base = f"http://{NAMES[self._moves % len(NAMES)]}:{port}"

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def write(self, story: int, title: str, date: datetime, now: datetime) -> Post:
        """Publish a post under a number that none had yet."""
        made = Post(
            story=story,
            id=1 + max(self._stories, default=0),
            host=self.base,
            slug=f"story-{story}",
            title=title,
            date=date,
            modified=now,
        )
        self.posts.append(made)
        self._stories[made.id] = story
        return made

    def number_anew(self, post: Post) -> None:
        """Give a post another number, and so another guid, as an import does."""
        post.id, post.host = 1 + max(self._stories), self.base
        self._stories[post.id] = post.story

    def story(self, guid: str) -> int:
        """Tell which story a guid stands for, also one that a post had before."""
        found = NUMBER.search(guid)
        assert found is not None
        return self._stories[int(found[1])]

    def answer(self, host: str, target: str, conditions: dict[str, str]) -> Answer | None:
        """Answer a request; None breaks off without a word."""
        if f"http://{host}" != self.base:
            return Answer(status=301, headers={"Location": f"{self.base}{target}"})
        parts = urlsplit(target)
        if parts.path != "/feed/":
            return self._page(parts.path.strip("/"))
        number = int(parse_qs(parts.query).get("paged", ["1"])[0])
        fault = self.fault or (self.page_fault if number > 1 else None)
        healthy = self._feed(number, conditions)
        return _ill(fault, healthy) if fault else healthy

    def _feed(self, number: int, conditions: dict[str, str]) -> Answer:
        modified = max(post.modified for post in self.posts if post.live)
        # WordPress makes the one validator from the other (`WP::send_headers`).
        stamp = format_datetime(modified, usegmt=True)
        etag = f'"{md5(stamp.encode(), usedforsecurity=False).hexdigest()}"'
        if conditions and (
            self.stuck
            or (conditions.get("if-none-match", etag), conditions.get("if-modified-since", stamp))
            == (etag, stamp)
        ):
            return Answer(status=304)
        page = self.listed[(number - 1) * PER_PAGE :][:PER_PAGE]
        items = "".join(post.item(self.base) for post in page)
        body = f"{HEAD}<link>{self.base}</link>{items}</channel></rss>".encode()
        kind = {"Content-Type": "application/rss+xml; charset=UTF-8"}
        if number > 1 and not page:
            return Answer(status=404, body=body, headers=kind)
        if self.fault is None and (number == 1 or self.page_fault is None):
            self.served += page
        return Answer(body=body, headers={**kind, "ETag": etag, "Last-Modified": stamp})

    def _page(self, slug: str) -> Answer:
        for post in self.posts:
            if post.live and slug == post.slug:
                return Answer(
                    body=b"<!DOCTYPE html><title>A story</title>", headers={"Content-Type": "text/html"}
                )
        for post in self.posts:
            if post.live and slug in post.former:
                return Answer(status=301, headers={"Location": f"{self.base}/{post.slug}/"})
        return Answer(status=404, body=b"<!DOCTYPE html><title>Lost at sea</title>")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            wanted = ("if-none-match", "if-modified-since")
            conditions = {name: headers[name] for name in wanted if name in headers}
            answer = self.answer(headers["host"], target, conditions)
            if answer is not None:
                writer.writelines(_on_the_wire(answer, with_body=method != "HEAD"))
                await writer.drain()
        writer.close()


def _on_the_wire(answer: Answer, *, with_body: bool) -> Iterator[bytes]:
    yield f"HTTP/1.1 {answer.status} x\r\n".encode()
    length = len(answer.body) if answer.length is None else answer.length
    headers = answer.headers | CLOSING | ({} if answer.status == 304 else {"Content-Length": str(length)})
    for name, value in headers.items():
        yield f"{name}: {value}\r\n".encode()
    yield b"\r\n"
    if with_body:
        yield answer.body


def _ill(fault: Fault, healthy: Answer) -> Answer | None:
    page = b"<!DOCTYPE html><html><body>Just a moment</body></html>"
    part = healthy.body[: 2 * len(healthy.body) // 3]
    return {
        Fault.DOWN: Answer(status=503, headers={"Retry-After": "1800"}),
        Fault.BROKEN: Answer(status=500),
        Fault.CHALLENGE: Answer(status=403, body=page, headers={"Content-Type": "text/html"}),
        Fault.MAINTENANCE: Answer(body=page, headers={"Content-Type": "text/html"}),
        Fault.EMPTY: Answer(),
        Fault.MISSING: Answer(status=404),
        Fault.CUT: Answer(body=part, headers=healthy.headers),
        Fault.BROKEN_OFF: Answer(body=part, headers=healthy.headers, length=len(healthy.body)),
        Fault.DROPPED: None,
    }[fault]


@contextlib.asynccontextmanager
async def wordpress() -> AsyncIterator[WordPress]:
    """Serve a site until the end of the context."""
    site = WordPress()
    await site.open()
    try:
        yield site
    finally:
        await site.close()
