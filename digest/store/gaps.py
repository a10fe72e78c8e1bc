"""Gaps of feeds: what may be missing between what is known and the oldest that a reading listed.

A gap is remembered from when it arose. What was seen before that lies below it, and a later reading that
leads down to any of it has closed it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.store.tables import ArticleRow, FeedRow
from digest.stories import other_scheme


@dataclass(frozen=True, kw_only=True)
class Gap:
    """What may be missing, in a sentence, and since when that is known."""

    said: str
    at: datetime


def standing(session: Session, feed_id: int) -> Gap | None:
    """Give the gap of a feed that nothing has closed yet."""
    row = session.get_one(FeedRow, feed_id)
    return Gap(said=row.gap, at=row.gap_at) if row.gap and row.gap_at else None


def note(session: Session, feed_id: int, said: str, now: datetime) -> None:
    """Remember a gap. One that is open already keeps its time: it reaches down to what was known then."""
    row = session.get_one(FeedRow, feed_id)
    row.gap, row.gap_at = said, row.gap_at or now
    session.add(row)


def close(session: Session, feed_id: int) -> None:
    """Forget a feed's gap."""
    row = session.get_one(FeedRow, feed_id)
    row.gap = row.gap_at = None
    session.add(row)


def leave(session: Session, feed_id: int) -> None:
    """Forget a feed's gap that nothing has closed, but for when it arose: it was given up."""
    row = session.get_one(FeedRow, feed_id)
    row.gap_left_at, row.gap, row.gap_at = row.gap_at, None, None
    session.add(row)


def shown_under(
    session: Session, feed_id: int, guid: str, path: str, *, before: datetime | None
) -> frozenset[datetime]:
    """Give the dates under which a feed has shown an article, by its guid or its page's path; none: never.

    `before`: it must have been seen before that.
    """
    mine = _below(feed_id, before)
    guids = [one for one in (guid, other_scheme(guid)) if one]
    known = select(ArticleRow.link, ArticleRow.published_at).where(*mine)
    named = {at for _, at in session.exec(known.where(col(ArticleRow.guid).in_(guids)))}
    if named or not path:
        return frozenset(named)
    ends = sa.or_(*(col(ArticleRow.link).endswith(end, autoescape=True) for end in (path, f"{path}/")))
    return frozenset(
        at for link, at in session.exec(known.where(ends)) if urlsplit(link).path.rstrip("/") == path
    )


def dates(session: Session, feed_id: int, guids: Collection[str]) -> dict[str, datetime]:
    """Give the dates under which a feed has shown articles, by the guids by which it has shown any."""
    mine = (ArticleRow.feed_id == feed_id, col(ArticleRow.guid).in_(guids))
    return dict(session.exec(select(ArticleRow.guid, ArticleRow.published_at).where(*mine)).all())


def has_older(session: Session, feed_id: int, than: datetime) -> bool:
    """Whether a feed has shown an article that is older, and still stands."""
    older = (
        ArticleRow.feed_id == feed_id,
        col(ArticleRow.vanished_at).is_(None),
        ArticleRow.published_at < than,
    )
    return session.exec(select(ArticleRow.id).where(*older).limit(1)).first() is not None


def newest(session: Session, feed_id: int, *, before: datetime | None) -> datetime | None:
    """Give the time of the newest article that a feed has shown, None where it has shown none."""
    return session.exec(select(sa.func.max(ArticleRow.published_at)).where(*_below(feed_id, before))).one()


def window(session: Session, feed_id: int) -> int:
    """Give how many articles a feed listed when it was first read."""
    row = session.get_one(FeedRow, feed_id)
    first = (ArticleRow.feed_id == feed_id, ArticleRow.first_seen_at == row.first_fetched_at)
    return session.exec(select(sa.func.count()).select_from(ArticleRow).where(*first)).one()


def _below(feed_id: int, before: datetime | None) -> tuple[sa.ColumnElement[bool], ...]:
    mine = col(ArticleRow.feed_id) == feed_id
    return (mine,) if before is None else (mine, col(ArticleRow.first_seen_at) < before)
