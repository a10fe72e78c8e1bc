"""Fetching what a real WordPress answered, byte for byte: `data/NAME.headers` begins with its request."""

import re
from datetime import UTC, datetime

from wire_site import DATA, Request, WireSite, wire_site

from digest.feed.fetch import Fetched, NotModified, Validators, client, fetch
from digest.feed.read import read

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def recorded(name: str, site: WireSite) -> bytes:
    """Give a recorded answer, at the address of this site."""
    head = (DATA / f"{name}.headers").read_text(encoding="latin-1").partition("\n")[2]
    body = (DATA / name).read_bytes() if (DATA / name).exists() else b""
    moved = head.strip().replace("http://127.0.0.1/", site.url("/"))
    return moved.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body


def conditions(name: str) -> tuple[str, str]:
    """Give the validators that a recorded answer was asked with."""
    asked = (DATA / f"{name}.headers").read_text(encoding="latin-1").partition("\n")[0]
    found = re.fullmatch(r".* -H If-None-Match: (.+) -H If-Modified-Since: (.+)", asked)
    assert found
    return found[1], found[2]


async def test_a_wordpress_that_answers_304_is_asked_again_as_it_was_recorded() -> None:
    def wordpress(request: Request) -> bytes:
        asked = (request.get("if-none-match", ""), request.get("if-modified-since", ""))
        return recorded("t0-304.xml" if asked == conditions("t0-304.xml") else "t0.xml", site)

    async with wire_site() as site, client("https://news.ledger.example/", site.url()) as web:
        site.questions["/feed/"] = wordpress
        first = await fetch(web, site.url(), Validators(), now=NOW)
        assert isinstance(first, Fetched)
        assert len(read(first.body, first.headers, url=first.url, now=NOW).articles) == 10
        second = await fetch(web, site.url(), first.validators, now=NOW)
        assert second == NotModified(url=site.url(), validators=first.validators)


async def test_the_address_without_its_last_slash_moves_to_the_one_with_it() -> None:
    async with wire_site() as site, client("https://news.ledger.example/", site.url()) as web:
        site.pages["/feed"] = recorded("redirect-noslash.txt", site)
        site.pages["/feed/"] = recorded("t0.xml", site)
        outcome = await fetch(web, site.url("/feed"), Validators(), now=NOW)
        assert isinstance(outcome, Fetched)
        assert (outcome.url, outcome.permanent_url) == (site.url(), site.url())
