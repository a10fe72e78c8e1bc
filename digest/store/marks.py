"""Editors' marks on articles, one for each newsletter. They stand apart from what feeds say."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from digest.issue import Mark
from digest.model import LedgerArticle
from digest.store import candidates
from digest.store.tables import ArticleRow, EditorMarkRow


def marks(session: Session, newsletter: str) -> dict[int, Mark]:
    """Give a newsletter's marks by article."""
    found = session.exec(select(EditorMarkRow).where(EditorMarkRow.newsletter == newsletter))
    return {row.article_id: mark(row) for row in found}


def of_article(session: Session, article_id: int) -> dict[str, Mark]:
    """Give an article's marks by newsletter."""
    found = session.exec(select(EditorMarkRow).where(EditorMarkRow.article_id == article_id))
    return {row.newsletter: mark(row) for row in found}


def mark(row: EditorMarkRow) -> Mark:
    """Give the mark of a row."""
    return Mark(pinned=row.pinned, held=row.held, place=row.place, by=row.by, at=row.at)


def pin(session: Session, newsletter: str, article_id: int, now: datetime, *, by: str) -> None:
    """Want an article in the next issue, before all others."""
    _set(session, newsletter, article_id, now, by=by, pinned=True, held=False)


def hold(session: Session, newsletter: str, article_id: int, now: datetime, *, by: str) -> None:
    """Want an article in a later issue."""
    _set(session, newsletter, article_id, now, by=by, pinned=False, held=True, place=None)


def release(session: Session, newsletter: str, article_id: int, now: datetime, *, by: str) -> None:
    """Want nothing of an article any more. The row stays and says since when."""
    _set(session, newsletter, article_id, now, by=by, pinned=False, held=False, place=None)


def order(session: Session, newsletter: str, article_ids: Sequence[int], now: datetime, *, by: str) -> None:
    """Want articles shown in this order, the lead first; other places are given up."""
    for article_id, known in marks(session, newsletter).items():
        if known.place is not None and article_id not in article_ids:
            _set(session, newsletter, article_id, now, by=by, place=None)
    for place, article_id in enumerate(article_ids, 1):
        _set(session, newsletter, article_id, now, by=by, place=place)


def since(session: Session, newsletter: str, at: datetime) -> set[int]:
    """Give the articles that were marked after a time."""
    query = select(EditorMarkRow.article_id).where(
        EditorMarkRow.newsletter == newsletter, col(EditorMarkRow.at) > at
    )
    return set(session.exec(query))


def held(session: Session, newsletter: str) -> list[LedgerArticle]:
    """Give the articles that an editor holds back, whether they are on the site or not."""
    by_editor = (
        select(EditorMarkRow.article_id)
        .where(
            EditorMarkRow.newsletter == newsletter,
            EditorMarkRow.article_id == ArticleRow.id,
            col(EditorMarkRow.held).is_(True),
        )
        .exists()
    )
    return candidates.articles(session, by_editor)


def _set(
    session: Session,
    newsletter: str,
    article_id: int,
    now: datetime,
    *,
    by: str,
    **columns: bool | int | None,
) -> None:
    row = session.get(EditorMarkRow, (newsletter, article_id))
    if row is None:
        row = EditorMarkRow(newsletter=newsletter, article_id=article_id, at=now)
    before = {name: getattr(row, name) for name in columns}
    if row.by and before == columns:
        # The same once more changes nothing, and takes no approval back.
        return
    row.sqlmodel_update({**columns, "by": by, "at": now})
    session.add(row)
    session.flush()
