"""Finds again what a feed seems to have dropped: an article that was dated back, or came out of the bin.

It stands beneath the pages that are read, where what is trashed is missing as well. What is lost and has a
living page is looked for in the feed, further down: the feed alone says what is published.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from digest.desk import Desk
from digest.model import Article, FeedStatus, LedgerArticle
from digest.publish.paging import Walk
from digest.publish.pictures import living
from digest.store import articles, pages

log = structlog.get_logger()

LOST_FOR = timedelta(days=7)
"""How long after it has vanished an article is looked for, before each issue."""

MOST_LOST = 20
"""Whose links are asked in one run; the others have their turn in the next."""


async def bring_back(
    desk: Desk, walk: Walk, feed: FeedStatus, first: str, on_page: Callable[[], None]
) -> tuple[Article, ...]:
    """Look for a feed's lost articles below what `walk` has read, and take in what is found. Gives that.

    `first` is where the feed's first page was found.
    """
    lost = await asyncio.to_thread(_lost, desk, feed, walk.now)
    alive = await living(desk, lost, on_page) if lost else []
    found = await walk.search(first, alive) if alive else ()
    if found:
        await asyncio.to_thread(_take_in, desk, feed.url, found, walk.now)
        log.info("articles.found_again", feed=feed.url, links=[article.link for article in found])
    return found


def _lost(desk: Desk, feed: FeedStatus, now: datetime) -> list[LedgerArticle]:
    names = [newsletter.name for newsletter in desk.settings.newsletter if feed.url in newsletter.feeds]
    with desk.store.read() as session:
        return pages.lost(session, names, feed.url, now - LOST_FOR, MOST_LOST)


def _take_in(desk: Desk, url: str, found: tuple[Article, ...], now: datetime) -> None:
    with desk.store.write() as session:
        # The feed's own reading may have been its first here, or told another id.
        articles.upsert(session, articles.feed(session, url).id, found, now, whole=False)
