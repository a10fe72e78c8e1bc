"""Feeds in the ledger, and how their fetching goes."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from digest.model import FeedStatus
from digest.store import rows
from digest.store.tables import FeedRow


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


def feeds(session: Session) -> list[FeedStatus]:
    """Give every feed's status."""
    return [rows.feed(row) for row in session.exec(select(FeedRow).order_by(col(FeedRow.id)))]
