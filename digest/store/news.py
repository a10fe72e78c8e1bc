"""What a reading changed in the ledger, article by article: for whoever collects by hand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.model import LedgerArticle
from digest.store import rows
from digest.store.tables import ArticleRow, FeedRow
from digest.stories import other_scheme

FIELDS = ("guid", "link", "title", "author", "categories", "excerpt", "picture", "protected")
"""What counts as an edit, and what else decides about mailing."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """An article as it is now, and which of its fields are not what they were."""

    article: LedgerArticle
    fields: tuple[str, ...]


def before(session: Session, feed_id: int, guids: Collection[str]) -> dict[int, LedgerArticle]:
    """Give the articles of a feed as they stand, by id."""
    url = session.get_one(FeedRow, feed_id).url
    wanted = {*guids, *map(other_scheme, guids)}
    found = session.exec(
        select(ArticleRow).where(ArticleRow.feed_id == feed_id, col(ArticleRow.guid).in_(wanted))
    )
    return {article.id: article for article in (rows.article(row, url) for row in found)}


def changes(was: dict[int, LedgerArticle], changed: Sequence[LedgerArticle]) -> tuple[Change, ...]:
    """Tell what differs in each article that has changed; no field where nobody knows how it was."""
    return tuple(Change(article=article, fields=_fields(was.get(article.id), article)) for article in changed)


def _fields(was: LedgerArticle | None, article: LedgerArticle) -> tuple[str, ...]:
    if was is None:
        return ()
    before, now = was.steady, article.steady
    return tuple(name for name in FIELDS if getattr(before, name) != getattr(now, name))


def vanished(session: Session, feed_id: int, now: datetime) -> tuple[LedgerArticle, ...]:
    """Give the articles of a feed that were found to have vanished at `now`."""
    url = session.get_one(FeedRow, feed_id).url
    found = session.exec(
        select(ArticleRow).where(ArticleRow.feed_id == feed_id, ArticleRow.vanished_at == now)
    )
    return tuple(rows.article(row, url) for row in found)
