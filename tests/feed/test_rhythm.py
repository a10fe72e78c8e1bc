"""How often a feed has something new, and when its silence is a trouble."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.feed.rhythm import LEAST_SILENCE, Rhythm, rhythm

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def office_hours(days: int, *, every: int = 2, weekends: bool = False) -> Iterator[datetime]:
    """Articles from nine to five, Monday to Friday, from that Monday on."""
    for day in range(days):
        if weekends or day % 7 < 5:
            yield from (MONDAY + day * DAY + hour * HOUR for hour in range(9, 18, every))


def known(times: Iterator[datetime] | list[datetime]) -> Rhythm:
    found = rhythm(times)
    assert found is not None
    return found


def test_a_feed_of_few_articles_has_no_rhythm() -> None:
    assert rhythm([]) is None
    assert rhythm(MONDAY + n * DAY for n in range(4)) is None
    assert rhythm(MONDAY + n * DAY for n in range(5)) is not None


def test_what_came_in_one_minute_counts_once() -> None:
    assert rhythm([MONDAY + n * timedelta(seconds=7) for n in range(8)]) is None


def test_the_rhythm_is_the_median_of_the_gaps_in_any_order() -> None:
    times = [MONDAY + hours * HOUR for hours in (0, 1, 3, 5, 105)]
    found = known(times[::-1])
    assert (found.usual, found.longest, found.seen) == (2 * HOUR, 100 * HOUR, 105 * HOUR)
    assert str(found) == "about every 2 h"


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(minutes=20), "20 min"),
        (HOUR, "60 min"),
        (DAY, "24 h"),
        (WEEK, "7 days"),
        (30 * DAY, "30 days"),
    ],
)
def test_it_is_said_in_the_unit_that_suits(gap: timedelta, words: str) -> None:
    assert str(known([MONDAY + n * gap for n in range(6)])) == f"about every {words}"


def test_a_quiet_weekend_is_no_silence() -> None:
    found = known(office_hours(12))
    assert found.usual == 2 * HOUR
    assert found.longest == 64 * HOUR
    friday = MONDAY + 11 * DAY + 17 * HOUR
    tuesday = friday + 88 * HOUR
    assert tuesday - friday < found.silence < 5 * DAY


def test_neither_is_the_first_weekend_that_is_seen() -> None:
    found = known(office_hours(5))
    assert found.longest == 16 * HOUR
    assert 64 * HOUR < found.silence <= 3 * DAY


def test_a_feed_that_never_rests_is_missed_after_a_day() -> None:
    assert known([MONDAY + n * HOUR for n in range(24 * 14)]).silence == LEAST_SILENCE


@pytest.mark.parametrize("weekends", [True, False], ids=["every day", "on weekdays"])
@pytest.mark.parametrize(
    "away",
    [{*range(14, 28)}, {*range(14, 28)} - {21}, {*range(14, 28), *range(39, 43)}],
    ids=["a fortnight", "an interrupted one", "a fortnight and a long weekend"],
)
def test_a_holiday_does_not_hide_a_later_silence(away: set[int], *, weekends: bool) -> None:
    days = [day for day in range(54) if day not in away and (weekends or day % 7 < 5)]
    assert known([MONDAY + day * DAY for day in days]).silence == (3 * DAY if weekends else 4.5 * DAY)


def test_a_holiday_is_none_while_weekends_are_too_few_to_tell() -> None:
    days = [day for day in range(26) if day % 7 < 5]
    assert [known([MONDAY + day * DAY for day in days[:seen]]).longest for seen in range(6, 20)] == 14 * [
        3 * DAY
    ]


@pytest.mark.parametrize("weeks", [1, 2, 3, 4])
def test_bursts_that_are_weeks_apart_are_no_holidays(weeks: int) -> None:
    times = [MONDAY + n * weeks * WEEK + hour * HOUR for n in range(5) for hour in range(6)]
    assert known(times).longest == weeks * WEEK - 5 * HOUR


def test_a_slow_feed_is_missed_after_three_times_its_gap() -> None:
    assert known([MONDAY + n * WEEK for n in range(9)]).silence == 3 * WEEK


def test_a_slower_one_is_judged_by_its_newest_twenty() -> None:
    times = [MONDAY + n * 60 * DAY for n in range(30)]
    assert known(times).usual == 60 * DAY
    assert known(times).seen == 19 * 60 * DAY


def test_what_was_long_ago_counts_no_more() -> None:
    before = [MONDAY - 100 * DAY + n * WEEK for n in range(5)]
    assert known([*before, *office_hours(30, weekends=True)]).longest == 16 * HOUR


@given(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=40))
def test_any_times_give_a_rhythm_that_waits_a_day_at_least_or_none(times: list[datetime]) -> None:
    found = rhythm(times)
    assert found is None or (found.silence >= LEAST_SILENCE and found.longest <= found.seen)
