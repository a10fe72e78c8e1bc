"""What the ledger knows about the feeds' health, and about articles that wait for an editor's word."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.feed.rhythm import rhythm
from digest.feed.standing import FeedHealth
from digest.model import Verdict
from digest.store.moves import MOVED_TIMES
from digest.store.tables import ArticleRow, FeedRow, JudgementRow

RHYTHM_ARTICLES = 500
"""The newest so many tell a feed's rhythm: eight weeks of nine a day."""


def health(session: Session, urls: Sequence[str]) -> list[FeedHealth]:
    """Give the health of these feeds, in their order; one that was never asked has no other values."""
    known = {row.url: row for row in session.exec(select(FeedRow).where(col(FeedRow.url).in_(urls)))}
    return [_health(session, known[url]) if url in known else FeedHealth(url=url) for url in urls]


def _health(session: Session, row: FeedRow) -> FeedHealth:
    newest = session.exec(
        select(ArticleRow.published_at, ArticleRow.first_seen_at, ArticleRow.title)
        .where(ArticleRow.feed_id == row.id)
        .order_by(col(ArticleRow.published_at).desc(), col(ArticleRow.id).desc())
        .limit(RHYTHM_ARTICLES)
    ).all()
    # What the first fetch brought may be of any age; what came later is a sign of life whatever its date.
    signs = [published for published, _, _ in newest]
    signs += [seen for _, seen, _ in newest if row.first_fetched_at and seen > row.first_fetched_at]
    return FeedHealth(
        url=row.url,
        first_good_at=row.first_fetched_at,
        good_at=row.good_at,
        tried_at=row.tried_at,
        failures=row.failures,
        last_error=row.last_error,
        next_try_at=row.next_try_at,
        gone=row.gone,
        found_at=row.moved_to if row.moved_times >= MOVED_TIMES else "",
        gap=row.gap or "",
        gap_at=row.gap_at,
        gap_left_at=row.gap_left_at,
        complaints=row.complaints or "",
        damaged_at=row.damaged_at,
        newest_at=max(signs, default=None),
        newest_title=newest[0][2] if newest else "",
        rhythm=rhythm(published for published, _, _ in newest),
    )


def note_damage(session: Session, feed_id: int, said: str, now: datetime, *, lost: bool) -> None:
    """Take note of what was wrong with a feed as it was read, and since when articles are `lost` by it."""
    row = session.get_one(FeedRow, feed_id)
    row.complaints, row.damaged_at = said, (row.damaged_at or now) if lost else None
    session.add(row)


def asked(session: Session, newsletter: str, urls: Sequence[str]) -> int:
    """Count a newsletter's articles of these feeds that are still there and wait for an editor's word."""
    query = (
        select(sa.func.count())
        .select_from(JudgementRow)
        .join(ArticleRow, col(ArticleRow.id) == col(JudgementRow.article_id))
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(
            JudgementRow.newsletter == newsletter,
            JudgementRow.verdict == Verdict.ASKED,
            col(ArticleRow.vanished_at).is_(None),
            col(FeedRow.url).in_(urls),
        )
    )
    return session.exec(query).one()
