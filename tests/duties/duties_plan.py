"""Short ways to ask what is to be done: a plan, an issue in the ledger, the acts by slot."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from digest.duties import Act, Duty, Plan, duties
from digest.model import Issue, IssueState
from digest.slots import Schedule

NEW_YORK = "America/New_York"
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """An instant in UTC: `2026-11-24 12:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan(
    expression: str = "0 7 * * *",
    zone: str = NEW_YORK,
    *,
    draft_before: timedelta = HOUR,
    grace: timedelta = 6 * HOUR,
    needs_approval: bool = False,
) -> Plan:
    return Plan(
        schedule=Schedule.parse(expression, zone),
        draft_before=draft_before,
        grace=grace,
        needs_approval=needs_approval,
    )


def issue(
    slot: str,
    due_at: datetime,
    state: IssueState = IssueState.DRAFT,
    *,
    held_from: IssueState | None = None,
    hold_code: str = "",
    held_at: datetime | None = None,
    frozen_at: datetime | None = None,
    number: int = 1,
    extra: str | None = None,
) -> Issue:
    return Issue(
        id=number,
        newsletter="daily",
        slot=slot,
        extra=extra,
        due_at=due_at,
        state=state,
        held_from=held_from,
        hold_code=hold_code,
        held_at=held_at,
        created_at=due_at - HOUR,
        frozen_at=frozen_at,
    )


def held(
    code: str,
    slot: str,
    due_at: datetime,
    held_from: IssueState = IssueState.DRAFT,
    *,
    held_at: datetime | None = None,
    frozen_at: datetime | None = None,
) -> Issue:
    return issue(
        slot,
        due_at,
        IssueState.HELD,
        held_from=held_from,
        hold_code=code,
        held_at=held_at or due_at,
        frozen_at=frozen_at,
    )


def found(
    asked: Plan, now: datetime, known: Sequence[Issue] = (), *, seen_at: datetime = LONG_AGO
) -> list[Duty]:
    return duties(asked, known, seen_at=seen_at, now=now)


def acts(
    asked: Plan, now: datetime, known: Sequence[Issue] = (), *, seen_at: datetime = LONG_AGO
) -> list[tuple[Act, str]]:
    return [(duty.act, duty.slot.name) for duty in found(asked, now, known, seen_at=seen_at)]
