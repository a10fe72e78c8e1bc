"""Feeds in the ledger, and how their fetching goes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import FeedStatus
from digest.store import rows
from digest.store.tables import ArticleRow, FeedRow


def feed(session: Session, url: str) -> FeedStatus:
    """Give a feed's status, making its row at first sight."""
    row = session.exec(select(FeedRow).where(FeedRow.url == url)).one_or_none()
    if row is None:
        row = FeedRow(url=url)
        session.add(row)
        session.flush()
    return rows.feed(row)


def note_fetch(session: Session, feed_id: int, now: datetime, **columns: Any) -> None:  # noqa: ANN401 - a row's columns differ in type
    """Record a try: with `last_error` a failure, else a good one."""
    row = session.get_one(FeedRow, feed_id)
    row.sqlmodel_update(columns)
    row.tried_at = now
    if columns.get("last_error"):
        row.failures += 1
    else:
        row.failures, row.last_error, row.good_at, row.next_try_at = 0, "", now, None
        row.first_fetched_at = row.first_fetched_at or now
    session.add(row)


def is_overtaken(session: Session, feed_id: int, begun_at: datetime, now: datetime) -> bool:
    """Whether a reading that was begun later has been taken in before this one.

    What was taken in at a time that is still to come was so before the clock was set back. On PostgreSQL
    whoever asks has the feed to himself until his transaction ends.
    """
    good_at = session.get_one(FeedRow, feed_id, with_for_update=True).good_at
    return good_at is not None and begun_at < good_at <= now


def succeed(session: Session, feed_id: int, guids: Collection[str], configured: Collection[str]) -> int:
    """Let a feed that is read for the first time go on where one stopped whose address it replaces.

    That is a feed which is configured no more and has shown at least half of these articles: what waits of
    it would be lost with its address. Gives the id under which the feed is known from here on.
    """
    shown = (
        select(ArticleRow.feed_id, sa.func.count())
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(col(ArticleRow.guid).in_(guids), col(FeedRow.url).not_in(configured))
        .group_by(col(ArticleRow.feed_id))
        .order_by(sa.func.count().desc())
        .limit(1)
    )
    found = session.exec(shown).first()
    if found is None or found[1] * 2 < len(guids):
        return feed_id
    new, old = session.get_one(FeedRow, feed_id), session.get_one(FeedRow, found[0])
    url = new.url
    session.delete(new)
    session.flush()
    old.sqlmodel_update({"url": url, "moved_to": "", "moved_times": 0, "gone": False})
    session.add(old)
    session.flush()
    return found[0]


def feeds(session: Session) -> list[FeedStatus]:
    """Give every feed's status."""
    return [rows.feed(row) for row in session.exec(select(FeedRow).order_by(col(FeedRow.id)))]
