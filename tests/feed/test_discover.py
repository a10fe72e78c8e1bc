"""Discovery: from a site's page to its feed, on a server of this process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from wire_site import CHALLENGE, FEED, WireSite, answer, wire_site

from digest.errors import FeedError
from digest.feed.discover import discover, find, named
from digest.feed.fetch import client

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LINK = '<link rel="alternate" type="application/rss+xml" title="{}" href="{}">'
JSON_LINK = '<link rel="alternate" type="application/{}json" href="/feed.json">'


@pytest.fixture
async def site() -> AsyncIterator[WireSite]:
    async with wire_site() as made:
        yield made


async def found(site: WireSite, path: str = "/") -> str:
    async with client("https://news.ledger.example/", site.url()) as web:
        return await discover(web, site.url(path), now=NOW)


def page(*links: str) -> bytes:
    return f"<!DOCTYPE html><html><head>{''.join(links)}</head><body>Hello</body></html>".encode()


async def test_the_feeds_own_address_is_itself(site: WireSite) -> None:
    site.pages["/feed/"] = answer(FEED)
    assert await found(site, "/feed/") == site.url("/feed/")


async def test_a_site_url_in_place_of_a_feed_url_is_discovered_by_link_rel_alternate(site: WireSite) -> None:
    links = LINK.format("Comments", "/comments/feed/"), LINK.format("Ledger", "news.xml")
    site.pages["/"] = answer(page(*links))
    site.pages["/news.xml"] = site.pages["/comments/feed/"] = answer(FEED)
    assert await found(site) == site.url("/news.xml")


@pytest.mark.parametrize("place", ["/feed/", "/rss.xml", "/atom.xml", "/index.xml"])
async def test_then_feed_rss_atom_and_index_are_tried(site: WireSite, place: str) -> None:
    site.pages["/"] = answer(page())
    site.pages[place] = answer(FEED)
    assert await found(site) == site.url(place)


async def test_a_blog_in_a_folder_has_its_feed_below_it(site: WireSite) -> None:
    site.pages["/blog/"] = answer(page())
    site.pages["/blog/feed/"] = site.pages["/feed/"] = answer(FEED)
    assert await found(site, "/blog/") == site.url("/blog/feed/")


async def test_links_are_relative_to_the_page_where_redirects_end(site: WireSite) -> None:
    site.pages["/"] = answer(b"", "Location: /en/", status="302 Found")
    site.pages["/en/"] = answer(page(LINK.format("", "news.xml")))
    site.pages["/en/news.xml"] = answer(FEED)
    assert await found(site) == site.url("/en/news.xml")


async def test_an_address_that_moved_for_good_is_kept_as_where_it_moved(site: WireSite) -> None:
    site.pages["/"] = answer(page(LINK.format("", "/feed")))
    site.pages["/feed"] = answer(b"", "Location: /feed/", status="301 Moved Permanently")
    site.pages["/feed/"] = answer(FEED)
    assert await found(site) == site.url("/feed/")


@pytest.mark.parametrize("slash", ["/", "\\/"])
async def test_a_json_feed_is_told_from_other_json(site: WireSite, slash: str) -> None:
    site.pages["/"] = answer(page(JSON_LINK.format("")))
    site.pages["/feed.json"] = answer(b'{"version": "2.0"}')
    with pytest.raises(FeedError, match="names no feed"):
        await found(site)
    version = f"https:{slash}{slash}jsonfeed.org{slash}version{slash}1.1"
    site.pages["/"] = answer(page(JSON_LINK.format("feed+")))
    site.pages["/feed.json"] = answer(f'{{"version": "{version}", "items": []}}'.encode())
    assert await found(site) == site.url("/feed.json")


async def test_what_led_to_the_feed_is_told(site: WireSite) -> None:
    site.pages["/"], site.pages["/feed/"] = answer(page()), answer(FEED)
    async with client("https://news.ledger.example/", site.url()) as web:
        told = await find(web, site.url("/"), now=NOW)
    assert (told.url, told.feed.body) == (site.url("/feed/"), FEED)
    assert (told.page, told.page_url) == (page(), site.url("/"))


async def test_a_page_without_any_feed_is_an_error(site: WireSite) -> None:
    site.pages["/"] = answer(page(LINK.format("Gone", "/gone.xml")))
    with pytest.raises(FeedError, match="names no feed"):
        await found(site)


async def test_a_page_that_names_a_thousand_is_asked_for_ten(site: WireSite) -> None:
    site.pages["/"] = answer(page(*(LINK.format("", f"/{number}.xml") for number in range(1_000))))
    with pytest.raises(FeedError, match="names no feed"):
        await found(site)
    assert len(site.requests) == 11


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (answer(b"", status="404 Not Found"), "answers 404"),
        (answer(b"", status="410 Gone"), "taken down for good"),
        (answer(CHALLENGE, "CF-Mitigated: challenge", status="403 Forbidden"), "allow the user agent"),
        (answer(CHALLENGE), "allow the user agent"),
    ],
)
async def test_an_address_where_no_page_is_says_why(site: WireSite, answered: bytes, said: str) -> None:
    site.pages["/"] = answered
    site.pages["/feed/"] = answer(FEED)
    with pytest.raises(FeedError, match=said):
        await found(site)


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="alternate" hreflang="de" href="/de/">',
        '<link rel="stylesheet" type="application/rss+xml" href="/a.css">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:x">',
    ],
)
def test_other_links_name_no_feed(link: str) -> None:
    assert named(page(link), "https://ledger.example/") == ()


def test_a_base_element_is_what_links_are_relative_to() -> None:
    links = '<base href="/news/">', LINK.format("", "feed.xml")
    assert named(page(*links), "https://ledger.example/") == ("https://ledger.example/news/feed.xml",)
