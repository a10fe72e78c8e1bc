"""Articles in the ledger: what a reading of a feed brings in, and what it has dropped.

What newsletters decide about them stands in `judging.py`, what the next issue may hold in `candidates.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from digest.model import Article, LedgerArticle
from digest.store import rows
from digest.store.candidates import candidates, gone, known, newest
from digest.store.feeds import feed, feeds, note_fetch
from digest.store.judging import answer, asked, judge_new, see_newsletter
from digest.store.standing import history, listing, standing, why
from digest.store.tables import ArticleRow, FeedRow
from digest.stories import SUDDEN, is_another, other_scheme, same_story, vanished

__all__ = [
    "Arrived",
    "answer",
    "asked",
    "candidates",
    "feed",
    "feeds",
    "gone",
    "history",
    "judge_new",
    "known",
    "listing",
    "note_fetch",
    "recent",
    "see_newsletter",
    "standing",
    "upsert",
    "why",
]

STANDING = 200
"""So many of a feed's newest articles are looked at for what has vanished: more than a feed lists."""

FORMER = "#former"
"""Ends the guid of an article whose feed has given that guid to another story since."""


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What one reading of a feed changed in the ledger."""

    new: tuple[LedgerArticle, ...] = ()
    changed: tuple[LedgerArticle, ...] = ()
    vanished: int = 0
    listed: int = 0
    first: bool = False


def upsert(
    session: Session, feed_id: int, articles: Sequence[Article], now: datetime, *, whole: bool = True
) -> Arrived:
    """Take in what a feed lists: new ones, edits, and what has vanished. Nothing is ever deleted.

    What is missing from a reading that is not `whole` may only have been lost on the way.
    """
    status = session.get_one(FeedRow, feed_id)
    listed = _known(session, feed_id, articles)
    first = status.first_fetched_at in (None, now)
    sudden = not listed and len(articles) >= SUDDEN and not first and _has_any(session, feed_id)
    new, changed = {}, {}
    for value in articles:
        row = listed.get(value.guid)
        columns = rows.article_columns(value)
        if row is not None and value.guid not in new:
            if value.published_at == now:
                # Without a date of its own it was given the time of reading: the first one stays.
                del columns["published_at"]
            elif is_another(shown := rows.article(row, status.url), value):
                _part(session, row)
                row = None
            elif value.published_at < shown.published_at and _is_stale(session, row, value, status.url):
                continue
        if row is None:
            seen: dict[str, Any] = {"feed_id": feed_id, "first_seen_at": now, "changed_at": now}
            row = ArticleRow(guid=value.guid, sudden=sudden, **seen, **columns)
            new[value.guid] = listed[value.guid] = row
        elif row.fingerprint != value.fingerprint and value.guid not in new:
            row.changed_at = now
            changed[value.guid] = row
        row.sqlmodel_update(columns | {"guid": value.guid})
        row.vanished_at = None
        session.add(row)
    session.flush()
    dropped = vanished(
        (rows.article(row, status.url) for row in _standing(session, feed_id)),
        [(article.guid, article.published_at) for article in articles],
    )
    dropped = dropped if whole else ()
    for article_id in dropped:
        session.get_one(ArticleRow, article_id).vanished_at = now
    session.flush()
    return Arrived(
        new=tuple(rows.article(row, status.url) for row in new.values()),
        changed=tuple(rows.article(row, status.url) for row in changed.values()),
        vanished=len(dropped),
        listed=len(articles),
        first=first,
    )


def _known(session: Session, feed_id: int, articles: Sequence[Article]) -> dict[str, ArticleRow]:
    """Give the rows of what is listed, by its guid: as it is, else as before the site took to https."""
    listed = {article.guid for article in articles}
    former = {guid: other_scheme(guid) for guid in listed}
    wanted = (listed | set(former.values())) - {""}
    found = session.exec(
        select(ArticleRow).where(ArticleRow.feed_id == feed_id, col(ArticleRow.guid).in_(wanted))
    )
    by_guid = {row.guid: row for row in found}
    renamed = {guid: by_guid[old] for guid, old in former.items() if old in by_guid and old not in listed}
    return renamed | {guid: row for guid, row in by_guid.items() if guid in listed}


def _has_any(session: Session, feed_id: int) -> bool:
    return (
        session.exec(select(ArticleRow.id).where(ArticleRow.feed_id == feed_id).limit(1)).first() is not None
    )


def _part(session: Session, row: ArticleRow) -> None:
    """Let a row go on without its guid, which stands for another story now."""
    row.guid = f"{row.guid}{FORMER}-{row.id}"
    session.add(row)
    session.flush()


def _is_stale(session: Session, row: ArticleRow, value: Article, feed_url: str) -> bool:
    """Whether an answer is of the time before its guid was given to another story: out of some cache."""
    before = select(ArticleRow).where(
        ArticleRow.feed_id == row.feed_id, col(ArticleRow.guid).startswith(row.guid + FORMER, autoescape=True)
    )
    seen = LedgerArticle(id=0, feed_url=feed_url, first_seen_at=row.changed_at, **vars(value))
    return any(same_story(rows.article(one, feed_url), seen) for one in session.exec(before))


def _standing(session: Session, feed_id: int) -> Iterable[ArticleRow]:
    query = (
        select(ArticleRow)
        .where(ArticleRow.feed_id == feed_id, col(ArticleRow.vanished_at).is_(None))
        .order_by(col(ArticleRow.published_at).desc())
        .limit(STANDING)
    )
    return session.exec(query)


def recent(session: Session, feeds: Sequence[str], limit: int) -> list[LedgerArticle]:
    """Give the newest articles, mailed or not, for a sample."""
    shown = (
        col(FeedRow.url).in_(feeds),
        col(ArticleRow.vanished_at).is_(None),
        ~col(ArticleRow.protected),
    )
    return [rows.article(row, url) for row, url in newest(session, limit, *shown)]
