"""Permits come from one place: processes that share a rate keep it together."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from digest.delivery.lease import Lease
from digest.store.database import Store
from digest.store.leases import lease

EPOCH = 1_795_000_000.0


def leased(
    store: Store, name: str = "main", *, rate: float = 10, want: int = 10, now: float = EPOCH
) -> Lease:
    with store.write() as session:
        return lease(session, name, rate=rate, want=want, now=now)


def test_a_line_that_is_new_begins_now(store: Store) -> None:
    given = leased(store)
    assert (given.count, given.start_at, given.end_at) == (10, EPOCH, EPOCH + 1)


def test_what_is_given_away_is_kept_to_the_instant(store: Store) -> None:
    ends = [leased(store, rate=7, want=3).end_at for _ in range(4)]
    assert leased(store, rate=7).start_at == ends[-1]
    assert ends[-1] == pytest.approx(EPOCH + 12 / 7, abs=1e-6)


def test_each_relay_and_domain_has_its_own_line(store: Store) -> None:
    assert [leased(store, name).start_at for name in ("main", "second", "@mail.example")] == [EPOCH] * 3


def test_a_slow_rate_is_kept_too(store: Store) -> None:
    starts = [leased(store, rate=0.2).start_at - EPOCH for _ in range(3)]
    assert starts == pytest.approx([0, 5, 10])


def test_what_was_rolled_back_was_never_given(store: Store) -> None:
    with store.write() as session:
        lease(session, "main", rate=10, want=10, now=EPOCH)
        session.rollback()
    assert leased(store).start_at == EPOCH


def test_a_refusal_takes_nothing(store: Store) -> None:
    while leased(store).count:
        pass
    first, second = leased(store), leased(store)
    assert (first.count, second.count) == (0, 0)
    assert first.start_at == second.start_at > EPOCH
    assert leased(store, now=first.start_at).count == 10


def test_a_clock_set_back_stalls_nothing(store: Store) -> None:
    leased(store, now=EPOCH + 86_400)
    assert leased(store).start_at == EPOCH


@contextmanager
def process(url: str, *, rate: float, want: int) -> Iterator["subprocess.Popen[str]"]:
    script = Path(__file__).with_name("lease_process.py")
    with subprocess.Popen(
        [sys.executable, str(script), url, "main", str(rate), str(want)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            assert running.stdin is not None
            running.stdin.close()
            running.wait()


def tell(running: "subprocess.Popen[str]", now: float) -> None:
    assert running.stdin is not None
    print(now, file=running.stdin, flush=True)


def told(running: "subprocess.Popen[str]") -> list[float]:
    assert running.stdout is not None
    count, start, interval = running.stdout.readline().split()
    return [float(start) + number * float(interval) for number in range(int(count))]


@pytest.mark.parametrize(("rate", "want"), [(50, 7), (1.5, 1)])
def test_two_processes_that_ask_in_the_same_moment_keep_one_rate(
    store: Store, rate: float, want: int
) -> None:
    url, seconds = store.url.render_as_string(hide_password=False), 20
    given: list[list[float]] = [[], []]
    with process(url, rate=rate, want=want) as one, process(url, rate=rate, want=want) as other:
        for tenth in range(seconds * 10):
            # Both have it before either answers: they meet at the database.
            for running in (one, other):
                tell(running, EPOCH + tenth / 10)
            for number, running in enumerate((one, other)):
                given[number] += told(running)
    instants = sorted(given[0] + given[1])
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    assert min(gaps) >= 1 / rate - 1e-5
    assert max(gaps) <= 1 / rate + 0.1
    in_time = [time for time in instants if time < EPOCH + seconds]
    assert len(in_time) == pytest.approx(rate * seconds, rel=0.05, abs=1)
    assert all(given)


def test_two_who_begin_a_line_at_once_share_it(store: Store) -> None:
    with closing(Store(store.url.render_as_string(hide_password=False))) as second:
        start = threading.Barrier(2)

        def begin(here: Store) -> float:
            start.wait()
            return leased(here).start_at

        with ThreadPoolExecutor(2) as threads:
            starts = set(threads.map(begin, (store, second)))
    assert starts == {EPOCH, EPOCH + 1}
