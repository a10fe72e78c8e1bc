from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.slots import Schedule, apscheduler_fields


@pytest.mark.parametrize(
    ("weekdays", "names"),
    [
        ("1-5", "mon,tue,wed,thu,fri"),
        ("5-7", "sun,fri,sat"),
        ("0-3", "sun,mon,tue,wed"),
        ("0,7", "sun"),
        ("*/2", "sun,tue,thu,sat"),
        ("fri", "fri"),
    ],
)
def test_numbers_of_weekdays_become_names(weekdays: str, names: str) -> None:
    assert apscheduler_fields(f"0 7 * * {weekdays}")["day_of_week"] == names


@pytest.mark.parametrize(
    "days",
    [
        pytest.param("1 * 1", id="a day of the month or a weekday"),
        pytest.param("L * *", id="the last day"),
        pytest.param("* * 1#2", id="the second Monday"),
        pytest.param("* * 5L", id="the last Friday"),
    ],
)
def test_what_a_trigger_cannot_say_fires_daily(days: str) -> None:
    fields = apscheduler_fields(f"30 7 {days}")
    assert (fields["day"], fields["day_of_week"]) == ("*", "*")
    assert (fields["hour"], fields["minute"], fields["second"]) == ("7", "30", "0")


def test_a_bad_expression_has_no_trigger() -> None:
    with pytest.raises(UsageError):
        apscheduler_fields("0 7 * *")


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    pair = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    step = st.builds(lambda base, by: f"{base}/{by}", st.just("*") | pair, st.integers(1, 9))
    term = number.map(str) | pair | step
    return st.just("*") | term | st.lists(term, min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 28) | st.sampled_from(["L", "LW,1", "31,1"]),
    field(1, 12),
    field(0, 7),
).map(" ".join)


MOMENTS = st.integers(0, 8 * 365 * 24 * 60).map(
    lambda m: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)


@given(EXPRESSIONS, MOMENTS)
def test_a_trigger_fires_at_every_slot(expression: str, now: datetime) -> None:
    schedule = Schedule.parse(expression, "UTC")
    trigger = CronTrigger(timezone=UTC, **apscheduler_fields(expression))
    for slot in schedule.upcoming(now, 3):
        assert trigger.get_next_fire_time(None, slot.instant - timedelta(seconds=1)) == slot.instant
