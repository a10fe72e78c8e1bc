"""Extras: issues outside of a newsletter's schedule, known by a name. A second one finds the first."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from digest.errors import IssueError
from digest.model import Issue, Slot
from digest.store import issues, rows
from digest.store.tables import IssueRow


def find(session: Session, newsletter: str, name: str) -> Issue | None:
    """Give a newsletter's extra of a name."""
    row = session.exec(
        select(IssueRow)
        .where(IssueRow.newsletter == newsletter, col(IssueRow.extra) == name)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return rows.issue(row) if row else None


def open_extra(session: Session, newsletter: str, name: str, minutes: Iterable[Slot], now: datetime) -> Issue:
    """Give the extra of a name, as a draft where there is none yet, in the first minute that is free.

    Raises IssueError where none of them is.
    """
    found = find(session, newsletter, name)
    for minute in minutes:
        if found is not None:
            return found
        issues.begin(session, newsletter, minute, now, extra=name)
        found = find(session, newsletter, name)
    if found is None:
        raise IssueError(f"{newsletter} has an issue in every minute of the day to come: none is left.")
    return found
