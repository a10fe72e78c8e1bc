"""Discovery: from a site's page to its feed, on a server of this process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from digest.errors import FeedError
from digest.feed.discover import discover, named
from digest.feed.fetch import client

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FEED = (Path(__file__).parent / "data" / "t0.xml").read_bytes()


class Pages(BaseHTTPRequestHandler):
    """Serves what its server's `pages` hold."""

    def do_GET(self) -> None:
        body = self.server.pages.get(self.path)  # type: ignore[attr-defined] # the fixture sets it
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A site."""

    pages: dict[str, bytes]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


@pytest.fixture
def site() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Pages)
    server.pages = {}
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def found(site: Server, path: str) -> str:
    async with client("https://news.ledger.example/") as web:
        return await discover(web, site.url(path), now=NOW)


def page(*links: str) -> bytes:
    return f"<!DOCTYPE html><html><head>{''.join(links)}</head><body>Hello</body></html>".encode()


LINK = '<link rel="alternate" type="application/rss+xml" title="{}" href="{}">'


async def test_the_feeds_own_address_is_itself(site: Server) -> None:
    site.pages["/feed/"] = FEED
    assert await found(site, "/feed/") == site.url("/feed/")


async def test_a_page_names_its_feed_and_the_comments_come_last(site: Server) -> None:
    site.pages["/"] = page(LINK.format("Comments", "/comments/feed/"), LINK.format("Ledger", "news.xml"))
    site.pages["/news.xml"] = site.pages["/comments/feed/"] = FEED
    assert await found(site, "/") == site.url("/news.xml")


@pytest.mark.parametrize("place", ["/feed/", "/rss.xml", "/atom.xml", "/index.xml"])
async def test_a_page_that_names_none_has_it_at_a_usual_place(site: Server, place: str) -> None:
    site.pages["/"] = page()
    site.pages[place] = FEED
    assert await found(site, "/") == site.url(place)


async def test_a_blog_in_a_folder_has_its_feed_below_it(site: Server) -> None:
    site.pages["/blog/"] = page()
    site.pages["/blog/feed/"] = site.pages["/feed/"] = FEED
    assert await found(site, "/blog/") == site.url("/blog/feed/")


async def test_a_page_without_any_feed_is_an_error(site: Server) -> None:
    site.pages["/"] = page(LINK.format("Gone", "/gone.xml"))
    with pytest.raises(FeedError, match="names no feed"):
        await found(site, "/")


async def test_an_address_where_nothing_is_says_why(site: Server) -> None:
    with pytest.raises(FeedError, match="404"):
        await found(site, "/nowhere")


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
