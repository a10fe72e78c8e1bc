"""What the service looks for in the ledger so that nothing goes wrong, or ends, in silence."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import DeliveryState, Issue, IssueState
from digest.store import rows
from digest.store.tables import DELIVERY, EventRow, IssueRow

REHEARSED = "issue.rehearsed"
REPORTED = "issue.reported"


def noted(session: Session, issue_id: int, kind: str) -> bool:
    """Say whether there is an event of a kind about an issue."""
    query = select(EventRow.id).where(EventRow.issue_id == issue_id, EventRow.kind == kind)
    return session.exec(query.limit(1)).first() is not None


def unreported(session: Session, since: datetime) -> list[Issue]:
    """Give the issues that have been sent since, and of whose end no report was made. Oldest first."""
    reported = (
        select(EventRow.id)
        .where(
            EventRow.issue_id == IssueRow.id,
            EventRow.kind == REPORTED,
            col(EventRow.at) >= IssueRow.finished_at,
        )
        .exists()
    )
    query = select(IssueRow).where(
        IssueRow.state == IssueState.SENT, col(IssueRow.finished_at) >= since, ~reported
    )
    return [rows.issue(row) for row in session.exec(query.order_by(col(IssueRow.finished_at)))]


def untried(session: Session, issue_id: int) -> bool:
    """Say whether any reader of an issue waits for a first attempt."""
    query = sa.select(sa.literal(1)).where(
        DELIVERY.c.issue_id == issue_id,
        DELIVERY.c.state == DeliveryState.PENDING.value,
        DELIVERY.c.first_at == 0,
    )
    return session.connection().execute(query.limit(1)).first() is not None
