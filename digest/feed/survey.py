"""Asks a site about itself, for set-up: its feed, its page, WordPress' interface. Stores nothing."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import httpx2

from digest.feed.discover import find
from digest.feed.fetch import Failed, Fetched, Validators, fetch
from digest.feed.site import Told, of_feed, of_page, of_wordpress, together, wordpress_index


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A site: its page's address without query and fragment, its feed's, and what it says of itself."""

    url: str
    feed: str
    told: Told


async def survey(client: httpx2.AsyncClient, address: str, *, now: datetime) -> Survey:
    """Ask the site whose page or feed is at `address`. `now` (aware) as for `fetch`.

    Raises FeedError where it cannot be reached or has no feed.
    """
    found = await find(client, address, now=now)
    feed = of_feed(found.feed.body, found.feed.headers, found.feed.url)
    page, url = found.page, found.page_url
    if not page:
        root = urljoin(found.feed.url, "/")
        page, url = await _page(client, feed.link or root, now) or (b"", root)
    interface = wordpress_index(page, url, found.feed.headers)
    wordpress = await _wordpress(client, interface, now) if interface else Told()
    return Survey(
        url=urlsplit(url)._replace(query="", fragment="").geturl().rstrip("/"),
        feed=str(httpx2.URL(found.url)),  # percent-encoded, as it was fetched
        told=together(page=of_page(page, url), feed=feed, wordpress=wordpress),
    )


async def _page(client: httpx2.AsyncClient, url: str, now: datetime) -> tuple[bytes, str] | None:
    """Give a page and where it is."""
    outcome = await fetch(client, url, Validators(), now=now)
    return (outcome.page, outcome.page_url) if isinstance(outcome, Failed) and outcome.page else None


async def _wordpress(client: httpx2.AsyncClient, url: str, now: datetime) -> Told:
    outcome = await fetch(client, url, Validators(), now=now)
    return of_wordpress(outcome.body, outcome.url, now) if isinstance(outcome, Fetched) else Told()
