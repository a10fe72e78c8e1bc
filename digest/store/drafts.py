"""What the making of a draft asks of the ledger beside its issue."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col

from digest.model import Decision, Issue
from digest.store import articles, issues, marks
from digest.store.tables import RenderingRow


def overtaken(session: Session, issue: Issue, feeds: Sequence[str]) -> list[str]:
    """Give the titles of articles for which an approved issue cannot go out as it was decided on.

    Included ones were edited or trashed since, or marked by an editor, or another issue has them now; or an
    editor has pinned one that is not in it.
    """
    free = {
        c.article.id: c.article
        for c in articles.candidates(session, issue.newsletter, feeds, but_issue=issue.id)
    }
    edited = set(issues.overtaken(session, issue.id))
    marked = marks.since(session, issue.newsletter, issue.approved_at or issue.created_at)
    included = {
        link.article_id: article.title
        for article, link in issues.decisions(session, issue.id)
        if link.decision is Decision.INCLUDED
    }
    changed = [
        title
        for article_id, title in included.items()
        if title in edited or article_id not in free or article_id in marked
    ]
    wanted = marked & free.keys() - included.keys()
    pinned = [number for number, mark in marks.marks(session, issue.newsletter).items() if mark.pinned]
    return changed + [free[number].title for number in pinned if number in wanted]


def forget_rendering(session: Session, issue_id: int) -> None:
    """Remove a draft's bytes: it holds too little to be sent, and nobody shall approve what it was."""
    session.connection().execute(sa.delete(RenderingRow).where(col(RenderingRow.issue_id) == issue_id))
