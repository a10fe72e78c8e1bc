"""Decides which feeds an issue waits for. Pure: what the ledger knows of feeds and `now` go in."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

STALE_FEED = timedelta(hours=2)
"""A last good fetch that is younger than this may stand in for one that fails as an issue is made."""

GIVEN_UP = timedelta(days=1)
"""A feed that has given nothing for so long keeps its newsletter's other feeds waiting no more."""


class Known(Protocol):
    """What the ledger knows of a feed."""

    @property
    def url(self) -> str:
        """As it is configured."""

    @property
    def good_at(self) -> datetime | None:
        """When it was last read."""

    @property
    def gone(self) -> bool:
        """Whether its site has said that it is gone for good (410)."""


def awaited(feeds: Collection[Known], failing: Collection[str], now: datetime) -> set[str]:
    """Give the URLs of those feeds of a newsletter, of all its `feeds`, that its issue waits for.

    It waits for one that is `failing` and whose last good fetch is too old to stand in: for its grace, and is
    skipped then. What is gone for good would have it skipped for ever, and so would, beside another that
    gives, what has given nothing for a day or ever: then the issue is made of what the others have, and of
    what was collected before.
    """
    missing = {one.url for one in feeds if one.url in failing and not _within(one, STALE_FEED, now)}
    alone = all(one.url in missing for one in feeds)
    return {
        one.url
        for one in feeds
        if one.url in missing and not one.gone and (alone or _within(one, GIVEN_UP, now))
    }


def _within(feed: Known, span: timedelta, now: datetime) -> bool:
    """Whether a feed was read within a span. In a time before the last fetch the clock has been set back."""
    return feed.good_at is not None and timedelta() <= now - feed.good_at < span
