from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.slots import Schedule

NEW_YORK = "America/New_York"
ZONES = [
    NEW_YORK,
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Asia/Kolkata",
    "UTC",
    "Pacific/Apia",
]
EXPRESSIONS = [
    "0 7 * * *",
    "30 2 * * *",
    "30 1 * * *",
    "*/15 * * * *",
    "0 0 * * *",
    "0 7 * * 1-5",
    "0 7 1 * 1",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(zone: str = NEW_YORK, expression: str = "0 7 * * *") -> Schedule:
    return Schedule.parse(expression, zone)


def names(schedule: Schedule, after: str, until: str) -> list[str]:
    return [slot.name for slot in schedule.between(utc(after), utc(until))]


def falls_on(schedule: Schedule, day: str) -> list[tuple[str, str]]:
    """Name a day's slots by their nominal time and the UTC time they fall on."""
    slots = schedule.day(date.fromisoformat(day))
    return [(slot.name[11:], slot.instant.strftime("%H:%M")) for slot in slots]


def test_a_slot_is_named_by_local_wall_time_and_falls_on_its_instant() -> None:
    (slot,) = daily().between(utc("2026-11-24T00:00"), utc("2026-11-25T00:00"))
    assert slot.name == "2026-11-24T07:00"
    assert slot.instant == utc("2026-11-24T12:00")


def test_between_leaves_out_its_start_and_takes_in_its_end() -> None:
    twelve, day_after = "2026-11-24T12:00", "2026-11-25T12:00"
    assert names(daily(), twelve, day_after) == ["2026-11-25T07:00"]


@pytest.mark.parametrize(
    ("schedule", "day", "slots"),
    [
        pytest.param(daily(), "2026-03-08", [("07:00", "11:00")], id="the morning after is an hour nearer"),
        pytest.param(daily(expression="30 2 * * *"), "2026-03-08", [("02:30", "07:00")], id="gap"),
        pytest.param(
            daily(expression="*/30 2-3 * * *"),
            "2026-03-08",
            [("02:00", "07:00"), ("02:30", "07:00"), ("03:00", "07:00"), ("03:30", "07:30")],
            id="several in a gap fall on its end",
        ),
        pytest.param(daily(expression="30 1 * * *"), "2026-11-01", [("01:30", "05:30")], id="twice is once"),
        pytest.param(
            daily(expression="0 1-2 * * *"),
            "2026-11-01",
            [("01:00", "05:00"), ("02:00", "07:00")],
            id="autumn",
        ),
        pytest.param(
            daily("Africa/Cairo", "0 0 * * *"), "2026-04-24", [("00:00", "22:00")], id="no midnight"
        ),
        pytest.param(
            daily("Australia/Lord_Howe", "*/15 2 * * *"),
            "2026-10-04",
            [("02:00", "15:30"), ("02:15", "15:30"), ("02:30", "15:30"), ("02:45", "15:45")],
            id="half an hour",
        ),
        pytest.param(daily("Pacific/Apia"), "2011-12-30", [("07:00", "10:00")], id="a day that never was"),
    ],
)
def test_a_clock_change_moves_a_slot_but_never_its_name(
    schedule: Schedule, day: str, slots: list[tuple[str, str]]
) -> None:
    assert falls_on(schedule, day) == slots


def test_in_the_second_coming_of_an_hour_its_slot_is_over() -> None:
    schedule = daily(expression="30 1 * * *")
    second_half_past = utc("2026-11-01T06:30")
    assert names(schedule, "2026-11-01T06:00", "2026-11-01T23:00") == []
    assert schedule.latest(second_half_past - timedelta(minutes=20)) == schedule.latest(second_half_past)
    assert schedule.upcoming(second_half_past, 1)[0].name == "2026-11-02T01:30"


@pytest.mark.parametrize(
    ("weekdays", "dates"),
    [
        ("1-5", [23, 24, 25, 26, 27]),
        ("MON-FRI", [23, 24, 25, 26, 27]),
        ("0", [29]),
        ("7", [29]),
        ("sun", [29]),
        ("5-7", [27, 28, 29]),
        ("0-3", [23, 24, 25, 29]),
        ("1,3", [23, 25]),
    ],
)
def test_weekdays_are_counted_from_sunday(weekdays: str, dates: list[int]) -> None:
    week = names(daily("UTC", f"0 7 * * {weekdays}"), "2026-11-23T00:00", "2026-11-30T00:00")
    assert [int(name[8:10]) for name in week] == dates


def test_a_day_of_month_and_a_weekday_mean_either() -> None:
    assert names(daily("UTC", "0 7 25 * 1"), "2026-11-23T00:00", "2026-11-30T00:00") == [
        "2026-11-23T07:00",
        "2026-11-25T07:00",
    ]


def test_a_month_without_a_31st_has_no_slot() -> None:
    assert names(daily("UTC", "0 7 31 * *"), "2026-01-01T00:00", "2026-06-01T00:00") == [
        "2026-01-31T07:00",
        "2026-03-31T07:00",
        "2026-05-31T07:00",
    ]


def test_a_leap_day_comes_in_leap_years() -> None:
    upcoming = daily("UTC", "0 7 29 2 *").upcoming(utc("2026-01-01T00:00"), 2)
    assert [slot.name for slot in upcoming] == ["2028-02-29T07:00", "2032-02-29T07:00"]


def test_the_latest_slot_is_due_at_its_very_instant() -> None:
    at, just_before = utc("2026-11-24T12:00"), utc("2026-11-24T12:00") - timedelta(microseconds=1)
    assert (latest := daily().latest(at)) is not None
    assert latest.name == "2026-11-24T07:00"
    assert (before := daily().latest(just_before)) is not None
    assert before.name == "2026-11-23T07:00"


def test_a_slot_before_its_schedule_was_first_seen_is_never_due() -> None:
    seven = utc("2026-11-24T12:00")
    assert daily().latest(seven + timedelta(hours=1), since=seven + timedelta(minutes=1)) is None
    assert daily().latest(seven + timedelta(hours=1), since=seven) is not None


def test_a_changed_schedule_does_not_make_its_morning_due_in_the_evening() -> None:
    changed_at = utc("2026-11-24T22:00")
    earlier_hour = daily(expression="0 6 * * *")
    assert earlier_hour.latest(changed_at + timedelta(hours=1), since=changed_at) is None
    due = earlier_hour.latest(changed_at + timedelta(hours=24), since=changed_at)
    assert due is not None
    assert due.name == "2026-11-25T06:00"


@pytest.mark.parametrize(
    ("expression", "now", "name"),
    [
        pytest.param("0 7,17 * * *", "2026-11-24T23:00", "2026-11-24T17:00", id="latest due"),
        pytest.param("0 7,17 * * *", "2026-11-24T13:00", "2026-11-24T07:00", id="the due before the next"),
        pytest.param("0 7,17 * * *", "2026-11-24T06:00", "2026-11-24T07:00", id="the next today"),
        pytest.param("0 7 * * 5", "2026-11-24T13:00", "2026-11-27T07:00", id="the next at all"),
        pytest.param("0 7 * * *", "2026-11-25T04:00", "2026-11-24T07:00", id="today is a local day"),
    ],
)
def test_the_slot_meant_today(expression: str, now: str, name: str) -> None:
    slot = daily(expression=expression).today(utc(now))
    assert slot is not None
    assert slot.name == name


@pytest.mark.parametrize("text", ["2026-11-24T07:00", "2026-11-24"])
def test_a_slot_is_found_by_its_name_or_its_date(text: str) -> None:
    assert daily().named(text, utc("2026-01-01T00:00")).name == "2026-11-24T07:00"


def test_a_swallowed_slot_is_found_by_its_name() -> None:
    slot = daily(expression="30 2 * * *").named("2026-03-08T02:30", utc("2026-01-01T00:00"))
    assert slot.instant == utc("2026-03-08T07:00")


@pytest.mark.parametrize(
    ("expression", "text", "sentence"),
    [
        (
            "0 7,17 * * *",
            "2026-11-24",
            "2026-11-24 has 2 slots: 2026-11-24T07:00, 2026-11-24T17:00; name one.",
        ),
        ("0 7 * * *", "2026-11-24T08:00", "2026-11-24T08:00 is no slot; that day has 2026-11-24T07:00."),
        (
            "0 7 * * 1",
            "2026-11-24",
            "No issue is due on 2026-11-24; the nearest slots are 2026-11-23T07:00, 2026-11-30T07:00.",
        ),
        ("0 7 * * *", "tomorrow", "“tomorrow” names no slot; write one like 2026-01-01T07:00, or a date."),
        (
            "0 7 * * *",
            "2026-13-01",
            "“2026-13-01” names no slot; write one like 2026-01-01T07:00, or a date.",
        ),
    ],
)
def test_a_text_that_is_no_slot_is_answered_with_those_that_are(
    expression: str, text: str, sentence: str
) -> None:
    with pytest.raises(UsageError) as raised:
        daily(expression=expression).named(text, utc("2026-01-01T06:00"))
    assert str(raised.value) == sentence


def test_a_day_of_many_slots_is_not_listed_whole() -> None:
    with pytest.raises(UsageError, match=r"has 1440 slots: .*T00:04, …; name one"):
        daily("UTC", "* * * * *").named("2026-11-24", utc("2026-11-24T00:00"))


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 7 * *",
        "0 0 7 * * *",
        "61 * * * *",
        "0 7 30 2 *",
        "7 o'clock",
        "@daily",
        "0 7 * * MON#1/2",
        "9" * 5000,
    ],
)
def test_a_bad_expression_is_refused_in_one_sentence(expression: str) -> None:
    with pytest.raises(UsageError, match="schedule"):
        Schedule.parse(expression, "UTC")


@pytest.mark.parametrize("zone", ["", "America", "../etc/passwd", "Mars/Olympus", "a\0b", "/etc/localtime"])
def test_a_bad_zone_is_refused_in_one_sentence(zone: str) -> None:
    with pytest.raises(UsageError, match="is not a time zone"):
        Schedule.parse("0 7 * * *", zone)


@given(st.text(alphabet="0123456789*/-,#LWMON ", max_size=24) | st.text(max_size=24), st.sampled_from(ZONES))
def test_whatever_is_typed_is_a_schedule_or_a_usage_error(expression: str, zone: str) -> None:
    try:
        schedule = Schedule.parse(expression, zone)
    except UsageError:
        return
    assert schedule.upcoming(utc("2026-01-01T00:00"), 1)


# Weeks around the clock changes of the zones above, where the properties are at risk.
MOMENTS = st.sampled_from(
    ["2026-03-08T07:00", "2026-11-01T06:00", "2026-04-23T22:00", "2026-10-03T15:30", "2011-12-30T10:00"]
).flatmap(lambda at: st.integers(-3000, 3000).map(lambda minutes: utc(at) + timedelta(minutes=minutes)))
SPANS = st.integers(0, 2880).map(lambda minutes: timedelta(minutes=minutes))
SCHEDULES = st.builds(Schedule.parse, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES))


@given(SCHEDULES, MOMENTS, SPANS, SPANS)
def test_two_spans_hold_what_their_sum_holds(
    schedule: Schedule, start: datetime, first: timedelta, second: timedelta
) -> None:
    middle, end = start + first, start + first + second
    whole = list(schedule.between(start, end))
    assert whole == [*schedule.between(start, middle), *schedule.between(middle, end)]


@given(SCHEDULES, MOMENTS, SPANS)
def test_names_are_unique_and_instants_never_go_back(
    schedule: Schedule, start: datetime, span: timedelta
) -> None:
    slots = list(schedule.between(start, start + span))
    assert len({slot.name for slot in slots}) == len(slots)
    assert [slot.instant for slot in slots] == sorted(slot.instant for slot in slots)
    assert [slot.name for slot in slots] == sorted(slot.name for slot in slots)


def backwards(schedule: Schedule, now: datetime) -> Iterator[str]:
    for days in range(40):
        slots = schedule.between(now - timedelta(days=days + 1), now - timedelta(days=days))
        yield from reversed([slot.name for slot in slots])


@given(SCHEDULES, MOMENTS)
def test_the_latest_slot_is_the_last_that_lies_between(schedule: Schedule, now: datetime) -> None:
    latest = schedule.latest(now)
    assert latest is not None
    assert latest.name == next(backwards(schedule, now))
