"""Extras: issues that no schedule asks for, such as a correction, in the operator's own words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.config import Newsletter
from digest.desk import Desk
from digest.errors import IssueError, UsageError
from digest.model import Issue, IssueState, Rendering, Slot
from digest.slots import Schedule
from digest.store import extras, issues, locks

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
DATE = re.compile(r"\d{4}-\d\d-\d\d.*")
MINUTE = timedelta(minutes=1)
DAY = 24 * 60
"""Minutes."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An extra as the ledger has it, with the bytes that would be sent."""

    issue: Issue
    rendering: Rendering


def checked_name(text: str) -> str:
    """Give an extra's name. Raises UsageError for one that no command could name, or that is a slot's."""
    if not NAME.fullmatch(text) or DATE.fullmatch(text):
        raise UsageError(
            f"“{text}” is no name for an extra: letters, digits, dots and hyphens, such as correction-1."
        )
    return text


def local_day(newsletter: Newsletter, desk: Desk) -> date:
    """Give today's date where the newsletter is at home."""
    return desk.clock().astimezone(desk.schedule(newsletter).zone).date()


def free_minutes(schedule: Schedule, now: datetime) -> Iterator[Slot]:
    """Give the local minutes from now on, for a day, that are no slots of the schedule. Each is due now."""
    wall = now.astimezone(schedule.zone).replace(tzinfo=None, second=0, microsecond=0)
    slots: dict[date, set[str]] = {}
    for ahead in range(DAY):
        local = wall + ahead * MINUTE
        day = local.date()
        if day not in slots:
            slots[day] = {slot.name for slot in schedule.day(day)}
        name = local.isoformat(timespec="minutes")
        if name not in slots[day]:
            yield Slot(name=name, instant=now)


def draft_extra(desk: Desk, newsletter: Newsletter, name: str, rendering: Rendering) -> Issue:
    """Make or renew the draft of an extra. Raises IssueError where it is approved, or was frozen already."""
    now = desk.clock()
    with desk.store.write() as session:
        minutes = free_minutes(desk.schedule(newsletter), now)
        issue = extras.open_extra(session, newsletter.name, name, minutes, now)
        issue = locks.issue(session, issue.id)
        if IssueState.DRAFT not in {issue.state, issue.held_from}:
            raise IssueError(
                f"{issues.name(issue)} is {issue.state.value} and its words are fixed: "
                f"`digest preview --slot {issue.slot}` shows them. Leave out --subject and --body, "
                "or take another name."
            )
        issues.save_rendering(session, issue.id, rendering, now)
    return issue


def find_extra(desk: Desk, newsletter: Newsletter, name: str) -> tuple[Issue | None, Rendering | None]:
    """Give the extra of a name, and its bytes, as far as there are."""
    with desk.store.read() as session:
        issue = extras.find(session, newsletter.name, name)
        return issue, issues.latest_rendering(session, issue.id) if issue else None
