"""What the making of a draft asks of the ledger beside its issue."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col

from digest.model import Decision, Issue
from digest.store import articles, issues
from digest.store.tables import RenderingRow


def overtaken(session: Session, issue: Issue, feeds: Sequence[str]) -> list[str]:
    """Give the titles of included articles that cannot go out as they were decided on.

    They were edited or trashed since, or another issue has them now.
    """
    free = {c.article.id for c in articles.candidates(session, issue.newsletter, feeds, but_issue=issue.id)}
    edited = set(issues.overtaken(session, issue.id))
    return [
        article.title
        for article, link in issues.decisions(session, issue.id)
        if link.decision is Decision.INCLUDED and (article.title in edited or article.id not in free)
    ]


def forget_rendering(session: Session, issue_id: int) -> None:
    """Remove a draft's bytes: it holds too little to be sent, and nobody shall approve what it was."""
    session.connection().execute(sa.delete(RenderingRow).where(col(RenderingRow.issue_id) == issue_id))
