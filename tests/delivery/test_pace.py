"""The pace: what leaves in a second, and how it gives way and comes back."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.delivery.lease import Lease, grant
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


def leased(pace: Pace, line: list[float], now: float) -> None:
    """Lease for a pace what it wants, from a line that others may share."""
    if want := pace.wanted(now):
        lease = grant(line[0], rate=pace.limit, want=want, now=now)
        line[0] = lease.end_at if lease.count else line[0]
        pace.granted(lease, now)


def run_leased(paces: list[Pace], line: list[float], start: float, seconds: float) -> list[int]:
    """Let processes that share a line send whatever may leave, in small steps; give how much each did."""
    sent = [0] * len(paces)
    for step in range(round(seconds * 100)):
        now = start + step / 100
        for number, pace in enumerate(paces):
            leased(pace, line, now)
            permits = int(pace.permits(now))
            pace.spend(permits, now)
            sent[number] += permits
    return sent


@pytest.mark.parametrize("rate", [0.2, 0.5, 1, 14, 40, 900])
def test_a_rate_that_is_leased_is_kept(rate: float) -> None:
    (sent,) = run_leased([Pace(rate, 0, leased=True)], [0.0], 0, 20)
    assert sent == pytest.approx(rate * 20, abs=1 + rate * 0.11)


@pytest.mark.parametrize("rate", [0.5, 14, 900])
@pytest.mark.parametrize("processes", [2, 5, 11])
def test_processes_share_a_rate_fairly(rate: float, processes: int) -> None:
    seconds = 60
    paces = [Pace(rate, 0, leased=True) for _ in range(processes)]
    sent = run_leased(paces, [0.0], 0, seconds)
    assert sum(sent) == pytest.approx(rate * seconds, rel=0.02, abs=2)
    assert max(sent) - min(sent) <= 2 * max(1, rate)


def test_without_a_rate_there_is_nothing_to_lease() -> None:
    pace = Pace(0, 0, leased=True)
    assert (pace.permits(0), pace.wanted(0), pace.wait(0)) == (math.inf, 0, 0)


def test_a_pace_that_is_not_leased_wants_nothing() -> None:
    assert Pace(10, 0).wanted(0) == 0


def test_until_a_lease_is_granted_nothing_leaves() -> None:
    pace = Pace(10, 0, leased=True)
    assert (pace.permits(5), pace.wait(5), pace.wanted(5)) == (0, 0, 10)


def test_a_lease_is_spent_evenly_from_its_start_and_what_is_late_is_lost() -> None:
    pace = Pace(100, 0, leased=True)
    pace.granted(Lease(count=100, start_at=3, interval=0.01), 0)
    assert (pace.permits(2.99), pace.wait(1)) == (0, 2)
    assert pace.permits(3.045) == 5
    assert pace.permits(3.905) == 10
    pace.spend(10, 3.905)
    assert pace.permits(3.905) == 0
    assert pace.permits(4.5) == 0


def test_the_next_lease_is_asked_for_before_the_last_one_ends_and_not_twice() -> None:
    pace, line = Pace(10, 0, leased=True), [0.0]
    leased(pace, line, 0)
    assert [pace.wanted(now) for now in (0, 0.4, 0.6)] == [0, 0, 10]
    leased(pace, line, 0.6)
    assert line == [2]
    assert [pace.wanted(now) for now in (0.6, 1.4, 1.6)] == [0, 0, 10]


def test_who_is_told_when_to_ask_again_asks_then() -> None:
    pace = Pace(10, 0, leased=True)
    pace.granted(Lease(count=0, start_at=4, interval=0.1), 0)
    assert [pace.wanted(now) for now in (0, 3.9, 4)] == [0, 0, 10]
    assert pace.wait(1) == 3


def test_a_halved_rate_is_leased_as_such_and_what_is_in_hand_is_dropped() -> None:
    pace, line = Pace(100, 0, leased=True), [0.0]
    run_leased([pace], line, 0, 10)
    pace.halve(10)
    assert pace.permits(10) == 0
    assert (pace.limit, pace.wanted(10)) == (50, 50)
    (sent,) = run_leased([pace], line, 10, 10)
    assert sent == pytest.approx(450, abs=55)
    (sent,) = run_leased([pace], line, 10 + RECOVERY_SECONDS, 10)
    assert sent == pytest.approx(750, abs=80)


def test_a_lease_that_was_asked_for_before_a_halving_is_thinned() -> None:
    pace = Pace(100, 0, leased=True)
    lease = grant(0, rate=pace.limit, want=pace.wanted(0), now=0)
    pace.halve(0)
    pace.granted(lease, 0)
    assert sum(_spent(pace, step / 100) for step in range(200)) == 50


def _spent(pace: Pace, now: float) -> int:
    permits = int(pace.permits(now))
    pace.spend(permits, now)
    return permits


def test_a_slow_rate_is_not_raised_by_slowing_down() -> None:
    pace = Pace(0.05, 0)
    pace.halve(10)
    assert pace.limit == 0.05


@given(st.floats(0.05, 2000), st.lists(st.floats(0, 2), min_size=1, max_size=40))
@example(1.9999999999999998, [1.0])
def test_after_its_wait_a_leased_message_may_leave_or_a_lease_is_asked_for(
    rate: float, waits: list[float]
) -> None:
    pace, line, now, sent = Pace(rate, 0, leased=True), [0.0], 0.0, 0
    for wait in waits:
        now += wait
        leased(pace, line, now)
        assert pace.wanted(now) == 0
        now += pace.wait(now) + 1e-6
        permits = int(pace.permits(now))
        assert permits >= 1
        pace.spend(permits, now)
        sent += permits
    assert sent <= 1 + now * rate + max(1, rate * 0.1)
