"""Fetching: bodies that come slowly, without end, blown up or cut. Each fails in bounded time and space."""

import gzip
import importlib
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx2
import pytest
from wire_site import (
    DATA,
    ETAG,
    FEED,
    MODIFIED,
    Deed,
    Page,
    WireSite,
    answer,
    endless,
    head,
    silence,
    torn,
    trickle,
    wire_site,
)

from digest.feed.fetch import MOST_BYTES, Failed, Fetched, Outcome, Validators, client, fetch

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BROTLI = importlib.import_module("brotli")  # these two have no types
ZSTD = importlib.import_module("backports.zstd")
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": BROTLI.compress,
    "zstd": ZSTD.compress,
}
CUT = FEED[: len(FEED) // 2]
# Seconds. The real limit is 30; what trickles never ends by itself.
SHORT = 0.2


@pytest.fixture
async def site() -> AsyncIterator[WireSite]:
    async with wire_site() as made:
        yield made


@pytest.fixture
async def web(site: WireSite) -> AsyncIterator[httpx2.AsyncClient]:
    async with client("https://news.ledger.example/", site.url()) as made:
        yield made


async def get(web: httpx2.AsyncClient, site: WireSite, page: Page, seconds: float = 30.0) -> Outcome:
    site.pages["/feed/"] = page
    return await fetch(web, site.url(), Validators(), now=NOW, seconds=seconds)


@pytest.mark.parametrize("coding", PACKED)
async def test_gzip_br_and_zstd_are_asked_for_and_read(
    web: httpx2.AsyncClient, site: WireSite, coding: str
) -> None:
    outcome = await get(web, site, answer(PACKED[coding](FEED), f"Content-Encoding: {coding}"))
    assert isinstance(outcome, Fetched)
    assert outcome.body == FEED
    assert coding in site.requests[0]["accept-encoding"].split(", ")


@pytest.mark.parametrize("coding", PACKED)
async def test_the_decompressed_size_is_capped_at_15_mib_while_streaming(
    web: httpx2.AsyncClient, site: WireSite, coding: str
) -> None:
    bomb = PACKED[coding](b"<rss>" + b"0" * (MOST_BYTES + 1))
    assert len(bomb) < 200_000
    outcome = await get(web, site, answer(bomb, f"Content-Encoding: {coding}"))
    assert isinstance(outcome, Failed)
    assert "larger than 15 MiB" in outcome.reason


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(head(), id="until the connection ends"),
        pytest.param(head("Content-Length: 99999999999"), id="by its length"),
    ],
)
async def test_an_endless_body_is_capped_at_15_mib(
    web: httpx2.AsyncClient, site: WireSite, start: bytes
) -> None:
    outcome = await get(web, site, endless(start + b"<rss>", b"<item/>" * 9_000))
    assert isinstance(outcome, Failed)
    assert "larger than 15 MiB" in outcome.reason


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(silence, id="silence"),
        pytest.param(trickle(b"HTTP/1.1 200 OK\r\n", b"X-Wait: more\r\n"), id="headers in drops"),
        pytest.param(trickle(head() + b"<rss>"), id="a body in drops"),
        pytest.param(
            endless(
                head("Content-Encoding: gzip") + b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\0\0\0\xff\xff" * 200
            ),
            id="a gzip that unpacks to nothing",
        ),
    ],
)
async def test_the_whole_fetch_is_bounded_in_time(
    web: httpx2.AsyncClient, site: WireSite, deed: Deed
) -> None:
    outcome = await get(web, site, deed, SHORT)
    assert isinstance(outcome, Failed)


async def test_a_slow_site_is_told_by_its_time(web: httpx2.AsyncClient, site: WireSite) -> None:
    outcome = await get(web, site, trickle(head() + b"<rss>"), SHORT)
    assert isinstance(outcome, Failed)
    assert "took longer than 0.2 seconds" in outcome.reason


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(answer(FEED, length=len(FEED) + 100), id="a length that is too long"),
        pytest.param(answer(FEED, length=len(FEED) // 2), id="a length that is too short"),
        pytest.param(answer(FEED, "Content-Length: 7"), id="two lengths"),
        pytest.param(head() + CUT, id="the connection ends within"),
        pytest.param(head() + (DATA / "broken-cut.xml").read_bytes(), id="the site ends within"),
        pytest.param(torn(head() + CUT), id="reset within"),
        pytest.param(
            head("Transfer-Encoding: chunked") + b"10\r\n<rss version='2.0", id="a chunk is incomplete"
        ),
        pytest.param(head("Transfer-Encoding: chunked") + b"5\r\n<rss>\r\n", id="the last chunk is missing"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="no HTTP"),
        pytest.param(answer(b"plain", "Content-Encoding: gzip"), id="not the gzip it claims"),
    ],
)
async def test_a_cut_off_body_is_a_failure(web: httpx2.AsyncClient, site: WireSite, page: Page) -> None:
    assert isinstance(await get(web, site, page), Failed)


@pytest.mark.parametrize("coding", PACKED)
async def test_a_compressed_body_that_was_cut_whole_lengths_or_not_is_a_failure(
    web: httpx2.AsyncClient, site: WireSite, coding: str
) -> None:
    packed = PACKED[coding](FEED)
    cut = packed[: len(packed) // 2]
    assert isinstance(await get(web, site, answer(cut, f"Content-Encoding: {coding}")), Failed)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b"<rss version='2.0'><channel>", b"</channel></rss>"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'>", b"</feed>\n<!-- cached -->"),
        (b"<a:feed xmlns:a='http://www.w3.org/2005/Atom'>", b"</a:feed >"),
        (b"<rdf:RDF>", b"</rdf:RDF>"),
        (b"<rss version='2.0'>", b"</rss>\n<br /><b>Warning</b>: Cannot modify header information"),
    ],
)
async def test_a_feed_that_reaches_its_end_is_whole(
    web: httpx2.AsyncClient, site: WireSite, start: bytes, end: bytes
) -> None:
    assert isinstance(await get(web, site, head() + start + end), Fetched)
    assert isinstance(await get(web, site, head() + start), Failed)


async def test_a_feed_in_utf_16_is_whole(web: httpx2.AsyncClient, site: WireSite) -> None:
    assert isinstance(await get(web, site, answer(FEED.decode().encode("utf-16"))), Fetched)


async def test_no_failure_carries_validators_to_store(web: httpx2.AsyncClient, site: WireSite) -> None:
    outcome = await get(web, site, head(f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}") + CUT)
    assert isinstance(outcome, Failed)
    assert not hasattr(outcome, "validators")
    assert "cut off" in outcome.reason
