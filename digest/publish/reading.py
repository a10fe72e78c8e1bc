"""Reads what a feed answered, beside the event loop."""

from collections.abc import Mapping
from datetime import datetime

from digest.errors import FeedError
from digest.feed.apart import read_apart
from digest.feed.read import Reading
from digest.feed.urls import public


async def reading(body: bytes, headers: Mapping[str, str], *, url: str, now: datetime) -> Reading:
    """Read a feed. Raises FeedError, also where it is damaged and shows nothing: that is no "nothing new"."""
    found = await read_apart(body, headers, url=url, now=now)
    if found.complaints and not found.articles:
        raise FeedError(f"{public(url)} shows no article. {found.complaints[0]}")
    return found
