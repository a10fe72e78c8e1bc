"""Finds a site's feed from the address of any of its pages. For set-up: sending never guesses."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

import httpx2

from digest.errors import FeedError
from digest.feed.fetch import Blocked, Failed, Fetched, Outcome, Validators, fetch
from digest.feed.sniff import Kind, kind
from digest.feed.tree import parsed
from digest.feed.urls import absolute, public

_TYPES = frozenset(
    ["application/rss+xml", "application/atom+xml", "application/feed+json", "application/json"]
)
# Where WordPress, Ghost, Hugo, Jekyll and their like keep it; below the page first, for a blog in a folder.
_USUAL = ("feed/", "/feed/", "/rss.xml", "/atom.xml", "/index.xml", "/feed.xml", "/rss/")
# Requests. A page may name a feed for each of its categories.
_MOST_TRIED = 10
# Sites offer all sorts of JSON; PHP writes the slash with a backslash.
_JSON_FEED = re.compile(rb"jsonfeed\.org\\?/version")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A site's feed: `url` is the address to keep, `feed` what it answered just now."""

    url: str
    feed: Fetched
    page: bytes = b""
    """The page that led to it, empty where the address was the feed's own."""
    page_url: str = ""


async def discover(client: httpx2.AsyncClient, url: str, *, now: datetime) -> str:
    """Give the address of a site's feed, as `find` does."""
    return (await find(client, url, now=now)).url


async def find(client: httpx2.AsyncClient, url: str, *, now: datetime) -> Found:
    """Find a site's feed: `url` itself, one that its page names, or one at a usual place.

    Raises FeedError where there is none. `now` (aware) as for `fetch`.
    """
    first = await fetch(client, url, Validators(), now=now)
    if isinstance(first, Fetched):
        return Found(url=first.permanent_url or url, feed=first)
    if not isinstance(first, Failed) or isinstance(first, Blocked) or not first.page:
        raise FeedError(_why(url, first))
    tried = dict.fromkeys((*named(first.page, first.page_url), *usual(first.page_url)))
    for candidate in list(tried)[:_MOST_TRIED]:
        outcome = await fetch(client, candidate, Validators(), now=now)
        if isinstance(outcome, Fetched) and _is_feed(outcome.body):
            kept = outcome.permanent_url or candidate
            return Found(url=kept, feed=outcome, page=first.page, page_url=first.page_url)
    raise FeedError(f"{public(url)} is a web page that names no feed, and none is at the usual places.")


def named(page: bytes, base: str) -> tuple[str, ...]:
    """Give the feeds that a page names (HTML, 4.6.6.1), in its order; feeds of comments come last."""
    found: list[tuple[bool, str]] = []
    body = parsed(page.decode("utf-8", "replace"))
    own = body.css_first("base[href]")
    base = absolute(own.attributes.get("href") or "", base) or base if own else base
    for link in body.css("link[rel][href]"):
        attributes = {name: (value or "").lower() for name, value in link.attributes.items()}
        target = absolute(link.attributes.get("href") or "", base)
        if "alternate" not in attributes["rel"].split() or attributes.get("type", "") not in _TYPES:
            continue
        if target and "/wp-json/" not in target:  # WordPress names its interface the same way
            found.append(("comment" in attributes.get("title", "") + target.lower(), target))
    return tuple(target for _, target in sorted(found, key=lambda each: each[0]))


def usual(page_url: str) -> tuple[str, ...]:
    """Give the places where feeds usually are."""
    return tuple(urljoin(page_url, place) for place in _USUAL)


def _is_feed(body: bytes) -> bool:
    return kind(body) is Kind.XML or _JSON_FEED.search(body) is not None


def _why(url: str, outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return outcome.reason
    return f"{public(url)} answers 410: it was taken down for good; give the site's new address."
