"""Asks for a feed where it was last, and where else it may be once it is there no more. Changes no ledger."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

import httpx2
import structlog

from digest.config import SAMPLE_FEED
from digest.desk import Desk
from digest.errors import FeedError
from digest.feed.discover import find, named
from digest.feed.fetch import Failed, Fetched, Gone, Outcome, Validators, fetch
from digest.feed.urls import public
from digest.model import Article, FeedStatus
from digest.publish.booking import Opened
from digest.publish.reading import reading
from digest.sample import feed as sample_feed
from digest.store import gaps, moves

log = structlog.get_logger()

MOST_NAMED = 2
"""Feeds that are tried of those which a page names: a site's own comes before its categories'."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of a feed. `feed` has the address from which it came."""

    feed: Opened
    outcome: Outcome


async def ask(
    desk: Desk, http: httpx2.AsyncClient, feed: Opened, now: datetime, *, conditional: bool
) -> Asked:
    """Ask for a feed where it was last. A page that stands for it is asked for its feed, at first.

    Where its site has moved it, and it is gone from there or has failed for a day, its configured address
    is asked again. Raises FeedError where a page names no feed.
    """
    status = feed.status
    if status.url == SAMPLE_FEED:
        body = sample_feed.feed(now, sample_feed.SITE)
        shown = Fetched(body=body, headers={}, url=sample_feed.SITE, validators=Validators())
        return Asked(feed=feed, outcome=shown)
    known = Validators(etag=status.etag, last_modified=status.last_modified, body_hash=status.body_hash)
    outcome = await fetch(http, feed.address, known, now=now, conditional=conditional)
    if isinstance(outcome, Failed) and outcome.page and status.first_fetched_at is None:
        # Later on a page in the feed's place is an error, and guessing would mail another feed's articles.
        found = await find(http, status.url, now=now)
        log.info("feed.discovered", page=status.url, feed=found.url)
        return Asked(feed=replace(feed, address=found.url), outcome=found.feed)
    if feed.address != status.url and _is_lost(outcome, status, now):
        return await _elsewhere(desk, http, feed, now) or Asked(feed=feed, outcome=outcome)
    return Asked(feed=feed, outcome=outcome)


def _is_lost(outcome: Outcome, status: FeedStatus, now: datetime) -> bool:
    failed = isinstance(outcome, Failed) and moves.is_doubted(status.good_at, now)
    return failed or isinstance(outcome, Gone)


async def _elsewhere(desk: Desk, http: httpx2.AsyncClient, feed: Opened, now: datetime) -> Asked | None:
    """Ask the configured address, and what it names if it is a page's: that has to show something known."""
    page = feed.status.url
    back = await fetch(http, page, Validators(), now=now)
    if isinstance(back, Fetched):
        return Asked(feed=replace(feed, address=page), outcome=back)
    if not isinstance(back, Failed):
        return None
    for address in named(back.page, back.page_url)[:MOST_NAMED]:
        found = await fetch(http, address, Validators(), now=now)
        if isinstance(found, Fetched):
            if await _is_known(desk, feed.status, found, now):
                return Asked(feed=replace(feed, address=address), outcome=found)
            log.warning("feed.not_recognised", page=public(page), feed=public(address))
    return None


async def _is_known(desk: Desk, status: FeedStatus, found: Fetched, now: datetime) -> bool:
    try:
        read = await reading(found.body, found.headers, url=found.url, now=now)
    except FeedError:
        return False
    return await asyncio.to_thread(_any_known, desk, status, read.articles)


def _any_known(desk: Desk, status: FeedStatus, shown: tuple[Article, ...]) -> bool:
    with desk.store.read() as session:
        return any(gaps.shown_under(session, status.id, one.guid, "", before=None) for one in shown)
