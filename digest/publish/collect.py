"""Collects: fetches every feed, reads it off the event loop, and takes its articles into the ledger."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
import structlog

from digest.config import SAMPLE_FEED
from digest.desk import Desk
from digest.errors import FeedError
from digest.feed.fetch import Fetched, Gone, NotModified, Outcome, Validators, client, fetch
from digest.feed.read import Reading, read
from digest.model import FeedStatus
from digest.sample import feed as sample_feed
from digest.store import articles
from digest.store.articles import Arrived

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came of one feed. With an `error` nothing of it was changed in the ledger."""

    url: str
    arrived: Arrived | None = None
    """None where the feed was not modified, or failed."""
    complaints: tuple[str, ...] = ()
    error: str = ""


async def collect(desk: Desk, *, conditional: bool = True) -> list[Collected]:
    """Fetch and read every feed of the site, and judge what is new for every newsletter.

    Unconditionally before an issue is frozen: a 304 can hide a trashed post, a late one, an edit.
    """
    async with client(desk.settings.site.url) as http:
        collected = [await _one(desk, http, url, conditional=conditional) for url in desk.settings.site.feeds]
    await asyncio.to_thread(_judge, desk, desk.clock())
    return collected


async def _one(desk: Desk, http: httpx2.AsyncClient, url: str, *, conditional: bool) -> Collected:
    status = await asyncio.to_thread(_status, desk, url)
    now = desk.clock()
    outcome = await _fetch(http, status, now, conditional=conditional)
    try:
        if isinstance(outcome, NotModified):
            await asyncio.to_thread(_note, desk, status, now, validators=outcome.validators)
            return Collected(url=url)
        if isinstance(outcome, Fetched):
            reading = await asyncio.to_thread(read, outcome.body, outcome.headers, url=outcome.url, now=now)
            arrived = await asyncio.to_thread(_take_in, desk, status, outcome, reading, now)
            log.info("feed.collected", feed=url, new=len(arrived.new), changed=len(arrived.changed))
            return Collected(url=url, arrived=arrived, complaints=reading.complaints)
    except FeedError as error:
        reason = str(error)
    else:
        reason = _reason(outcome)
    retry = outcome.retry_after if not isinstance(outcome, Fetched | NotModified | Gone) else None
    await asyncio.to_thread(
        _note, desk, status, now, error=reason, retry_after=retry, gone=isinstance(outcome, Gone)
    )
    log.warning("feed.failed", feed=url, reason=reason)
    return Collected(url=url, error=reason)


async def _fetch(
    http: httpx2.AsyncClient, status: FeedStatus, now: datetime, *, conditional: bool
) -> Outcome:
    if status.url == SAMPLE_FEED:
        body = sample_feed.feed(now, sample_feed.SITE)
        return Fetched(body=body, headers={}, url=sample_feed.SITE, validators=Validators())
    known = Validators(etag=status.etag, last_modified=status.last_modified, body_hash=status.body_hash)
    return await fetch(http, status.url, known, now=now, conditional=conditional)


def _reason(outcome: Outcome) -> str:
    if isinstance(outcome, Gone):
        return f"{outcome.url} is gone for good (410): give its new address in [site] feeds, or take it out."
    return "" if isinstance(outcome, Fetched | NotModified) else outcome.reason


def _status(desk: Desk, url: str) -> FeedStatus:
    with desk.store.write() as session:
        return articles.feed(session, url)


def _note(
    desk: Desk,
    status: FeedStatus,
    now: datetime,
    *,
    validators: Validators | None = None,
    error: str = "",
    retry_after: float | None = None,
    gone: bool = False,
) -> None:
    columns: dict[str, object] = {"last_error": error, "gone": gone}
    if validators is not None:
        columns |= {"etag": validators.etag, "last_modified": validators.last_modified}
    if retry_after is not None:
        columns["next_try_at"] = now + timedelta(seconds=retry_after)
    with desk.store.write() as session:
        articles.note_fetch(session, status.id, now, **columns)


def _take_in(desk: Desk, status: FeedStatus, outcome: Fetched, reading: Reading, now: datetime) -> Arrived:
    with desk.store.write() as session:
        articles.note_fetch(
            session,
            status.id,
            now,
            etag=outcome.validators.etag,
            last_modified=outcome.validators.last_modified,
            body_hash=outcome.validators.body_hash,
            gone=False,
        )
        return articles.upsert(session, status.id, reading.articles, now)


def _judge(desk: Desk, now: datetime) -> None:
    with desk.store.write() as session:
        for newsletter in desk.settings.newsletter:
            articles.see_newsletter(session, newsletter.name, newsletter.schedule, newsletter.timezone, now)
            articles.judge_new(session, newsletter.name, newsletter.feeds, newsletter.max_age, now)
