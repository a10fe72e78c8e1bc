"""What a newsletter's service has to do, from the day's quiet to every kind of trouble."""

from datetime import datetime, timedelta

import pytest
from duties_plan import HOUR, acts, at, found, held, issue, plan

from digest.duties import MOST_MISSED, Act
from digest.model import IssueState

SLOT = "2026-11-24T07:00"
DUE = at("2026-11-24 12:00")
YESTERDAY = issue("2026-11-23T07:00", at("2026-11-23 12:00"), IssueState.SENT, number=9)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_in_the_middle_of_the_day_there_is_nothing_to_do() -> None:
    assert acts(plan(), at("2026-11-23 20:00"), [YESTERDAY]) == []


def test_an_issue_is_drafted_an_hour_ahead_and_not_before() -> None:
    assert acts(plan(), DUE - HOUR - SECOND, [YESTERDAY]) == []
    assert acts(plan(), DUE - HOUR, [YESTERDAY]) == [(Act.DRAFT, SLOT)]


def test_a_draft_and_an_approved_issue_are_looked_after_until_their_slot() -> None:
    for state in (IssueState.DRAFT, IssueState.APPROVED):
        assert acts(plan(), DUE - MINUTE, [YESTERDAY, issue(SLOT, DUE, state)]) == [(Act.DRAFT, SLOT)]


@pytest.mark.parametrize("state", [IssueState.SENT, IssueState.CANCELLED, IssueState.HELD])
def test_what_was_sent_cancelled_or_held_ahead_of_its_slot_is_not_drafted(state: IssueState) -> None:
    known = issue(SLOT, DUE, state, hold_code="operator" if state is IssueState.HELD else "")
    assert acts(plan(), DUE - MINUTE, [YESTERDAY, known]) == []
    assert acts(plan(), DUE, [known]) == []


def test_an_issue_is_published_at_its_slot_and_as_long_as_its_grace_lasts() -> None:
    draft = issue(SLOT, DUE)
    assert acts(plan(), DUE, [draft]) == [(Act.PUBLISH, SLOT)]
    assert acts(plan(), DUE + 6 * HOUR, [draft]) == [(Act.PUBLISH, SLOT)]


def test_a_slot_that_was_never_drafted_is_published_all_the_same() -> None:
    assert acts(plan(), DUE + MINUTE, [YESTERDAY]) == [(Act.PUBLISH, SLOT)]


def test_after_its_grace_an_issue_is_skipped_with_the_reason() -> None:
    (duty,) = found(plan(), DUE + 6 * HOUR + SECOND, [issue(SLOT, DUE)])
    assert (duty.act, duty.slot.name) == (Act.SKIP, SLOT)
    assert duty.reason == "it was more than 6 h late"


def test_a_grace_of_minutes_is_told_in_minutes() -> None:
    (duty,) = found(plan(grace=90 * MINUTE), DUE + 91 * MINUTE, [issue(SLOT, DUE)])
    assert duty.reason == "it was more than 90 min late"


@pytest.mark.parametrize(
    "state",
    [
        IssueState.FROZEN,
        IssueState.SENDING,
        IssueState.SENT,
        IssueState.SKIPPED,
        IssueState.CANCELLED,
    ],
)
@pytest.mark.parametrize("late", [timedelta(), HOUR, 12 * HOUR])
def test_an_issue_that_is_frozen_or_has_ended_is_no_duty_any_more(state: IssueState, late: timedelta) -> None:
    assert acts(plan(), DUE + late, [issue(SLOT, DUE, state)]) == []


# A restart, and the first start.


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DUE - 2 * HOUR, []),
        (DUE - MINUTE, [(Act.DRAFT, SLOT)]),
        (DUE, [(Act.PUBLISH, SLOT)]),
        (DUE + 3 * HOUR, [(Act.PUBLISH, SLOT)]),
        (DUE + 8 * HOUR, [(Act.SKIP, SLOT)]),
    ],
    ids=["long before", "just before", "at the slot", "within its grace", "after its grace"],
)
def test_a_restart_finds_what_is_left_to_do(now: datetime, expected: list[tuple[Act, str]]) -> None:
    assert acts(plan(), now, [YESTERDAY]) == expected


def test_a_first_start_after_todays_slot_waits_for_tomorrows() -> None:
    assert acts(plan(), DUE + MINUTE, seen_at=DUE + MINUTE) == []
    tomorrow = DUE + 24 * HOUR
    assert acts(plan(), tomorrow, seen_at=DUE + MINUTE) == [(Act.PUBLISH, "2026-11-25T07:00")]


def test_a_first_start_at_the_very_instant_of_a_slot_keeps_it() -> None:
    assert acts(plan(), DUE, seen_at=DUE) == [(Act.PUBLISH, SLOT)]


def test_after_a_long_absence_each_missed_slot_is_skipped_and_the_latest_published() -> None:
    now = at("2026-11-27 13:00")
    duties = found(plan(), now, [YESTERDAY])
    assert [(duty.act, duty.slot.name) for duty in duties] == [
        (Act.SKIP, "2026-11-24T07:00"),
        (Act.SKIP, "2026-11-25T07:00"),
        (Act.SKIP, "2026-11-26T07:00"),
        (Act.PUBLISH, "2026-11-27T07:00"),
    ]
    assert {duty.reason for duty in duties[:3]} == {"the next slot came before it could go out"}


def test_after_a_long_absence_the_latest_is_skipped_too_once_its_grace_is_over() -> None:
    done = acts(plan(), at("2026-11-25 23:00"), [YESTERDAY])
    assert done == [(Act.SKIP, "2026-11-24T07:00"), (Act.SKIP, "2026-11-25T07:00")]


def test_after_years_of_absence_only_the_last_missed_slots_are_named() -> None:
    done = acts(plan(), at("2031-11-24 12:00"), [YESTERDAY])
    assert len(done) == MOST_MISSED
    assert done[-1] == (Act.PUBLISH, "2031-11-24T07:00")


# What comes after one another.


def test_an_issue_that_still_waits_when_the_next_slot_comes_is_skipped() -> None:
    hourly = plan("0 * * * *")
    known = [issue("2026-11-24T07:00", DUE), issue("2026-11-24T08:00", DUE + HOUR, number=2)]
    assert acts(hourly, DUE + HOUR - SECOND, known) == [
        (Act.PUBLISH, "2026-11-24T07:00"),
        (Act.DRAFT, "2026-11-24T08:00"),
    ]
    assert acts(hourly, DUE + HOUR, known) == [
        (Act.SKIP, "2026-11-24T07:00"),
        (Act.PUBLISH, "2026-11-24T08:00"),
        (Act.DRAFT, "2026-11-24T09:00"),
    ]


def test_an_open_issue_of_long_ago_is_ended_however_many_came_after_it() -> None:
    old = issue("2026-10-01T07:00", at("2026-10-01 11:00"), number=2)
    assert acts(plan(), DUE + HOUR, [issue(SLOT, DUE, IssueState.SENT), old]) == [(Act.SKIP, old.slot)]


# A schedule that is changed.


def test_a_new_schedule_skips_the_old_ones_draft() -> None:
    old = issue("2026-11-24T08:00", at("2026-11-24 13:00"))
    changed = plan("0 9 * * *")
    (duty,) = found(changed, at("2026-11-24 13:00"), [old], seen_at=at("2026-11-24 12:30"))[:1]
    assert (duty.act, duty.slot.name, duty.reason) == (Act.SKIP, old.slot, "the schedule has changed")


def test_a_new_schedules_slot_is_not_due_before_it_was_seen() -> None:
    changed, seen_at = plan("0 6 * * *"), at("2026-11-24 11:30")
    assert acts(changed, at("2026-11-24 12:00"), [YESTERDAY], seen_at=seen_at) == []
    assert acts(changed, at("2026-11-25 11:00"), [YESTERDAY], seen_at=seen_at) == [
        (Act.PUBLISH, "2026-11-25T06:00")
    ]


def test_the_old_schedules_draft_does_not_push_out_the_new_ones_issue() -> None:
    known = [issue(SLOT, DUE), issue("2026-11-24T08:00", DUE + HOUR, number=2)]
    assert acts(plan(), DUE + HOUR, known, seen_at=DUE - HOUR) == [
        (Act.PUBLISH, SLOT),
        (Act.SKIP, "2026-11-24T08:00"),
    ]


def test_a_draft_made_in_an_eastern_zone_waits_for_its_time_in_the_new_one() -> None:
    in_berlin = issue(SLOT, at("2026-11-24 06:00"))
    moved_at = at("2026-11-24 05:30")
    assert acts(plan(), at("2026-11-24 06:00"), [in_berlin], seen_at=moved_at) == []
    assert acts(plan(), DUE, [in_berlin], seen_at=moved_at) == [(Act.PUBLISH, SLOT)]


def test_a_draft_made_in_a_western_zone_is_due_by_the_new_ones_clock() -> None:
    in_new_york = issue(SLOT, DUE)
    berlin = plan(zone="Europe/Berlin")
    now = at("2026-11-24 06:00")
    assert acts(berlin, now, [in_new_york], seen_at=now - HOUR) == [(Act.PUBLISH, SLOT)]


# Approval.


def test_without_approval_a_due_issue_waits_and_is_then_skipped() -> None:
    careful, draft = plan(needs_approval=True), issue(SLOT, DUE)
    assert acts(careful, DUE, [draft]) == [(Act.AWAIT, SLOT)]
    (duty,) = found(careful, DUE + 7 * HOUR, [draft])
    assert (duty.act, duty.reason) == (Act.SKIP, "it was more than 6 h late and was not approved")


def test_a_due_slot_without_an_issue_waits_for_approval_too() -> None:
    assert acts(plan(needs_approval=True), DUE, [YESTERDAY]) == [(Act.AWAIT, SLOT)]


@pytest.mark.parametrize("late", [timedelta(), 5 * HOUR])
def test_an_approved_issue_is_published(late: timedelta) -> None:
    approved = issue(SLOT, DUE, IssueState.APPROVED)
    assert acts(plan(needs_approval=True), DUE + late, [approved]) == [(Act.PUBLISH, SLOT)]


def test_a_check_that_holds_an_unapproved_issue_does_not_approve_it() -> None:
    caught = held("audience", SLOT, DUE, IssueState.DRAFT)
    assert acts(plan(needs_approval=True), DUE, [caught]) == [(Act.AWAIT, SLOT)]
    caught = held("audience", SLOT, DUE, IssueState.APPROVED)
    assert acts(plan(needs_approval=True), DUE, [caught]) == [(Act.PUBLISH, SLOT)]


# Holds.


@pytest.mark.parametrize("code", ["audience", "public_url"])
def test_what_a_check_holds_is_tried_again_within_its_grace_and_skipped_after_it(code: str) -> None:
    caught = held(code, SLOT, DUE)
    assert acts(plan(), DUE + HOUR, [caught]) == [(Act.PUBLISH, SLOT)]
    assert acts(plan(), DUE + 7 * HOUR, [caught]) == [(Act.SKIP, SLOT)]


@pytest.mark.parametrize("code", ["operator", "relay"])
@pytest.mark.parametrize("held_from", [IssueState.DRAFT, IssueState.APPROVED, IssueState.SENDING])
@pytest.mark.parametrize("late", [timedelta(), HOUR, 48 * HOUR])
def test_what_is_held_by_hand_or_for_the_relay_is_left_alone(
    code: str, held_from: IssueState, late: timedelta
) -> None:
    stopped = held(code, SLOT, DUE, held_from)
    assert SLOT not in {slot for _, slot in acts(plan(), DUE + late, [stopped])}


@pytest.mark.parametrize("code", ["audience", "public_url"])
def test_what_was_frozen_before_it_was_held_is_not_frozen_again(code: str) -> None:
    stopped = held(code, SLOT, DUE, IssueState.SENDING, frozen_at=DUE)
    assert acts(plan(), DUE + HOUR, [stopped]) == []


def test_a_used_up_quota_is_tried_again_after_an_hour_whatever_came_since() -> None:
    stopped = held("quota", SLOT, DUE, IssueState.SENDING, held_at=DUE + 5 * MINUTE, frozen_at=DUE)
    assert acts(plan(), DUE + 64 * MINUTE, [stopped]) == []
    assert acts(plan(), DUE + 65 * MINUTE, [stopped]) == [(Act.RESUME, SLOT)]
    assert (Act.RESUME, SLOT) in acts(plan(), DUE + 30 * HOUR, [stopped])


def test_what_a_check_holds_ahead_of_its_slot_is_drafted_so_that_the_hold_can_lift() -> None:
    asked = held("articles", SLOT, DUE)
    assert acts(plan(), DUE - MINUTE, [YESTERDAY, asked]) == [(Act.DRAFT, SLOT)]
    assert acts(plan(), DUE, [asked]) == [(Act.PUBLISH, SLOT)]
    assert acts(plan(), DUE + 7 * HOUR, [asked]) == [(Act.SKIP, SLOT)]
