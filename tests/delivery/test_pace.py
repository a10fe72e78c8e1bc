"""The pace: what leaves in a second, and how it gives way and comes back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.pace import MEASURED_SECONDS, RECOVERY_SECONDS, SLOWEST, Pace


def run(pace: Pace, start: float, seconds: float, step: float = 0.01) -> int:
    """Send whatever may leave, in small steps; give how much that was."""
    sent = 0
    for number in range(round(seconds / step)):
        now = start + number * step
        permits = int(min(pace.permits(now), 1000))
        pace.spend(permits, now)
        sent += permits
    return sent


@pytest.mark.parametrize("rate", [0.5, 1, 14, 40, 900])
def test_a_rate_is_kept(rate: float) -> None:
    seconds = 20
    assert run(Pace(rate, 0), 0, seconds) == pytest.approx(rate * seconds, abs=1 + rate * 0.11)


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(0, 0)
    assert (pace.permits(0), pace.wait(0)) == (math.inf, 0)
    pace.spend(10_000, 0)
    assert pace.permits(0) == math.inf


def test_a_rest_saves_up_no_burst() -> None:
    pace = Pace(100, 0)
    assert pace.permits(3600) == 10


@given(st.floats(0.05, 5000), st.lists(st.floats(0, 3), min_size=1, max_size=30))
def test_after_its_wait_a_message_may_leave_and_never_more_than_the_rate_allows(
    rate: float, waits: list[float]
) -> None:
    pace, now, sent = Pace(rate, 0), 0.0, 0
    for wait in waits:
        now += pace.wait(now) + 1e-6 + wait
        permits = int(pace.permits(now))
        assert permits >= 1
        pace.spend(permits, now)
        sent += permits
    assert sent <= 1 + now * rate + max(1, rate * 0.1)


def test_a_rate_is_halved_once_in_a_while_however_many_hear_it() -> None:
    pace = Pace(100, 0)
    run(pace, 0, 10)
    for _ in range(10):
        pace.halve(10)
    assert run(pace, 10, 4) == pytest.approx(200, abs=10)
    pace.halve(10 + MEASURED_SECONDS)
    assert run(pace, 10 + MEASURED_SECONDS, 4) == pytest.approx(100, abs=6)


def test_without_a_rate_half_of_what_was_reached_is_what_is_left() -> None:
    pace = Pace(0, 0)
    for second in range(12):
        pace.spend(300, second)
    pace.halve(12)
    assert run(pace, 12, 10) == pytest.approx(1500, rel=0.1)


def test_a_relay_that_complains_in_the_first_moment_is_given_time() -> None:
    pace = Pace(0, 0)
    pace.spend(10, 0)
    pace.halve(0.01)
    assert run(pace, 0.01, 10) == pytest.approx(100, abs=10)


def test_it_never_slows_so_far_that_an_issue_would_not_end() -> None:
    pace = Pace(1, 0)
    for time in range(0, 300, 10):
        pace.halve(time)
    assert pace.wait(300) <= 1 / SLOWEST


def test_a_halved_rate_comes_back_step_by_step_and_no_further_than_it_was() -> None:
    pace = Pace(100, 0)
    run(pace, 0, 10)
    pace.halve(10)
    reached = [run(pace, 10 + minute * RECOVERY_SECONDS, 10) for minute in range(4)]
    assert reached == [pytest.approx(rate * 10, rel=0.05) for rate in (50, 75, 100, 100)]


def test_where_nothing_was_configured_it_is_free_again_past_what_it_had_reached() -> None:
    pace = Pace(0, 0)
    for second in range(12):
        pace.spend(300, second)
    pace.halve(12)
    for minute in range(1, 4):
        pace.permits(12 + minute * RECOVERY_SECONDS)
    assert pace.permits(12 + 4 * RECOVERY_SECONDS) == math.inf


def test_a_complaint_right_after_a_recovery_is_heard() -> None:
    pace = Pace(100, 0)
    run(pace, 0, 10)
    pace.halve(10)
    pace.permits(10 + RECOVERY_SECONDS)
    pace.halve(10 + RECOVERY_SECONDS + 0.5)
    assert run(pace, 10 + RECOVERY_SECONDS + 1, 10) == pytest.approx(375, rel=0.05)
