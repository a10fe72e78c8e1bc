"""Fetching: what comes of each answer. A test's first words are the rule that it shows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import httpx2
import pytest
from wire_site import DATA, ETAG, FEED, MODIFIED, PAGE, Page, Request, WireSite, answer, wire_site

from digest.feed.agent import CONNECT_SECONDS, MOST_REDIRECTS
from digest.feed.fetch import (
    FETCH_SECONDS,
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
KNOWN = Validators(etag=ETAG, last_modified=MODIFIED, body_hash=sha256(FEED).hexdigest())


@pytest.fixture
async def site() -> AsyncIterator[WireSite]:
    async with wire_site() as made:
        yield made


@pytest.fixture
async def web(site: WireSite) -> AsyncIterator[httpx2.AsyncClient]:
    async with client("https://news.ledger.example/", site.url()) as made:
        yield made


async def get(
    web: httpx2.AsyncClient, site: WireSite, page: Page, known: Validators | None = None
) -> Outcome:
    site.pages["/feed/"] = page
    return await fetch(web, site.url(), known or Validators(), now=NOW)


async def test_own_user_agent_with_a_contact_url(web: httpx2.AsyncClient, site: WireSite) -> None:
    await get(web, site, answer(FEED))
    assert site.requests[0]["user-agent"].startswith("digest/")
    assert "(+https://news.ledger.example/)" in site.requests[0]["user-agent"]


async def test_connect_10_s_and_the_whole_fetch_30_s(web: httpx2.AsyncClient) -> None:
    assert (CONNECT_SECONDS, FETCH_SECONDS) == (10.0, 30.0)
    assert web.timeout.connect == CONNECT_SECONDS


async def test_validators_are_stored_verbatim_quotes_and_weakness_included(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    outcome = await get(web, site, answer(FEED, f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}"))
    assert isinstance(outcome, Fetched)
    assert (outcome.body, outcome.url, outcome.permanent_url) == (FEED, site.url(), None)
    assert outcome.validators == KNOWN


@pytest.mark.parametrize("etag", [ETAG, '"strong"', 'W/"caf\xe9"', "unquoted", '"with, comma"'])
async def test_validators_go_back_as_they_came_and_304_is_its_own_outcome(
    web: httpx2.AsyncClient, site: WireSite, etag: str
) -> None:
    known = Validators(etag=etag, last_modified=MODIFIED, body_hash="ab")
    outcome = await get(web, site, answer(status="304 Not Modified"), known)
    assert outcome == NotModified(url=site.url(), validators=known)
    assert site.requests[0]["if-none-match"] == etag
    assert site.requests[0]["if-modified-since"] == MODIFIED


async def test_a_304_that_nobody_asked_for_is_a_failure(web: httpx2.AsyncClient, site: WireSite) -> None:
    outcome = await get(web, site, answer(status="304 Not Modified"))
    assert isinstance(outcome, Failed)
    assert "answers 304 to a question that had no condition" in outcome.reason


async def test_one_unconditional_fetch_sees_what_a_304_can_hide(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    def hiding(request: Request) -> bytes:
        asked = "if-none-match" in request or "if-modified-since" in request
        return answer(status="304 Not Modified") if asked else answer(FEED, f"ETag: {ETAG}")

    site.questions["/feed/"] = hiding
    known = Validators(etag=ETAG, last_modified=MODIFIED, body_hash="before an article was trashed")
    assert isinstance(await fetch(web, site.url(), known, now=NOW), NotModified)
    assert isinstance(await fetch(web, site.url(), known, now=NOW, conditional=False), Fetched)


async def test_an_unconditional_fetch_brings_a_body_that_is_known(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    site.pages["/feed/"] = answer(FEED, f"ETag: {ETAG}")
    assert isinstance(await fetch(web, site.url(), KNOWN, now=NOW, conditional=False), Fetched)


@pytest.mark.parametrize(
    ("name", "etag"),
    [
        ("gzip-nginx.xml.gz", ETAG),
        ("gzip-apache.xml.gz", '"e512c91c480577167e04cf91a54ce655-gzip"'),
    ],
)
async def test_behind_nginx_or_apache_gzip_a_known_body_drops_to_last_modified_alone(
    web: httpx2.AsyncClient, site: WireSite, name: str, etag: str
) -> None:
    """WordPress knows its own ETag alone: it answers 200 as long as the front server's is sent."""

    def wordpress(request: Request) -> bytes:
        if request.get("if-modified-since") == MODIFIED and "if-none-match" not in request:
            return answer(status="304 Not Modified")
        zipped = (DATA / name).read_bytes()
        return answer(zipped, f"ETag: {etag}", f"Last-Modified: {MODIFIED}", "Content-Encoding: gzip")

    site.questions["/feed/"] = wordpress
    first = await fetch(web, site.url(), Validators(), now=NOW)
    assert isinstance(first, Fetched)
    assert b"<rss" in first.body[:200]
    second = await fetch(web, site.url(), first.validators, now=NOW)
    assert isinstance(second, NotModified)
    assert second.validators == Validators(last_modified=MODIFIED, body_hash=first.validators.body_hash)
    third = await fetch(web, site.url(), second.validators, now=NOW)
    assert third == NotModified(url=site.url(), validators=second.validators)
    assert "if-none-match" not in site.requests[-1]


async def test_a_dropped_etag_stays_dropped_when_the_feed_changes(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    known = Validators(last_modified=MODIFIED, body_hash="of another body")
    outcome = await get(web, site, answer(FEED, f"ETag: {ETAG}", f"Last-Modified: {MODIFIED}"), known)
    assert isinstance(outcome, Fetched)
    assert outcome.validators == Validators(last_modified=MODIFIED, body_hash=KNOWN.body_hash)


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
@pytest.mark.parametrize("modified", [True, False])
async def test_301_and_308_name_a_new_address_and_302_and_307_never(
    web: httpx2.AsyncClient, site: WireSite, status: str, *, moves: bool, modified: bool
) -> None:
    site.pages["/new/"] = answer(FEED) if modified else answer(status="304 Not Modified")
    outcome = await get(
        web, site, answer(b"", "Location: /new/", status=status), replace(KNOWN, body_hash="")
    )
    assert isinstance(outcome, Fetched if modified else NotModified)
    assert outcome.permanent_url == (site.url("/new/") if moves else None)


async def test_a_permanent_address_ends_where_a_temporary_redirect_begins(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    site.pages["/b/"] = answer(b"", "Location: /c/", status="302 Found")
    site.pages["/c/"] = answer(b"", "Location: /d/", status="301 Moved Permanently")
    site.pages["/d/"] = answer(FEED)
    outcome = await get(web, site, answer(b"", "Location: /b/", status="301 Moved Permanently"))
    assert isinstance(outcome, Fetched)
    assert (outcome.permanent_url, outcome.url) == (site.url("/b/"), site.url("/d/"))


async def test_redirects_at_most_five(web: httpx2.AsyncClient, site: WireSite) -> None:
    for number in range(MOST_REDIRECTS):
        site.pages[f"/{number}"] = answer(b"", f"Location: /{number + 1}", status="302 Found")
    site.pages[f"/{MOST_REDIRECTS}"] = answer(FEED)
    assert isinstance(await fetch(web, site.url("/0"), Validators(), now=NOW), Fetched)
    outcome = await get(web, site, answer(b"", "Location: /0", status="302 Found"))
    assert isinstance(outcome, Failed)
    assert "redirects more than 5 times" in outcome.reason


async def test_a_redirect_loop_ends(web: httpx2.AsyncClient, site: WireSite) -> None:
    outcome = await get(web, site, answer(b"", "Location: /feed/", status="301 Moved Permanently"))
    assert isinstance(outcome, Failed)
    assert len(site.requests) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/feed", "javascript:1", "", "http://[bad/"]
)
async def test_only_http_and_https_are_redirected_to(
    web: httpx2.AsyncClient, site: WireSite, target: str
) -> None:
    outcome = await get(web, site, answer(b"", f"Location: {target}", status="302 Found"))
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "feed", "", "http://", "http://[bad/", f"http://{'a' * 70}.example/"]
)
async def test_only_http_and_https_are_fetched(web: httpx2.AsyncClient, url: str) -> None:
    assert isinstance(await fetch(web, url, Validators(), now=NOW), Failed)


async def test_a_feed_under_a_pages_media_type_is_a_feed(web: httpx2.AsyncClient, site: WireSite) -> None:
    assert isinstance(await get(web, site, answer(FEED, "Content-Type: text/html")), Fetched)


async def test_410_is_gone_for_good(web: httpx2.AsyncClient, site: WireSite) -> None:
    assert await get(web, site, answer(PAGE, status="410 Gone"), KNOWN) == Gone(url=site.url())


async def test_a_server_that_is_down_is_a_failure(web: httpx2.AsyncClient) -> None:
    outcome = await fetch(web, "http://127.0.0.1:1/feed/", Validators(), now=NOW)
    assert isinstance(outcome, Failed)
    assert "cannot be reached" in outcome.reason


async def test_a_reason_never_shows_the_password_in_an_address(
    web: httpx2.AsyncClient, site: WireSite
) -> None:
    site.pages["/feed/"] = answer(PAGE)
    url = site.url().replace("http://", "http://editor:hunter2@")
    outcome = await fetch(web, url, Validators(), now=NOW)
    assert isinstance(outcome, Failed)
    assert "hunter2" not in outcome.reason


async def test_a_contact_url_need_not_be_ascii(site: WireSite) -> None:
    async with client("https://editor:hunter2@münchen.example/", site.url()) as web:
        await get(web, site, answer(FEED))
    assert "(+https://m%C3%BCnchen.example/)" in site.requests[0]["user-agent"]
