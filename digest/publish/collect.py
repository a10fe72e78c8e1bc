"""Collects: fetches every feed, reads it off the event loop, and takes its articles into the ledger."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
import structlog

from digest.config import SAMPLE_FEED
from digest.desk import Desk
from digest.errors import FeedError
from digest.feed.discover import discover
from digest.feed.fetch import Failed, Fetched, Gone, NotModified, Outcome, Validators, client, fetch
from digest.feed.read import Reading, read
from digest.feed.urls import public
from digest.model import FeedStatus
from digest.sample import feed as sample_feed
from digest.store import articles, locks, moves
from digest.store.articles import Arrived

log = structlog.get_logger()

STALE_FEED = timedelta(hours=2)
"""A last good fetch that is younger than this may stand in for one that fails as an issue is made."""

AT_ONCE = 4
"""Feeds that are fetched at the same time: a site that hangs costs one time-out, and is not overrun."""

GONE_PAUSE = timedelta(days=1)
"""How long a feed that its site calls gone (410) is left alone: if that was a mistake, it comes back."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came of one feed. With an `error` nothing of it was changed in the ledger."""

    url: str
    arrived: Arrived | None = None
    """None where the feed was not modified, or failed."""
    complaints: tuple[str, ...] = ()
    error: str = ""


async def collect(desk: Desk, *, conditional: bool = True, patient: bool = False) -> list[Collected]:
    """Fetch and read every feed of the site, and judge what is new for every newsletter.

    Unconditionally before an issue is frozen: a 304 can hide a trashed post, a late one, an edit. `patient`
    leaves a feed alone for as long as its site has asked for, and one that is gone for a day.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> Collected:
        async with turns:
            return await _one(desk, http, url, conditional=conditional, patient=patient)

    async with client(desk.settings.site.url) as http:
        ended = await asyncio.gather(*map(one, desk.settings.site.feeds), return_exceptions=True)
    await asyncio.to_thread(_judge, desk, desk.clock())
    collected = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        collected.append(result)
    return collected


async def _one(
    desk: Desk, http: httpx2.AsyncClient, url: str, *, conditional: bool, patient: bool
) -> Collected:
    status = await asyncio.to_thread(_status, desk, url)
    now = desk.clock()
    if patient and status.next_try_at is not None and now < status.next_try_at:
        until = f"not asked again before {status.next_try_at:%Y-%m-%d %H:%M} UTC"
        return Collected(url=url, error=f"{status.last_error} It is {until}.")
    try:
        outcome = await _fetch(desk, http, status, now, conditional=conditional)
        if isinstance(outcome, NotModified):
            await asyncio.to_thread(_not_modified, desk, status, outcome, now)
            return Collected(url=url)
        if isinstance(outcome, Fetched):
            reading = await asyncio.to_thread(_read, outcome, now)
            arrived = await asyncio.to_thread(_take_in, desk, status, outcome, reading, now)
            log.info("feed.collected", feed=url, new=len(arrived.new), changed=len(arrived.changed))
            return Collected(url=url, arrived=arrived, complaints=reading.complaints)
    except FeedError as error:
        reason, pause, gone = str(error), timedelta(), False
    else:
        gone = isinstance(outcome, Gone)
        reason, pause = _failure(outcome)
    await asyncio.to_thread(_failed, desk, status, reason, now, pause=pause, gone=gone)
    log.warning("feed.failed", feed=url, reason=reason)
    return Collected(url=url, error=reason)


async def _fetch(
    desk: Desk, http: httpx2.AsyncClient, status: FeedStatus, now: datetime, *, conditional: bool
) -> Outcome:
    """Fetch a feed from where it is. A page that stands for it is asked for its feed once, at first."""
    if status.url == SAMPLE_FEED:
        body = sample_feed.feed(now, sample_feed.SITE)
        return Fetched(body=body, headers={}, url=sample_feed.SITE, validators=Validators())
    known = Validators(etag=status.etag, last_modified=status.last_modified, body_hash=status.body_hash)
    address = await asyncio.to_thread(_address, desk, status)
    outcome = await fetch(http, address, known, now=now, conditional=conditional)
    if isinstance(outcome, Failed) and outcome.page and status.first_fetched_at is None:
        # Later on a page in the feed's place is an error, and guessing would mail another feed's articles.
        found = await discover(http, status.url, now=now)
        await asyncio.to_thread(_found, desk, status, found)
        log.info("feed.discovered", page=status.url, feed=found)
        outcome = await fetch(http, found, known, now=now, conditional=False)
    return outcome


def _read(outcome: Fetched, now: datetime) -> Reading:
    """Read a feed. One that is damaged and shows nothing has failed: that is not "nothing new"."""
    reading = read(outcome.body, outcome.headers, url=outcome.url, now=now)
    if reading.complaints and not reading.articles:
        raise FeedError(f"{public(outcome.url)} shows no article. {reading.complaints[0]}")
    return reading


def _failure(outcome: Failed | Gone) -> tuple[str, timedelta]:
    """Say why nothing came, and for how long the feed is left alone."""
    if isinstance(outcome, Gone):
        remedy = "give its new address in [site] feeds, or take it out"
        return f"{outcome.url} is gone for good (410): {remedy}.", GONE_PAUSE
    return outcome.reason, timedelta(seconds=outcome.retry_after or 0)


def _status(desk: Desk, url: str) -> FeedStatus:
    with desk.store.write() as session:
        return articles.feed(session, url)


def _address(desk: Desk, status: FeedStatus) -> str:
    with desk.store.read() as session:
        return moves.address(session, status.id)


def _found(desk: Desk, status: FeedStatus, target: str) -> None:
    with desk.store.write() as session:
        moves.found(session, status.id, target)


def _failed(
    desk: Desk, status: FeedStatus, reason: str, now: datetime, *, pause: timedelta, gone: bool
) -> None:
    next_try_at = now + pause if pause else None
    with desk.store.write() as session:
        articles.note_fetch(session, status.id, now, last_error=reason, next_try_at=next_try_at, gone=gone)


def _not_modified(desk: Desk, status: FeedStatus, outcome: NotModified, now: datetime) -> None:
    kept = outcome.validators
    with desk.store.write() as session:
        articles.note_fetch(
            session, status.id, now, etag=kept.etag, last_modified=kept.last_modified, gone=False
        )
        moves.note(session, status.id, outcome.permanent_url)


def _take_in(desk: Desk, status: FeedStatus, outcome: Fetched, reading: Reading, now: datetime) -> Arrived:
    # A feed that was cut off or damaged is asked for again as a whole, however sure its server is.
    kept = Validators() if reading.complaints else outcome.validators
    with desk.store.write() as session:
        articles.note_fetch(
            session,
            status.id,
            now,
            etag=kept.etag,
            last_modified=kept.last_modified,
            body_hash=kept.body_hash,
            gone=False,
        )
        moves.note(session, status.id, outcome.permanent_url)
        return articles.upsert(session, status.id, reading.articles, now)


def _judge(desk: Desk, now: datetime) -> None:
    with desk.store.write() as session:
        locks.feeds(session)
        for newsletter in desk.settings.newsletter:
            articles.see_newsletter(session, newsletter.name, newsletter.schedule, newsletter.timezone, now)
            articles.judge_new(session, newsletter.name, newsletter.feeds, newsletter.max_age, now)
