"""Rates that several senders share: they hold together, and whoever has nothing to send takes nothing."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from datetime import datetime

import pytest
from engine_ledger import address, counts, sending, state, subscribe, until
from engine_relays import job, relay
from smtp_server import Bad, SmtpServer, serving

from digest.delivery.courier import Relay
from digest.delivery.domains import Limit
from digest.delivery.lease import Lease
from digest.engine.book import Book
from digest.engine.sender import Sender
from digest.errors import StoreError
from digest.model import Counts, Issue, IssueState
from digest.store.database import Store

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def send_apart(
    store: Store, issue: Issue, to: Relay, limits: dict[str, Limit], start: threading.Barrier
) -> None:
    """Send as another process would: with a store, an event loop and a sender of its own."""

    async def send(own: Store) -> None:
        running = Sender(own, [to], limits=limits)
        start.wait()
        await running.run([job(issue, to.name)])

    with contextlib.closing(Store(store.url.render_as_string(hide_password=False))) as own:
        asyncio.run(send(own))


def send_both(store: Store, each: int, to: Relay, limits: dict[str, Limit]) -> float:
    """Send an issue each to so many readers, by two senders at once; give the seconds that it took."""
    subscribe(store, each)
    subscribe(store, each, newsletter="weekly", first=1001)
    both = [sending(store), sending(store, newsletter="weekly")]
    start = threading.Barrier(3)
    threads = [threading.Thread(target=send_apart, args=(store, one, to, limits, start)) for one in both]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    assert [counts(store, one) for one in both] == [Counts(accepted=each)] * 2
    assert [state(store, one) for one in both] == [IssueState.SENT] * 2
    return seconds


@pytest.mark.parametrize("of", ["relay", "domain"])
def test_two_senders_hold_a_rate_together(store: Store, of: str) -> None:
    with serving(SmtpServer()) as server:
        rate = 40
        limits = {address(1).partition("@")[2]: Limit(rate=rate)} if of == "domain" else {}
        seconds = send_both(store, 20, relay(server, "main", rate=rate if of == "relay" else 0), limits)
    assert len(server.received) == 40
    # By himself each would need half of it.
    assert seconds >= 39 / rate - 0.03


@ON_SQLITE
def test_two_senders_hold_a_fraction_of_a_message_a_second_together(store: Store) -> None:
    with serving(SmtpServer()) as server:
        seconds = send_both(store, 2, relay(server, "main", rate=2.5), {})
    assert seconds >= 3 / 2.5 - 0.03


@ON_SQLITE
def test_relays_of_other_names_have_rates_of_their_own(store: Store) -> None:
    subscribe(store, 1)
    subscribe(store, 1, newsletter="weekly", first=1001)
    both = [sending(store), sending(store, newsletter="weekly")]
    start = threading.Barrier(2)
    # One a minute each: behind one another they would take that long.
    with serving(SmtpServer()) as server:
        threads = [
            threading.Thread(
                target=send_apart, args=(store, one, relay(server, name, rate=1 / 60), {}, start), daemon=True
            )
            for one, name in zip(both, ("first", "second"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(server.received) == 2


@ON_SQLITE
async def test_a_relay_that_finds_us_too_fast_gets_half_from_there_on(store: Store) -> None:
    subscribe(store, 24)
    issue = sending(store)
    too_fast = Bad(at="mail", how="451 4.7.28 your sending rate is too high", times={4})
    async with SmtpServer(too_fast) as server:
        running = Sender(store, [relay(server, rate=50, connections=1)])
        start = time.monotonic()
        await running.run([job(issue)])
        # Three, and the other twenty at half the rate.
        assert time.monotonic() - start >= 3 / 50 + 19 / 25 - 0.03
    assert running._carriers.all[0].pace.limit == 25
    assert counts(store, issue) == Counts(accepted=23, pending=1)


class Counting(Book):
    """A ledger that remembers what was leased, and refuses the first so many times."""

    def __init__(self, store: Store, *, failures: int = 0) -> None:
        super().__init__(store, ask=False)
        self._failures = failures
        self.asked: list[str] = []

    def lease(self, wanted: Mapping[str, tuple[int, float]], now: datetime) -> dict[str, Lease]:
        self.asked += wanted
        if len(self.asked) <= self._failures:
            raise StoreError("the disk is full")
        return super().lease(wanted, now)


@ON_SQLITE
async def test_a_sender_that_waits_for_answers_alone_leases_nothing(store: Store) -> None:
    subscribe(store, 3)
    issue = sending(store)
    async with SmtpServer(pause=1.1) as server:
        limits = {address(1).partition("@")[2]: Limit(rate=100)}
        running = Sender(store, [relay(server, "main", rate=100)], limits=limits)
        book = running._book = Counting(store)
        run = asyncio.create_task(running.run([job(issue, "main")]))
        await until(lambda: server.commands["DATA"] == 3)
        so_far = list(book.asked)
        await run
    assert set(so_far) == {"main", "@mail.example"}
    # Longer than a lease's second.
    assert book.asked == so_far
    assert counts(store, issue) == Counts(accepted=3)


@ON_SQLITE
async def test_without_a_rate_nothing_is_leased(store: Store) -> None:
    subscribe(store, 30)
    issue = sending(store)
    async with SmtpServer() as server:
        running = Sender(store, [relay(server)], limits={"mail.example": Limit(connections=1)})
        book = running._book = Counting(store)
        await running.run([job(issue)])
    assert book.asked == []
    assert counts(store, issue) == Counts(accepted=30)


@ON_SQLITE
async def test_nothing_is_leased_for_a_relay_that_cannot_be_reached(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    down = SmtpServer(Bad(at="banner", how="421 4.3.2 starting"))
    async with down, SmtpServer() as up, SmtpServer() as spare:
        relays = [
            relay(down, "down", rate=100),
            relay(up, "up", rate=100),
            relay(spare, "spare", rate=100, weight=0),
        ]
        running = Sender(store, relays)
        book = running._book = Counting(store)
        await running.run([job(issue, "down", "up", "spare")])
    assert set(book.asked) == {"up"}
    assert counts(store, issue) == Counts(accepted=40)


@ON_SQLITE
async def test_a_lease_that_the_ledger_could_not_give_is_asked_for_again(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    async with SmtpServer() as server:
        running = Sender(store, [relay(server, "main", rate=100)])
        running._book = Counting(store, failures=1)
        await running.run([job(issue, "main")])
    assert counts(store, issue) == Counts(accepted=10)


@ON_SQLITE
@pytest.mark.parametrize(
    ("rate", "limit", "connections"),
    [(8, Limit(), 5), (0, Limit(rate=20, connections=1), 5), (0, Limit(rate=20), 1), (0, Limit(rate=8), 5)],
    ids=["relay", "domain with one on the wire", "domain and a busy relay", "domain"],
)
async def test_who_waits_does_not_go_round_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch, rate: float, limit: Limit, connections: int
) -> None:
    subscribe(store, 5)
    issue = sending(store)
    async with SmtpServer(pause=0.15) as server:
        to = relay(server, "main", rate=rate, connections=connections)
        running = Sender(store, [to], limits={"mail.example": limit})
        rounds, share = 0, running._carriers.share

        def counted(count: int) -> object:
            nonlocal rounds
            rounds += 1
            return share(count)

        monkeypatch.setattr(running._carriers, "share", counted)
        await running.run([job(issue, "main")])
    assert counts(store, issue) == Counts(accepted=5)
    # A few for each message, connection and lease; without a wait they would be thousands.
    assert rounds < 120
