"""Revisions of an issue that is held while it is sent: an editor's act, for those who still wait for it."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.errors import IssueError
from digest.model import Decision, DeliveryState, Issue, IssueState, LedgerArticle, Rendering
from digest.store import issues, locks, rows
from digest.store.tables import DELIVERY, ISSUE, ArticleRow, EventRow, FeedRow, IssueArticleRow

AMENDED = "issue.amended"
SUBJECT, BODY = "subject", "body"
"""What an amendment was about, as its event tells it."""

STARTED = (IssueState.FROZEN, IssueState.SENDING)


def check_amendable(issue: Issue) -> None:
    """Raise IssueError unless an issue is held with its bytes and audience fixed, and say what to do."""
    name = issues.name(issue)
    if issue.state is IssueState.HELD and issue.held_from in STARTED:
        return
    if issue.state in STARTED:
        raise IssueError(
            f"{name} is {issue.state.value}: hold it first, so that nobody else gets it as it is: "
            f"`digest issues hold {issue.slot}`."
        )
    if issue.state in issues.FINAL:
        raise IssueError(f"{name} is {issue.state.value}: nobody waits for it any more.")
    raise IssueError(
        f"{name} is still a draft and follows the feed: mend the article on the site, and it is right."
        if issue.extra is None
        else f"{name} is still a draft: `digest send --extra {issue.extra}` takes other words."
    )


def amend(
    session: Session, issue: Issue, rendering: Rendering, about: Collection[str], now: datetime
) -> Issue:
    """Keep the next revision of a held issue's bytes. `issue` is as it was when they were made.

    Raises IssueError where it is not held, or somebody has amended it since.
    """
    here = locks.issue(session, issue.id)
    check_amendable(here)
    if here.revision != issue.revision:
        raise IssueError(f"{issues.name(issue)} was amended by somebody else just now: look at it again.")
    number = here.revision + 1
    session.add(rows.rendering_row(rendering, here.id, number, now))
    session.flush()
    session.connection().execute(sa.update(ISSUE).where(ISSUE.c.id == here.id).values(revision=number))
    issues.note(session, here, AMENDED, now, f"revision {number}: {', '.join(about)}")
    return issues.get(session, here.id)


def subject_was_given(session: Session, issue_id: int) -> bool:
    """Say whether an amendment has given an issue a subject of its own."""
    query = select(EventRow.id).where(
        EventRow.issue_id == issue_id, EventRow.kind == AMENDED, col(EventRow.detail).contains(SUBJECT)
    )
    return session.exec(query.limit(1)).first() is not None


def articles(session: Session, issue_id: int) -> list[LedgerArticle]:
    """Give the articles that an issue holds, in its order, as the ledger has them now."""
    found = session.exec(
        select(ArticleRow, FeedRow.url)
        .join(IssueArticleRow, col(IssueArticleRow.article_id) == col(ArticleRow.id))
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(IssueArticleRow.issue_id == issue_id, IssueArticleRow.decision == Decision.INCLUDED)
        .order_by(col(IssueArticleRow.position))
        .execution_options(populate_existing=True)
    )
    return [rows.article(row, url) for row, url in found]


def heed(session: Session, issue: Issue, shown: Collection[LedgerArticle]) -> None:
    """Bring what an issue decided in line with the articles that its newest revision shows.

    One that it shows no more returns to the others unless somebody has got the issue with it.
    """
    fingerprints = {article.id: article.fingerprint for article in shown}
    for _, link in issues.decisions(session, issue.id):
        if link.article_id in fingerprints:
            link.fingerprint = fingerprints[link.article_id]
        elif link.decision is Decision.INCLUDED and not issue.reached:
            link.decision, link.reason = Decision.VANISHED, "taken out before anybody got it"
        session.add(link)
    session.flush()


def accepted(session: Session, issue_id: int) -> dict[int, int]:
    """Count by revision whom it has reached. Reads every delivery of the issue."""
    query = (
        sa.select(DELIVERY.c.revision, sa.func.count().label("deliveries"))
        .where(DELIVERY.c.issue_id == issue_id, DELIVERY.c.state == DeliveryState.ACCEPTED.value)
        .group_by(DELIVERY.c.revision)
        .order_by(DELIVERY.c.revision)
    )
    return {row.revision: row.deliveries for row in session.connection().execute(query)}
