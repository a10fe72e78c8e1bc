"""Leases of one line: no instant is given twice, none is more than the rate, and no clock stalls it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.lease import AHEAD, LEASE_SECONDS, SKEW_SECONDS, Lease, grant, most, span

EPOCH = 1_795_000_000.0

RATES = st.floats(0.01, 2000)


def instants(lease: Lease) -> list[float]:
    return [lease.start_at + number * lease.interval for number in range(lease.count)]


def at_most_in_a_second(times: list[float]) -> int:
    """Count the fullest second, by its first message; a hair less, for floating point."""
    times.sort()
    fullest = last = 0
    for first, time in enumerate(times):
        while last < len(times) and times[last] < time + 1 - 1e-5:
            last += 1
        fullest = max(fullest, last - first)
    return fullest


@given(RATES, st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5000)), min_size=1, max_size=60))
def test_no_second_holds_more_than_the_rate_whoever_asks_for_however_many(
    rate: float, asked: list[tuple[float, int]]
) -> None:
    now, next_free, given_out = EPOCH, 0.0, list[float]()
    for later, want in asked:
        now += later
        lease = grant(next_free, rate=rate, want=want, now=now)
        if lease.count:
            assert now <= lease.start_at >= next_free
            next_free = lease.end_at
            given_out += instants(lease)
    assert at_most_in_a_second(given_out) <= math.ceil(rate)
    assert len(given_out) <= (next_free - EPOCH) * rate + 1e-3


@given(RATES, st.integers(1, 10_000))
def test_a_lease_is_no_more_than_was_wanted_and_a_second_or_one_message_long(rate: float, want: int) -> None:
    lease = grant(0, rate=rate, want=want, now=EPOCH)
    assert 1 <= lease.count <= min(want, most(rate))
    assert lease.start_at == EPOCH
    assert lease.end_at - EPOCH <= span(rate) + 1e-6


def test_leases_that_are_asked_for_at_once_follow_each_other() -> None:
    first = grant(0, rate=10, want=10, now=EPOCH)
    second = grant(first.end_at, rate=10, want=10, now=EPOCH)
    assert (first.start_at, second.start_at) == (EPOCH, EPOCH + 1)


def test_a_rest_saves_nothing_up() -> None:
    assert grant(EPOCH - 3600, rate=10, want=10, now=EPOCH).start_at == EPOCH


def test_so_many_processes_wait_for_their_turn_and_a_further_one_is_told_when_to_ask() -> None:
    next_free, leases = 0.0, list[Lease]()
    while (lease := grant(next_free, rate=100, want=100, now=EPOCH)).count:
        leases.append(lease)
        next_free = lease.end_at
    assert len(leases) == AHEAD + 1
    assert lease.start_at == pytest.approx(EPOCH + LEASE_SECONDS)
    assert grant(next_free, rate=100, want=100, now=lease.start_at).count == 100


@pytest.mark.parametrize("rate", [0.01, 0.2, 14, 900])
def test_a_clock_that_was_set_back_stalls_nothing_for_ever(rate: float) -> None:
    assert grant(EPOCH + 1e6, rate=rate, want=1, now=EPOCH).start_at == EPOCH
    longest, now = (AHEAD + 1) * span(rate) + SKEW_SECONDS, EPOCH
    lease = grant(EPOCH + longest, rate=rate, want=1, now=now)
    while not lease.count:
        assert lease.start_at > now
        now = lease.start_at
        lease = grant(EPOCH + longest, rate=rate, want=1, now=now)
    assert now - EPOCH <= longest


def test_another_clocks_lease_is_shifted_whole() -> None:
    lease = grant(0, rate=10, want=5, now=EPOCH).shifted(-EPOCH)
    assert (lease.count, lease.start_at, lease.end_at) == (5, 0, 0.5)
