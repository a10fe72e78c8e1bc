"""Decides what a newsletter's service has to do now. Pure: the schedule, the ledger's issues and `now` go in.

A slot is published once it is due, for as long as its grace lasts; after that it is skipped, and its
articles go to the next issue. A slot before its schedule was first seen is never due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from digest.model import Issue, IssueState, Slot
from digest.rates import RATES
from digest.slots import Schedule

QUESTION = "articles"
"""The hold of an issue about whose articles an editor is asked."""

CHECKED = frozenset({QUESTION, RATES, "audience", "public_url"})
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

    `known` are the newsletter's latest issues, and every one that is not final; `seen_at` is when its
    present schedule was first seen. Of an extra nothing is due but that a quota's pause is over.
    """
    extras = [issue for issue in known if issue.extra is not None and _has_rested(issue, now)]
    known = [issue for issue in known if issue.extra is None]
    by_slot = {issue.slot: issue for issue in known}
    past = [issue for issue in known if issue.due_at <= now]
    slots = {issue.slot: Slot(name=issue.slot, instant=issue.due_at) for issue in past}
    # Slots that a DST gap swallows share their instant: the last known one may have twins without an issue.
    horizon = max([seen_at, *(issue.due_at for issue in past)]) - timedelta.resolution
    missed = list(plan.schedule.between(horizon, now))[-MOST_MISSED:]
    slots |= {slot.name: slot for slot in missed}
    latest = plan.schedule.latest(now)
    found = [
        duty
        for slot in sorted(slots.values(), key=lambda slot: (slot.instant, slot.name))
        if (duty := _due(plan, slot, by_slot.get(slot.name), latest=latest, now=now))
    ]
    for slot in plan.schedule.upcoming(now, 1):
        issue = by_slot.get(slot.name)
        unfrozen = {IssueState.DRAFT, IssueState.APPROVED}
        drafting = issue is None or issue.state in unfrozen or waits_for_check(issue)
        if drafting and now >= slot.instant - plan.draft_before:
            found.append(Duty(act=Act.DRAFT, slot=slot))
    resumed = (Slot(name=issue.slot, instant=issue.due_at) for issue in extras)
    return found + [Duty(act=Act.RESUME, slot=slot) for slot in resumed]


def waits_for_check(issue: Issue) -> bool:
    """Whether a check keeps an issue from being frozen. Such a draft follows the feed all the same."""
    return issue.state is IssueState.HELD and issue.hold_code in CHECKED and issue.frozen_at is None


def _due(plan: Plan, slot: Slot, issue: Issue | None, *, latest: Slot | None, now: datetime) -> Duty | None:
    if issue is not None and _waits_for_quota(issue):
        return Duty(act=Act.RESUME, slot=slot) if _has_rested(issue, now) else None
    stands = issue.held_from if issue is not None and waits_for_check(issue) else issue and issue.state
    if stands not in {None, IssueState.DRAFT, IssueState.APPROVED}:
        return None
    scheduled = {one.name: one for one in plan.schedule.day(slot.local.date())}.get(slot.name)
    if scheduled is not None and scheduled.instant > now:
        # The newsletter has moved to another zone, where this slot is still to come.
        return None
    unapproved = plan.needs_approval and stands is not IssueState.APPROVED
    if scheduled is None:
        reason = "the schedule has changed"
    elif latest is not None and slot.name != latest.name:
        reason = "the next slot came before it could go out"
    elif now - scheduled.instant > plan.grace:
        reason = f"it was more than {_words(plan.grace)} late{' and was not approved' if unapproved else ''}"
    else:
        return Duty(act=Act.AWAIT if unapproved else Act.PUBLISH, slot=slot)
    return Duty(act=Act.SKIP, slot=slot, reason=reason)


def _waits_for_quota(issue: Issue) -> bool:
    return issue.state is IssueState.HELD and issue.hold_code == "quota"


def _has_rested(issue: Issue, now: datetime) -> bool:
    """Whether a quota held an issue, and that is long enough ago."""
    return _waits_for_quota(issue) and issue.held_at is not None and now - issue.held_at >= QUOTA_PAUSE


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
