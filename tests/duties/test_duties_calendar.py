"""Slots on the nights on which clocks change, and cron's weekdays."""

from datetime import timedelta

import pytest
from duties_plan import HOUR, acts, at, issue, plan

from digest.duties import Act
from digest.model import IssueState

CAIRO = "Africa/Cairo"


def test_on_the_short_night_a_swallowed_slot_is_due_once_at_the_end_of_the_gap() -> None:
    half_past_two = plan("30 2 * * *")
    before = issue("2026-03-07T02:30", at("2026-03-07 07:30"), IssueState.SENT)
    gap_ends = at("2026-03-08 07:00")
    slot = "2026-03-08T02:30"
    assert acts(half_past_two, gap_ends - timedelta(seconds=1), [before]) == [(Act.DRAFT, slot)]
    assert acts(half_past_two, gap_ends, [before]) == [(Act.PUBLISH, slot)]
    sent = issue(slot, gap_ends, IssueState.SENT, number=2)
    assert acts(half_past_two, gap_ends + HOUR / 2, [before, sent]) == []


def test_slots_that_share_the_end_of_a_gap_are_each_ended_once_and_the_last_is_published() -> None:
    half_hourly = plan("*/30 * * * *", draft_before=timedelta(minutes=20))
    gap_ends = at("2026-03-08 07:00")
    drafted = issue("2026-03-08T02:00", gap_ends)
    expected = [
        (Act.SKIP, "2026-03-08T02:00"),
        (Act.SKIP, "2026-03-08T02:30"),
        (Act.PUBLISH, "2026-03-08T03:00"),
    ]
    assert acts(half_hourly, gap_ends, [drafted]) == expected
    skipped = issue("2026-03-08T02:00", gap_ends, IssueState.SKIPPED)
    assert acts(half_hourly, gap_ends, [skipped]) == expected[1:]


def test_on_the_long_night_a_slot_that_comes_twice_is_published_the_first_time_alone() -> None:
    half_past_one = plan("30 1 * * *")
    before = issue("2026-10-31T01:30", at("2026-10-31 05:30"), IssueState.SENT)
    slot, first = "2026-11-01T01:30", at("2026-11-01 05:30")
    assert acts(half_past_one, first, [before]) == [(Act.PUBLISH, slot)]
    sent = issue(slot, first, IssueState.SENT, number=2)
    for later in (HOUR / 2, HOUR, 2 * HOUR):
        assert acts(half_past_one, first + later, [before, sent]) == []


def test_on_the_long_night_hourly_slots_are_twenty_four() -> None:
    hourly = plan("0 * * * *", draft_before=timedelta())
    known = [issue("2026-10-31T23:00", at("2026-11-01 03:00"), IssueState.SENT, number=99)]
    now, published = at("2026-11-01 03:00"), []
    while now <= at("2026-11-02 05:00"):
        for act, slot in acts(hourly, now, known):
            if act is Act.PUBLISH:
                published.append(slot)
                known.append(issue(slot, now, IssueState.SENT, number=len(known)))
        now += timedelta(minutes=15)
    assert len(published) == len(set(published))
    assert published == [f"2026-11-01T{hour:02}:00" for hour in range(24)] + ["2026-11-02T00:00"]


def test_cairos_midnight_that_does_not_exist_has_its_issue_an_hour_later_by_the_clock() -> None:
    midnight = plan("0 0 * * *", CAIRO)
    before = issue("2026-04-23T00:00", at("2026-04-22 22:00"), IssueState.SENT)
    slot, due = "2026-04-24T00:00", at("2026-04-23 22:00")
    assert acts(midnight, due - HOUR / 2, [before]) == [(Act.DRAFT, slot)]
    assert acts(midnight, due, [before]) == [(Act.PUBLISH, slot)]
    sent = issue(slot, due, IssueState.SENT, number=2)
    assert acts(midnight, due + HOUR, [before, sent]) == []
    assert acts(midnight, at("2026-04-24 21:00"), [sent]) == [(Act.PUBLISH, "2026-04-25T00:00")]


@pytest.mark.parametrize(
    ("expression", "weekdays"),
    [("0 7 * * 1-5", "Mon Tue Wed Thu Fri"), ("0 7 * * 0", "Sun"), ("0 7 * * 7", "Sun")],
)
def test_weekdays_are_counted_as_cron_counts_them(expression: str, weekdays: str) -> None:
    asked = plan(expression)
    noon = [at(f"2026-11-{day:02} 12:00") for day in range(23, 30)]
    published = [now.strftime("%a") for now in noon if acts(asked, now, seen_at=now)]
    assert published == weekdays.split()
