"""Decides what a newsletter's service has to do now. Pure: the schedule, the ledger's issues and `now` go in.

A slot is published once it is due, for as long as its grace lasts; after that it is skipped, and its
articles go to the next issue. A slot before its schedule was first seen is never due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from digest.model import Issue, IssueState, Slot
from digest.slots import Schedule

CHECKED = frozenset({"audience", "public_url"})
"""Holds that a passed check lifts; the others are lifted by hand, and a quota's by time."""

QUOTA_PAUSE = timedelta(hours=1)
"""After so long an issue that a relay's quota stopped is tried again."""

MOST_MISSED = 50
"""How many missed slots are named after a long absence."""


class Act(Enum):
    """What is to be done about a slot."""

    DRAFT = "draft"
    PUBLISH = "publish"
    AWAIT = "await approval"
    SKIP = "skip"
    RESUME = "resume"


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One thing to do about one slot, and why where that is not plain."""

    act: Act
    slot: Slot
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a newsletter is run."""

    schedule: Schedule
    draft_before: timedelta
    grace: timedelta
    needs_approval: bool = False


def duties(plan: Plan, known: Sequence[Issue], *, seen_at: datetime, now: datetime) -> list[Duty]:
    """Give what is to be done now, oldest slot first.

    `known` are the newsletter's latest issues; `seen_at` is when its present schedule was first seen.
    """
    by_slot = {issue.slot: issue for issue in known}
    slots = {
        issue.slot: Slot(name=issue.slot, instant=issue.due_at) for issue in known if issue.due_at <= now
    }
    horizon = max([seen_at, *(issue.due_at for issue in known if issue.due_at <= now)])
    missed = list(plan.schedule.between(horizon, now))[-MOST_MISSED:]
    # A schedule that is first seen at the very instant of a slot may still keep it.
    if (first := plan.schedule.latest(now, since=seen_at)) is not None:
        slots.setdefault(first.name, first)
    slots |= {slot.name: slot for slot in missed}
    due = sorted(slots.values(), key=lambda slot: (slot.instant, slot.name))
    found = [
        duty
        for slot in due
        if (duty := _due(plan, slot, by_slot.get(slot.name), is_latest=slot is due[-1], now=now))
    ]
    for slot in plan.schedule.upcoming(now, 1):
        issue = by_slot.get(slot.name)
        drafting = issue is None or issue.state in {IssueState.DRAFT, IssueState.APPROVED}
        if drafting and now >= slot.instant - plan.draft_before:
            found.append(Duty(act=Act.DRAFT, slot=slot))
    return found


def _due(plan: Plan, slot: Slot, issue: Issue | None, *, is_latest: bool, now: datetime) -> Duty | None:
    if issue is not None and issue.state is IssueState.HELD and issue.hold_code == "quota":
        rested = issue.held_at is not None and now - issue.held_at >= QUOTA_PAUSE
        return Duty(act=Act.RESUME, slot=slot) if rested else None
    if issue is not None and not _open(issue):
        return None
    unapproved = plan.needs_approval and (issue is None or issue.state is IssueState.DRAFT)
    if slot.name not in {one.name for one in plan.schedule.day(slot.local.date())}:
        return Duty(act=Act.SKIP, slot=slot, reason="the schedule has changed")
    if not is_latest:
        return Duty(act=Act.SKIP, slot=slot, reason="the next slot came before it could go out")
    if now - slot.instant > plan.grace:
        waited = " and was not approved" if unapproved else ""
        return Duty(act=Act.SKIP, slot=slot, reason=f"it was more than {_words(plan.grace)} late{waited}")
    return Duty(act=Act.AWAIT if unapproved else Act.PUBLISH, slot=slot)


def _open(issue: Issue) -> bool:
    """Whether an issue still waits to be frozen, and nobody but a check keeps it from that."""
    if issue.state is IssueState.HELD:
        return issue.hold_code in CHECKED and issue.frozen_at is None
    return issue.state in {IssueState.DRAFT, IssueState.APPROVED}


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
