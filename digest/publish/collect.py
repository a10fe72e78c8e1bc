"""Collects: fetches every feed, reads it off the event loop, and takes its articles into the ledger."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx2
import structlog

from digest.desk import Desk
from digest.errors import DigestError, FeedError
from digest.feed.fetch import Failed, Fetched, Gone, NotModified, client
from digest.feed.paging import is_same_page
from digest.feed.urls import public
from digest.model import Article, LedgerArticle
from digest.publish import booking, whereabouts
from digest.publish.lost import bring_back
from digest.publish.paging import Walk
from digest.publish.pictures import find_dead, find_pictures
from digest.publish.reading import reading
from digest.spans import spelled
from digest.store import articles, locks
from digest.store.articles import Arrived
from digest.store.news import Change

log = structlog.get_logger()

AT_ONCE = 4
"""Feeds that are fetched at the same time: a site that hangs costs one time-out, and is not overrun."""

MOST_SECONDS = 600.0
"""What one feed may take in all. Each part has a limit of its own: this is for what nobody has thought of."""

GONE_PAUSE = timedelta(days=1)
"""How long a feed that its site calls gone (410) is left alone: if that was a mistake, it comes back."""

LONGEST_PAUSE = timedelta(days=1)
"""What a site may ask for with Retry-After, too. A longer one was noted by a clock that has been set back."""

MISTAKE = "digest itself cannot take this feed, which is its mistake: please report it with the log"

GAP_HOPE = timedelta(hours=2)
"""For so long every run tries to close a gap; then only by hand and before an issue: it is many pages."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came of one feed. With an `error` nothing of it was changed in the ledger."""

    url: str
    arrived: Arrived | None = None
    """None where the feed was not modified, or failed."""
    changes: tuple[Change, ...] = ()
    """Of each article that was edited, what."""
    vanished: tuple[LedgerArticle, ...] = ()
    """What the feed has dropped, or whose link is dead."""
    pages: int = 1
    gap: str = ""
    """What may be missing, in a sentence, as long as that is so."""
    complaints: tuple[str, ...] = ()
    error: str = ""
    shown: tuple[Article, ...] = field(default=(), repr=False)
    """What the feed lists, over all the pages that were read."""


def _nothing() -> None:
    """Take no notice of a page."""


async def collect(
    desk: Desk,
    urls: Sequence[str] | None = None,
    *,
    conditional: bool = True,
    patient: bool = False,
    on_page: Callable[[], None] = _nothing,
) -> list[Collected]:
    """Fetch and read these feeds, or every feed of the site, and judge what is new for every newsletter.

    Unconditionally before an issue is frozen: a 304 can hide a trashed post, a late one, an edit. `patient`
    leaves a feed alone for as long as its site has asked for, and one that is gone for a day. `on_page` is
    called for each further page that is asked.
    """
    urls = desk.settings.site.feeds if urls is None else urls
    collected = await ask_feeds(desk, urls, conditional=conditional, patient=patient, on_page=on_page)
    await find_pictures(desk, on_page)
    return collected


async def ask_feeds(
    desk: Desk,
    urls: Sequence[str],
    *,
    conditional: bool,
    patient: bool = False,
    on_page: Callable[[], None] = _nothing,
    seconds: float = MOST_SECONDS,
) -> list[Collected]:
    """Do what `collect` does, but for the search for pictures. `seconds` are what one feed may take."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> Collected:
        async with turns, client(desk.settings.site.url, url) as http:
            try:
                async with asyncio.timeout(seconds) as limit:
                    return await _one(
                        desk, http, url, conditional=conditional, patient=patient, on_page=on_page
                    )
            except TimeoutError:
                if not limit.expired():
                    raise
                return await asyncio.to_thread(_late, desk, url, seconds)

    ended = await asyncio.gather(*map(one, urls), return_exceptions=True)
    await asyncio.to_thread(_judge, desk, desk.clock())
    collected = []
    for url, result in zip(urls, ended, strict=True):
        if isinstance(result, Exception) and not isinstance(result, DigestError):
            # One feed that this program cannot take keeps neither the others nor the readers' pages.
            log.error("feed.mistake", feed=public(url), exc_info=result)
            collected.append(Collected(url=url, error=f"{MISTAKE} ({type(result).__name__}: {result})."))
        elif isinstance(result, BaseException):
            raise result
        else:
            collected.append(result)
    if not conditional:
        shown = {one.url: one.shown for one in collected if one.arrived is not None}
        dead = await find_dead(desk, shown, on_page)
        collected = [
            replace(one, vanished=one.vanished + tuple(gone for gone in dead if gone.feed_url == one.url))
            for one in collected
        ]
    return collected


async def _one(
    desk: Desk,
    http: httpx2.AsyncClient,
    url: str,
    *,
    conditional: bool,
    patient: bool,
    on_page: Callable[[], None],
) -> Collected:
    now = desk.clock()
    feed = await asyncio.to_thread(booking.opened, desk, url, now)
    status, gap = feed.status, feed.gap.said if feed.gap else ""
    if patient and status.next_try_at is not None and now < status.next_try_at <= now + LONGEST_PAUSE:
        until = f"not asked again before {status.next_try_at:%Y-%m-%d %H:%M} UTC"
        return Collected(url=url, gap=gap, error=f"{status.last_error} It is {until}.")
    keen = feed.gap is not None and (not (conditional and patient) or now - feed.gap.at < GAP_HOPE)
    try:
        asked = await whereabouts.ask(desk, http, feed, now, conditional=conditional and not keen)
        feed, outcome = asked.feed, asked.outcome
        if isinstance(outcome, NotModified):
            await asyncio.to_thread(booking.not_modified, desk, feed, outcome, now)
            return Collected(url=url, gap=gap)
        if isinstance(outcome, Fetched):
            read = await reading(outcome.body, outcome.headers, url=outcome.url, now=now)
            walk = Walk(
                desk=desk,
                http=http,
                status=status,
                gap=feed.gap,
                keen=keen,
                thorough=not conditional,
                now=now,
                on_page=on_page,
            )
            trail = await walk.down(outcome, read)
            taken = await asyncio.to_thread(booking.take_in, desk, feed, outcome, trail, now, read=read)
            if taken is None:
                log.info("feed.overtaken", feed=url)
                return Collected(url=url, gap=gap)
            new, changed = len(taken.arrived.new), len(taken.arrived.changed)
            log.info("feed.collected", feed=url, new=new, changed=changed, pages=trail.pages)
            back = () if conditional else await bring_back(desk, walk, status, outcome.url, on_page)
            if trail.broken:
                log.warning("feed.gap", feed=url, gap=taken.gap)
            return Collected(
                url=url,
                arrived=taken.arrived,
                changes=taken.changes,
                vanished=tuple(
                    one for one in taken.vanished if not any(is_same_page(one, each) for each in back)
                ),
                pages=trail.pages,
                gap=taken.gap,
                complaints=read.complaints + trail.complaints,
                shown=trail.articles + trail.late + back,
            )
    except FeedError as error:
        reason, pause, gone = str(error), timedelta(), False
    else:
        gone = isinstance(outcome, Gone)
        reason, pause = _failure(outcome)
    await asyncio.to_thread(booking.failed, desk, status, reason, now, pause=pause, gone=gone)
    log.warning("feed.failed", feed=url, reason=reason)
    return Collected(url=url, gap=gap, error=reason)


def _late(desk: Desk, url: str, seconds: float) -> Collected:
    """Take note that a feed took too long, in whatever of its parts."""
    now = desk.clock()
    feed = booking.opened(desk, url, now)
    span = spelled(timedelta(seconds=seconds))
    reason = f"{public(url)} took longer than {span} in all; see whether the site is slow."
    booking.failed(desk, feed.status, reason, now, pause=timedelta(), gone=False)
    log.warning("feed.failed", feed=url, reason=reason)
    return Collected(url=url, gap=feed.gap.said if feed.gap else "", error=reason)


def _failure(outcome: Failed | Gone) -> tuple[str, timedelta]:
    """Say why nothing came, and for how long the feed is left alone."""
    if isinstance(outcome, Gone):
        remedy = "give its new address in [site] feeds, or take it out"
        return f"{outcome.url} is gone for good (410): {remedy}.", GONE_PAUSE
    return outcome.reason, timedelta(seconds=outcome.retry_after or 0)


def _judge(desk: Desk, now: datetime) -> None:
    with desk.store.write() as session:
        locks.feeds(session)
        for newsletter in desk.settings.newsletter:
            articles.see_newsletter(session, newsletter.name, newsletter.schedule, newsletter.timezone, now)
            articles.judge_new(session, newsletter.name, newsletter.feeds, newsletter.max_age, now)
