"""Fetching, against a server that does on the wire what servers do."""

import asyncio
import gzip
import importlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

from digest.feed.fetch import (
    MOST_BYTES,
    Failed,
    Fetched,
    Gone,
    NotModified,
    Outcome,
    Validators,
    client,
    fetch,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DATA = Path(__file__).parent / "data"
FEED = (DATA / "t0.xml").read_bytes()
PAGE = b"<!DOCTYPE html><html><title>Just a moment</title></html>"
BROTLI = importlib.import_module("brotli")  # it has no types
ETAG = 'W/"e512c91c480577167e04cf91a54ce655"'
MODIFIED = "Tue, 24 Nov 2026 02:33:42 GMT"


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Site:
    """A raw HTTP server: answers by path with the bytes it was given, and remembers every request."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Callable[[dict[str, str]], bytes]] = {}
        self.requests: list[dict[str, str]] = []
        self.port = 0
        self.silent = asyncio.Event()

    def url(self, path: str = "/feed/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        request = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        self.requests.append(request)
        page = self.pages.get(head[0].split(" ")[1])
        if page is None:
            await self.silent.wait()
        else:
            writer.write(page(request) if callable(page) else page)
            await writer.drain()
        writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    site.silent.set()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def web() -> AsyncIterator[httpx2.AsyncClient]:
    async with client("https://news.ledger.example/") as made:
        yield made


async def get(web: httpx2.AsyncClient, site: Site, page: bytes, known: Validators | None = None) -> Outcome:
    site.pages["/feed/"] = page
    return await fetch(web, site.url(), known or Validators(), now=NOW)


async def test_a_good_answer_brings_its_body_and_verbatim_validators(
    web: httpx2.AsyncClient, site: Site
) -> None:
    outcome = await get(web, site, answer(FEED, f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}"))
    assert isinstance(outcome, Fetched)
    assert outcome.body == FEED
    assert outcome.url == site.url()
    assert outcome.permanent_url is None
    assert outcome.validators == Validators(
        etag=ETAG, last_modified=MODIFIED, body_hash=sha256(FEED).hexdigest()
    )


async def test_we_say_who_we_are_and_whom_to_write_to(web: httpx2.AsyncClient, site: Site) -> None:
    await get(web, site, answer(FEED))
    assert site.requests[0]["user-agent"].startswith("digest/")
    assert "(+https://news.ledger.example/)" in site.requests[0]["user-agent"]
    assert {"gzip", "br", "zstd"} <= set(site.requests[0]["accept-encoding"].split(", "))


async def test_validators_go_back_as_they_came_and_a_304_keeps_them(
    web: httpx2.AsyncClient, site: Site
) -> None:
    known = Validators(etag='W/"caf\xe9"', last_modified=MODIFIED, body_hash="ab")
    outcome = await get(web, site, answer(status="304 Not Modified"), known)
    assert outcome == NotModified(url=site.url(), validators=known)
    assert site.requests[0]["if-none-match"] == known.etag
    assert site.requests[0]["if-modified-since"] == MODIFIED


async def test_an_unconditional_fetch_sends_no_validators(web: httpx2.AsyncClient, site: Site) -> None:
    site.pages["/feed/"] = answer(FEED, f"ETag: {ETAG}")
    known = Validators(etag=ETAG, last_modified=MODIFIED, body_hash=sha256(FEED).hexdigest())
    outcome = await fetch(web, site.url(), known, now=NOW, conditional=False)
    assert isinstance(outcome, Fetched)
    assert not {"if-none-match", "if-modified-since"} & set(site.requests[0])


async def test_a_304_that_nobody_asked_for_is_a_failure(web: httpx2.AsyncClient, site: Site) -> None:
    assert isinstance(await get(web, site, answer(status="304 Not Modified")), Failed)


@pytest.mark.parametrize("name", ["gzip-nginx.xml.gz", "gzip-apache.xml.gz"])
async def test_an_etag_that_a_front_server_rewrote_is_dropped_for_last_modified_alone(
    web: httpx2.AsyncClient, site: Site, name: str
) -> None:
    """The server answers 200 as long as the ETag is sent, and 304 to Last-Modified alone."""

    def front(request: dict[str, str]) -> bytes:
        if "if-modified-since" in request and "if-none-match" not in request:
            return answer(status="304 Not Modified")
        zipped = (DATA / name).read_bytes()
        return answer(zipped, f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}", "Content-Encoding: gzip")

    site.pages["/feed/"] = front
    first = await fetch(web, site.url(), Validators(), now=NOW)
    assert isinstance(first, Fetched)
    assert b"<rss" in first.body[:200]
    second = await fetch(web, site.url(), first.validators, now=NOW)
    assert isinstance(second, NotModified)
    assert second.validators == Validators(last_modified=MODIFIED, body_hash=first.validators.body_hash)
    third = await fetch(web, site.url(), second.validators, now=NOW)
    assert isinstance(third, NotModified)
    assert "if-none-match" not in site.requests[-1]


async def test_a_dropped_etag_stays_dropped_when_the_feed_changes(
    web: httpx2.AsyncClient, site: Site
) -> None:
    known = Validators(last_modified=MODIFIED, body_hash="of another body")
    outcome = await get(web, site, answer(FEED, f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}"), known)
    assert isinstance(outcome, Fetched)
    assert outcome.validators.etag == ""
    assert outcome.validators.last_modified == MODIFIED


@pytest.mark.parametrize(
    ("status", "moves"),
    [
        ("301 Moved Permanently", True),
        ("308 Permanent Redirect", True),
        ("302 Found", False),
        ("307 Temporary Redirect", False),
        ("303 See Other", False),
    ],
)
async def test_only_a_permanent_redirect_names_a_new_address(
    web: httpx2.AsyncClient, site: Site, status: str, *, moves: bool
) -> None:
    site.pages["/new/"] = answer(FEED)
    outcome = await get(web, site, answer(b"", "Location: /new/", status=status))
    assert isinstance(outcome, Fetched)
    assert outcome.url == site.url("/new/")
    assert outcome.permanent_url == (site.url("/new/") if moves else None)


async def test_a_permanent_address_ends_where_a_temporary_redirect_begins(
    web: httpx2.AsyncClient, site: Site
) -> None:
    site.pages["/b/"] = answer(b"", "Location: /c/", status="302 Found")
    site.pages["/c/"] = answer(b"", "Location: /d/", status="301 Moved Permanently")
    site.pages["/d/"] = answer(FEED)
    outcome = await get(web, site, answer(b"", "Location: /b/", status="301 Moved Permanently"))
    assert isinstance(outcome, Fetched)
    assert (outcome.permanent_url, outcome.url) == (site.url("/b/"), site.url("/d/"))


async def test_a_redirect_loop_ends_after_five(web: httpx2.AsyncClient, site: Site) -> None:
    outcome = await get(web, site, answer(b"", "Location: /feed/", status="302 Found"))
    assert isinstance(outcome, Failed)
    assert "redirects more than 5 times" in outcome.reason
    assert len(site.requests) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/feed", "javascript:1", "", "http://[bad/"]
)
async def test_a_redirect_to_anything_but_the_web_is_refused(
    web: httpx2.AsyncClient, site: Site, target: str
) -> None:
    outcome = await get(web, site, answer(b"", f"Location: {target}", status="302 Found"))
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "feed", "", "http://", "http://[bad/", f"http://{'a' * 70}.example/"]
)
async def test_an_address_that_is_none_is_a_failure(web: httpx2.AsyncClient, url: str) -> None:
    assert isinstance(await fetch(web, url, Validators(), now=NOW), Failed)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(answer(FEED, length=len(FEED) + 100), id="shorter than Content-Length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n<rss version='2.0",
            id="incomplete chunked",
        ),
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="no HTTP"),
        pytest.param(answer(b"plain", "Content-Encoding: gzip"), id="not the gzip it claims"),
    ],
)
async def test_a_broken_transfer_is_a_failure(web: httpx2.AsyncClient, site: Site, page: bytes) -> None:
    assert isinstance(await get(web, site, page), Failed)


@pytest.mark.parametrize("pack", [gzip.compress, BROTLI.compress], ids=["gzip", "br"])
async def test_a_decompression_bomb_stops_at_the_limit(
    web: httpx2.AsyncClient, site: Site, pack: Callable[[bytes], bytes]
) -> None:
    bomb = pack(b"<rss>" + b"0" * (MOST_BYTES + 1))
    assert len(bomb) < 200_000
    name = "gzip" if pack is gzip.compress else "br"
    outcome = await get(web, site, answer(bomb, f"Content-Encoding: {name}"))
    assert isinstance(outcome, Failed)
    assert "15 MiB" in outcome.reason


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Service Unavailable"])
async def test_a_challenge_page_tells_which_user_agent_to_allow(
    web: httpx2.AsyncClient, site: Site, status: str
) -> None:
    outcome = await get(web, site, answer(PAGE, "Content-Type: text/html", status=status))
    assert isinstance(outcome, Failed)
    assert "allow the user agent 'digest/" in outcome.reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 03:05:00 GMT", 300.0),
        ("Tue, 24 Nov 2026 02:00:00 GMT", 0.0),
        ("99999999", 86_400.0),
        ("9" * 5_000, None),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_retry_after_is_read_in_seconds_and_as_a_date(
    web: httpx2.AsyncClient, site: Site, value: str, seconds: float | None
) -> None:
    outcome = await get(web, site, answer(b"", f"Retry-After: {value}", status="429 Too Many Requests"))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \r\n\n", id="white space"),
        pytest.param(PAGE, id="page"),
        pytest.param(b"\xef\xbb\xbf\n<html xmlns='http://www.w3.org/1999/xhtml'></html>", id="XHTML page"),
        pytest.param(b"<!-- <rss> --><html></html>", id="page with a comment"),
        pytest.param(b"<h1>Error</h1>", id="piece of a page"),
        pytest.param(b"OK", id="words"),
    ],
)
async def test_a_200_without_a_feed_is_a_failure(web: httpx2.AsyncClient, site: Site, body: bytes) -> None:
    outcome = await get(web, site, answer(body, "Content-Type: application/rss+xml"))
    assert isinstance(outcome, Failed)


async def test_a_feed_under_a_pages_media_type_is_a_feed(web: httpx2.AsyncClient, site: Site) -> None:
    assert isinstance(await get(web, site, answer(FEED, "Content-Type: text/html")), Fetched)


async def test_an_error_page_of_the_site_is_a_failure(web: httpx2.AsyncClient, site: Site) -> None:
    page = (DATA / "broken-500.xml").read_bytes()
    outcome = await get(web, site, answer(page, status="500 Internal Server Error"))
    assert isinstance(outcome, Failed)
    assert "500" in outcome.reason


async def test_a_page_past_the_end_is_a_failure_though_it_is_well_formed(
    web: httpx2.AsyncClient, site: Site
) -> None:
    page = (DATA / "t0-page5-past-end.xml").read_bytes()
    outcome = await get(web, site, answer(page, status="404 Not Found"))
    assert isinstance(outcome, Failed)
    assert "404" in outcome.reason


async def test_410_is_gone_for_good(web: httpx2.AsyncClient, site: Site) -> None:
    assert await get(web, site, answer(PAGE, status="410 Gone")) == Gone(url=site.url())


async def test_a_server_that_says_nothing_is_given_up_on(web: httpx2.AsyncClient, site: Site) -> None:
    outcome = await fetch(web, site.url("/silent/"), Validators(), now=NOW, seconds=0.05)
    assert isinstance(outcome, Failed)
    assert "longer than 0.05 seconds" in outcome.reason


async def test_a_server_that_is_down_is_a_failure(web: httpx2.AsyncClient) -> None:
    outcome = await fetch(web, "http://127.0.0.1:1/feed/", Validators(), now=NOW)
    assert isinstance(outcome, Failed)
    assert "cannot be reached" in outcome.reason


async def test_a_reason_never_shows_the_password_in_an_address(web: httpx2.AsyncClient, site: Site) -> None:
    site.pages["/feed/"] = answer(PAGE)
    url = site.url().replace("http://", "http://editor:hunter2@")
    outcome = await fetch(web, url, Validators(), now=NOW)
    assert isinstance(outcome, Failed)
    assert "hunter2" not in outcome.reason
