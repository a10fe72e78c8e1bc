"""Locks: rows that nobody else changes until the transaction ends.

SQLite has one writer at a time anyway and knows no FOR UPDATE; PostgreSQL orders its writers by row.
"""

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import Issue
from digest.store import issues
from digest.store.tables import ISSUE, FeedRow


def issue(session: Session, issue_id: int) -> Issue:
    """Give an issue as it is now, and keep it so."""
    session.connection().execute(sa.select(ISSUE.c.id).where(ISSUE.c.id == issue_id).with_for_update())
    return issues.get(session, issue_id)


def feeds(session: Session) -> None:
    """Let nobody else take in or judge articles: two who find the same one new would both write it."""
    feed_id = sa.inspect(FeedRow).columns["id"]
    session.connection().execute(sa.select(feed_id).order_by(feed_id).with_for_update())
