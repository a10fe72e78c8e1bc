"""Fetching: pages where a feed was due, sites that turn us away, and how long they ask us to wait."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest
from wire_site import CHALLENGE, DATA, PAGE, WireSite, answer, wire_site

from digest.feed.fetch import Blocked, Failed, Outcome, Validators, client, fetch

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HTML = "Content-Type: text/html; charset=UTF-8"
DAY = 86_400.0


@pytest.fixture
async def site() -> AsyncIterator[WireSite]:
    async with wire_site() as made:
        yield made


@pytest.fixture
async def web(site: WireSite) -> AsyncIterator[httpx2.AsyncClient]:
    async with client("https://news.ledger.example/", site.url()) as made:
        yield made


async def get(web: httpx2.AsyncClient, site: WireSite, page: bytes) -> Outcome:
    site.pages["/feed/"] = page
    return await fetch(web, site.url(), Validators(), now=NOW)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            answer(CHALLENGE, HTML, "Server: cloudflare", "CF-Mitigated: challenge", status="403 Forbidden"),
            id="Cloudflare",
        ),
        pytest.param(
            answer(CHALLENGE, HTML, "Retry-After: 30", status="503 Service Unavailable"),
            id="Cloudflare of old",
        ),
        pytest.param(answer(PAGE, HTML, status="403 Forbidden"), id="403 with HTML"),
        pytest.param(answer(PAGE, HTML, status="503 Service Unavailable"), id="503 with HTML"),
        pytest.param(answer(CHALLENGE, HTML), id="a challenge under 200"),
        pytest.param(
            answer(b"", "X-Amzn-Waf-Action: captcha", status="405 Method Not Allowed"), id="AWS captcha"
        ),
        pytest.param(
            answer(
                b'<html><meta http-equiv="refresh" content="0;/.well-known/sgcaptcha/?r=%2Ffeed%2F"></html>',
                HTML,
                status="202 Accepted",
            ),
            id="SiteGround",
        ),
        pytest.param(answer(b"", status="403 Forbidden"), id="403 without a word"),
        pytest.param(answer(b"", status="401 Unauthorized"), id="401"),
        pytest.param(answer(b"slow down", status="429 Too Many Requests"), id="429"),
    ],
)
async def test_a_challenge_page_is_a_failure_that_says_which_user_agent_to_allow(
    web: httpx2.AsyncClient, site: WireSite, page: bytes
) -> None:
    outcome = await get(web, site, page)
    assert isinstance(outcome, Blocked)
    assert "allow the user agent 'digest/" in outcome.reason


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(answer(b"", status="404 Not Found"), id="404"),
        pytest.param(answer(PAGE, HTML, status="500 Internal Server Error"), id="500 with HTML"),
        pytest.param(answer(b"upstream", status="503 Service Unavailable"), id="503 without a page"),
        pytest.param(answer(PAGE, HTML), id="a page of the site"),
    ],
)
async def test_a_site_in_trouble_is_not_called_one_that_blocks_us(
    web: httpx2.AsyncClient, site: WireSite, page: bytes
) -> None:
    outcome = await get(web, site, page)
    assert isinstance(outcome, Failed)
    assert not isinstance(outcome, Blocked)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \r\n\n", id="white space"),
        pytest.param(PAGE, id="page"),
        pytest.param(b"\xef\xbb\xbf\n<html xmlns='http://www.w3.org/1999/xhtml'></html>", id="XHTML page"),
        pytest.param(b"<!-- <rss></rss> --><html></html>", id="page with a comment"),
        pytest.param(b"<h1>Error</h1>", id="piece of a page"),
        pytest.param(b"OK", id="words"),
    ],
)
async def test_an_empty_200_and_html_where_xml_was_due_are_failures(
    web: httpx2.AsyncClient, site: WireSite, body: bytes
) -> None:
    outcome = await get(web, site, answer(body, "Content-Type: application/rss+xml"))
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    ("name", "status"),
    [("broken-500.xml", "500 Internal Server Error"), ("t0-page5-past-end.xml", "404 Not Found")],
)
async def test_an_error_is_a_failure_whatever_its_body_says(
    web: httpx2.AsyncClient, site: WireSite, name: str, status: str
) -> None:
    outcome = await get(web, site, answer((DATA / name).read_bytes(), status=status))
    assert isinstance(outcome, Failed)
    assert status[:3] in outcome.reason


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 03:05:00 GMT", 300.0),
        ("Tuesday, 24-Nov-26 03:05:00 GMT", 300.0),
        ("Tue, 24 Nov 2026 02:00:00 GMT", 0.0),
        ("99999999", DAY),
        ("9" * 5_000, DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Mon, 99 Foo 2026 03:05:00 GMT", None),
    ],
)
async def test_429_and_503_obey_retry_after_in_seconds_or_as_a_date_at_most_a_day(
    web: httpx2.AsyncClient, site: WireSite, status: str, value: str, seconds: float | None
) -> None:
    outcome = await get(web, site, answer(b"", f"Retry-After: {value}", status=status))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == seconds


@pytest.mark.parametrize(
    ("date", "due", "seconds"),
    [
        pytest.param("Tue, 24 Nov 2026 02:00:00 GMT", "Tue, 24 Nov 2026 02:10:00 GMT", 600.0, id="behind"),
        pytest.param("Tue, 24 Nov 2026 09:00:00 GMT", "Tue, 24 Nov 2026 09:10:00 GMT", 600.0, id="ahead"),
        pytest.param("Thu, 01 Jan 1970 00:00:10 GMT", "Thu, 01 Jan 1970 00:01:10 GMT", 60.0, id="1970"),
        pytest.param("yesterday", "Tue, 24 Nov 2026 03:05:00 GMT", 300.0, id="no date"),
    ],
)
async def test_a_retry_after_date_is_measured_by_the_sites_own_clock(
    web: httpx2.AsyncClient, site: WireSite, date: str, due: str, seconds: float
) -> None:
    page = answer(b"", f"Date: {date}", f"Retry-After: {due}", status="503 Service Unavailable")
    outcome = await get(web, site, page)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == seconds


async def test_what_a_cache_kept_has_aged(web: httpx2.AsyncClient, site: WireSite) -> None:
    headers = (
        "Date: Tue, 24 Nov 2026 02:50:00 GMT",
        "Age: 540",
        "Retry-After: Tue, 24 Nov 2026 03:00:00 GMT",
    )
    outcome = await get(web, site, answer(b"", *headers, status="503 Service Unavailable"))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == 60.0
