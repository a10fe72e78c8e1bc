"""What a fetch changes in the ledger, in one transaction: a good one, a failure, "not modified".

Two may ask one feed at once, as the service and a command do. Whoever is overtaken by one that began later
changes nothing: what he has seen is older.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from digest.desk import Desk
from digest.feed import paging
from digest.feed.fetch import Fetched, NotModified, Validators
from digest.feed.read import Reading
from digest.model import FeedStatus, LedgerArticle
from digest.publish.paging import Trail
from digest.store import articles, feeds, gaps, health, moves, news
from digest.store.articles import Arrived
from digest.store.gaps import Gap
from digest.store.news import Change

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A feed as it stands when it is about to be asked."""

    status: FeedStatus
    address: str
    """Where it is fetched from."""
    gap: Gap | None


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a good reading changed."""

    arrived: Arrived
    changes: tuple[Change, ...]
    vanished: tuple[LedgerArticle, ...]
    gap: str


def opened(desk: Desk, url: str, now: datetime) -> Opened:
    """Give a feed, making it known at first sight. A gap of articles too old to be mailed is let go."""
    with desk.store.write() as session:
        status = articles.feed(session, url)
        gap = gaps.standing(session, status.id)
        spans = [newsletter.max_age for newsletter in desk.settings.newsletter if url in newsletter.feeds]
        if gap and now - gap.at > max(spans, default=timedelta()):
            log.warning("feed.gap_left", feed=url, gap=gap.said)
            gaps.leave(session, status.id)
            gap = None
        return Opened(status=status, address=moves.address(session, status.id), gap=gap)


def failed(
    desk: Desk, status: FeedStatus, reason: str, now: datetime, *, pause: timedelta, gone: bool
) -> None:
    """Take note that nothing came, and for how long the feed is left alone. All else stays as it was."""
    next_try_at = now + pause if pause else None
    with desk.store.write() as session:
        if feeds.is_overtaken(session, status.id, now, desk.clock()):
            return
        articles.note_fetch(session, status.id, now, last_error=reason, next_try_at=next_try_at, gone=gone)


def not_modified(desk: Desk, feed: Opened, outcome: NotModified, now: datetime) -> None:
    """Take note that a feed is as it was."""
    kept = outcome.validators
    with desk.store.write() as session:
        if feeds.is_overtaken(session, feed.status.id, now, desk.clock()):
            return
        articles.note_fetch(
            session, feed.status.id, now, etag=kept.etag, last_modified=kept.last_modified, gone=False
        )
        moves.note(session, feed.status.id, feed.address, outcome.permanent_url)


def take_in(
    desk: Desk, feed: Opened, outcome: Fetched, trail: Trail, now: datetime, *, read: Reading
) -> Taken | None:
    """Take in all that a trail listed that began with a reading, and whether something may be missing.

    `now` is when the reading was begun: None where one has been taken in that was begun later.
    """
    damaged = bool(read.complaints)
    # A feed that was cut off or damaged is asked for again as a whole, however sure its server is.
    kept = Validators() if damaged else outcome.validators
    feed_id, guids = feed.status.id, {article.guid for article in trail.articles}
    with desk.store.write() as session:
        if feed.status.first_fetched_at is None:
            feed_id = feeds.succeed(session, feed_id, guids, desk.settings.site.feeds)
        if feeds.is_overtaken(session, feed_id, now, desk.clock()):
            return None
        said = feed.gap.said if feed.gap else ""
        if trail.broken:
            since = gaps.newest(session, feed_id, before=feed.gap.at if feed.gap else None)
            said = paging.gap(since, paging.oldest(trail.articles).published_at, trail.broken)
            gaps.note(session, feed_id, said, now)
        elif trail.reaches:
            said = ""
            gaps.close(session, feed_id)
        articles.note_fetch(
            session,
            feed_id,
            now,
            etag=kept.etag,
            last_modified=kept.last_modified,
            body_hash=kept.body_hash,
            gone=False,
        )
        moves.note(session, feed_id, feed.address, outcome.permanent_url)
        complaints = " ".join([*read.complaints, *trail.complaints])
        health.note_damage(session, feed_id, complaints, now, lost=read.lost)
        was = news.before(session, feed_id, guids)
        arrived = articles.upsert(session, feed_id, trail.articles, now, whole=trail.whole and not damaged)
        if trail.late:
            late = articles.upsert(session, feed_id, trail.late, now, whole=False)
            arrived = replace(arrived, new=arrived.new + late.new)
        return Taken(
            arrived=arrived,
            changes=news.changes(was, arrived.changed),
            vanished=news.vanished(session, feed_id, now) if arrived.vanished else (),
            gap=said,
        )
