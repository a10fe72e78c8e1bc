"""Recipient domains that are to be spared: they wait, nobody else does, and nothing is lost by it."""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa
from engine_ledger import (
    START,
    address,
    counts,
    in_state,
    job,
    reread,
    sender,
    sending,
    state,
    subscribe,
    until,
)
from smtp_server import At, Bad, SmtpServer

from digest.delivery.breaker import Breaker
from digest.delivery.domains import Limit
from digest.engine.book import Book
from digest.engine.job import OpenBatch, Running
from digest.engine.sender import Sender
from digest.errors import StoreError
from digest.model import Counts, DeliveryState, Issue, IssueState, SubscriberState
from digest.store import issues, ledger
from digest.store.database import Store
from digest.store.ledger import Batch
from digest.store.tables import BATCH, SUBSCRIBER
from digest.store.tick import Ticked, Turn

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ONE = {"slow.example": Limit(connections=1)}


def at_slow(number: int) -> str:
    return f"reader{number}@slow.example"


def move(store: Store, ids: Sequence[int], domain: str = "slow.example") -> None:
    """Let readers have addresses at another domain."""
    with store.write() as session:
        for number in ids:
            session.connection().execute(
                sa.update(SUBSCRIBER)
                .where(SUBSCRIBER.c.id == number)
                .values(email=f"reader{number}@{domain}", address_version=SUBSCRIBER.c.address_version + 1)
            )


def readers(store: Store, count: int, slow: Sequence[int]) -> Counter[str]:
    """Bring in so many readers, some at the domain to be spared; give everybody's address, once."""
    subscribe(store, count)
    move(store, slow)
    return Counter(at_slow(number) if number in slow else address(number) for number in range(1, count + 1))


class Watching(SmtpServer):
    """Counts what is on the wire for the domain, from MAIL's pause to the answer."""

    slow = most_slow = 0

    def how(self, at: At, recipient: str) -> str:
        if recipient.endswith("@slow.example"):
            if at == "rcpt":
                self.slow += 1
                self.most_slow = max(self.most_slow, self.slow)
            elif at == "dot":
                self.slow -= 1
        return super().how(at, recipient)


def on_wire(running: Sender) -> int:
    return running._domains._limited["slow.example"].on_wire


async def test_one_message_at_a_time_goes_to_a_spared_domain_while_the_others_pass(store: Store) -> None:
    everybody = readers(store, 60, range(1, 21))
    issue = sending(store)
    async with Watching(pause=0.005) as server:
        running = sender(store, server, connections=6, limits=ONE)
        await running.run([job(issue)])
    assert Counter(server.recipients) == everybody
    assert server.most_slow == 1
    # The first in the ledger are the last at the relay.
    assert server.recipients.index(address(60)) < 59
    assert server.recipients[-1].endswith("@slow.example")
    assert counts(store, issue) == Counts(accepted=60)
    assert state(store, issue) is IssueState.SENT
    assert on_wire(running) == 0


async def test_a_spared_domains_rate_is_its_own(store: Store) -> None:
    everybody = readers(store, 50, range(1, 9))
    issue = sending(store)
    async with SmtpServer() as server:
        start = time.monotonic()
        await sender(store, server, limits={"slow.example": Limit(rate=10)}).run([job(issue)])
        assert time.monotonic() - start >= 0.65
    assert Counter(server.recipients) == everybody
    # Of eight, one leaves at once and a further one each tenth of a second; all others are gone by then.
    assert all(recipient.endswith("@slow.example") for recipient in server.recipients[-5:])


async def test_several_domains_have_a_limit_each_and_case_makes_no_difference(store: Store) -> None:
    subscribe(store, 60)
    move(store, range(1, 11))
    move(store, range(11, 21), "other.example")
    issue = sending(store)
    limits = {"Slow.Example": Limit(connections=1), "other.example": Limit(connections=2)}
    async with Watching(pause=0.003) as server:
        await sender(store, server, connections=8, limits=limits).run([job(issue)])
    assert server.most_slow == 1
    assert len(set(server.recipients)) == len(server.recipients) == 60


@ON_SQLITE
async def test_two_issues_share_what_a_domain_is_allowed(store: Store) -> None:
    subscribe(store, 12)
    subscribe(store, 12, newsletter="weekly", first=101)
    move(store, [*range(1, 13), *range(101, 113)])
    daily, weekly = sending(store), sending(store, newsletter="weekly")
    async with Watching(pause=0.003) as server:
        await sender(store, server, limits=ONE).run([job(daily), job(weekly)])
    assert server.most_slow == 1
    assert len(set(server.recipients)) == len(server.recipients) == 24
    assert [counts(store, issue) for issue in (daily, weekly)] == [Counts(accepted=12)] * 2


def cut(store: Store, issue: Issue, rows: int) -> None:
    """Cut an issue's only batch into many of so many rows each."""
    with store.write() as session:
        connection = session.connection()
        whole = connection.execute(sa.select(BATCH).where(BATCH.c.issue_id == issue.id)).one()._asdict()
        connection.execute(sa.delete(BATCH).where(BATCH.c.issue_id == issue.id))
        starts = range(whole["first_id"], whole["last_id"] + 1, rows)
        pieces = [
            {**whole, "seq": seq, "first_id": first, "last_id": first + rows - 1, "deliveries": rows}
            for seq, first in enumerate(starts)
        ]
        connection.execute(sa.insert(BATCH), pieces)


@ON_SQLITE
async def test_more_rows_than_are_held_open_may_wait_for_their_domain_and_others_still_pass(
    store: Store,
) -> None:
    # Forty batches of two, all but the last for the domain: sixteen may be open.
    everybody = readers(store, 80, range(1, 79))
    issue = sending(store)
    cut(store, issue, 2)
    async with Watching(pause=0.003) as server:
        running = sender(store, server, connections=4, limits=ONE)
        async with asyncio.timeout(20):
            await running.run([job(issue)])
    assert Counter(server.recipients) == everybody
    assert server.most_slow == 1
    # They did not wait for the domain's sixty before them.
    assert max(server.recipients.index(address(number)) for number in (79, 80)) < 60
    assert counts(store, issue) == Counts(accepted=80)
    assert state(store, issue) is IssueState.SENT


class JoinedBook(Book):
    """Another issue joins the run while the first batch is given back."""

    def __init__(self, store: Store, running: Sender, joining: Issue) -> None:
        super().__init__(store, ask=False)
        self._running, self._joining = running, joining
        self._loop = asyncio.get_running_loop()

    def release(self, batches: Sequence[Batch]) -> list[Batch]:
        joined = threading.Event()
        self._loop.call_soon_threadsafe(self._join, joined)
        joined.wait(10)
        return super().release(batches)

    def _join(self, joined: threading.Event) -> None:
        one = Running(job=job(self._joining), breaker=Breaker(audience=5), upcoming=deque([0]))
        self._running._jobs.setdefault(self._joining.id, one)
        joined.set()


@ON_SQLITE
async def test_an_issue_can_join_while_a_batch_makes_room_for_another(store: Store) -> None:
    everybody = readers(store, 80, range(1, 79))
    subscribe(store, 5, newsletter="weekly", first=1001)
    daily, weekly = sending(store), sending(store, newsletter="weekly")
    cut(store, daily, 2)
    async with SmtpServer(pause=0.003) as server:
        running = sender(store, server, connections=4, limits=ONE)
        running._book = JoinedBook(store, running, weekly)
        async with asyncio.timeout(20):
            await running.run([job(daily)])
    assert Counter(server.recipients) == everybody + Counter(address(number) for number in range(1001, 1006))
    assert (state(store, daily), state(store, weekly)) == (IssueState.SENT, IssueState.SENT)


def act(store: Store, issue: Issue, how: str) -> None:
    with store.write() as session:
        if how == "hold":
            issues.hold(session, issue, "operator", "wait", START)
        else:
            issues.cancel(session, issue, "wrong", START)


@pytest.mark.parametrize("how", ["hold", "stop"])
async def test_rows_that_wait_for_their_domain_are_pending_when_the_issue_stops(
    store: Store, how: str
) -> None:
    everybody = readers(store, 40, range(1, 31))
    issue = sending(store)
    async with Watching(pause=0.02) as server:
        running = sender(store, server, limits=ONE)
        run = asyncio.create_task(running.run([job(issue)]))
        await until(lambda: len(server.received) >= 15)
        assert running._jobs[issue.id].waiting
        if how == "hold":
            await asyncio.to_thread(act, store, issue, how)
        else:
            running.stop()
        await run
        taken = len(server.received)
        left = counts(store, issue)
        assert left == Counts(accepted=taken, pending=40 - taken)
        assert left.pending
        assert on_wire(running) == 0
        with store.read() as session:
            assert ledger.due_batches(session, issue.id, START) == [0]
        if how == "hold":
            with store.write() as session:
                issue = issues.resume(session, reread(store, issue), START)
        await sender(store, server).run([job(issue)])
    assert Counter(server.recipients) == everybody
    assert state(store, issue) is IssueState.SENT


@ON_SQLITE
async def test_rows_that_wait_for_their_domain_are_withdrawn_when_the_issue_is_cancelled(
    store: Store,
) -> None:
    readers(store, 40, range(1, 31))
    issue = sending(store)
    async with Watching(pause=0.02) as server:
        running = sender(store, server, limits=ONE)
        run = asyncio.create_task(running.run([job(issue)]))
        await until(lambda: len(server.received) >= 15)
        await asyncio.to_thread(act, store, issue, "cancel")
        await run
    taken = len(server.received)
    assert counts(store, issue) == Counts(accepted=taken, withdrawn=40 - taken)


class FailingBook(Book):
    """A ledger that is full at some of its ticks."""

    ticks = 0

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        self.ticks += 1
        if self.ticks in {1, 3}:
            raise StoreError("the disk is full")
        return super().tick(turns, now)


@ON_SQLITE
async def test_a_tick_that_failed_gives_back_what_it_took_from_a_domain(store: Store) -> None:
    everybody = readers(store, 20, range(1, 11))
    issue = sending(store)
    async with Watching() as server:
        running = sender(store, server, limits=ONE)
        running._book = FailingBook(store, ask=False)
        async with asyncio.timeout(10):
            await running.run([job(issue)])
    assert Counter(server.recipients) == everybody
    assert server.most_slow == 1
    assert on_wire(running) == 0


class LeavingBook(Book):
    """A ledger in which readers act just before the first tick."""

    def __init__(self, store: Store, leave: Sequence[int], moved: dict[int, str]) -> None:
        super().__init__(store, ask=False)
        self._its, self._leave, self._moved = store, list(leave), moved

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        for number, domain in self._moved.items():
            move(self._its, [number], domain)
        with self._its.write() as session:
            session.connection().execute(
                sa.update(SUBSCRIBER)
                .where(SUBSCRIBER.c.id.in_(self._leave))
                .values(state=SubscriberState.UNSUBSCRIBED)
            )
        self._leave, self._moved = [], {}
        return super().tick(turns, now)


async def test_readers_who_leave_take_nothing_from_their_domain(store: Store) -> None:
    readers(store, 12, range(1, 11))
    issue = sending(store)
    async with Watching() as server:
        running = sender(store, server, limits=ONE)
        running._book = LeavingBook(store, range(1, 7), {})
        async with asyncio.timeout(10):
            await running.run([job(issue)])
    assert in_state(store, issue, DeliveryState.WITHDRAWN) == set(range(1, 7))
    assert counts(store, issue) == Counts(accepted=6, withdrawn=6)
    assert server.most_slow == 1
    assert on_wire(running) == 0


@pytest.mark.parametrize(
    ("number", "domain"), [(1, "mail.example"), (12, "slow.example")], ids=["from it", "to it"]
)
async def test_a_reader_who_moves_keeps_no_place_in_the_domain_he_left(
    store: Store, number: int, domain: str
) -> None:
    readers(store, 12, range(1, 11))
    issue = sending(store)
    async with SmtpServer() as server:
        running = sender(store, server, connections=1, limits=ONE)
        running._book = LeavingBook(store, [], {number: domain})
        async with asyncio.timeout(10):
            await running.run([job(issue)])
    assert f"reader{number}@{domain}" in server.recipients
    assert counts(store, issue) == Counts(accepted=12)
    assert on_wire(running) == 0


@ON_SQLITE
async def test_a_lost_connection_leaves_nobodys_place_taken(store: Store) -> None:
    everybody = readers(store, 30, range(1, 16))
    issue = sending(store)
    bad = [Bad(at="mail", how="close", times={5, 9}), Bad(at="rcpt", how="451 4.3.0 later", to=at_slow(7))]
    async with SmtpServer(*bad) as server:
        running = sender(store, server, limits=ONE)
        async with asyncio.timeout(15):
            await running.run([job(issue)])
    assert set(server.recipients) == set(everybody) - {at_slow(7)}
    assert counts(store, issue) == Counts(accepted=29, pending=1)
    assert on_wire(running) == 0


async def test_a_batch_with_waiting_rows_that_another_sender_takes_is_left_to_him(store: Store) -> None:
    everybody = readers(store, 30, range(1, 26))
    issue = sending(store)
    async with SmtpServer(pause=0.02) as server:
        first = sender(store, server, limits=ONE)
        run = asyncio.create_task(first.run([job(issue)]))
        await until(lambda: len(server.received) >= 8)
        async with asyncio.timeout(15):
            await asyncio.gather(run, sender(store, server).run([job(issue)]))
    copies = Counter(server.recipients)
    assert set(copies) == set(everybody)
    left = counts(store, issue)
    assert left.accepted == 30
    assert copies.total() - 30 <= left.doubtful <= 5
    assert on_wire(first) == 0


class StolenBook(Book):
    """A ledger in which somebody else takes a batch just as it is put off."""

    stolen: int | None = None

    def __init__(self, store: Store, issue: Issue, running: Sender) -> None:
        super().__init__(store, ask=False)
        self._its, self._issue, self._running = store, issue, running
        self.taken: list[int] = []

    def release(self, batches: Sequence[ledger.Batch]) -> list[ledger.Batch]:
        if self.stolen is None and batches[0].seq in self._running._jobs[self._issue.id].put_off:
            self.stolen = batches[0].seq
            with self._its.write() as session:
                ledger.take(session, self._issue, self.stolen, ask=False, now=START)
        return super().release(batches)

    def take(self, wanted: Sequence[tuple[Issue, int]], now: datetime) -> list[OpenBatch]:
        self.taken += [seq for _, seq in wanted]
        return super().take(wanted, now)


@ON_SQLITE
async def test_a_batch_that_was_put_off_and_is_somebody_elses_now_stays_his(store: Store) -> None:
    readers(store, 50, range(1, 51))
    issue = sending(store)
    cut(store, issue, 2)
    async with SmtpServer(pause=0.01) as server:
        running = sender(store, server, limits=ONE)
        book = running._book = StolenBook(store, issue, running)
        async with asyncio.timeout(15):
            await running.run([job(issue)])
    assert book.stolen is not None
    assert book.taken.count(book.stolen) == 1
    assert len(server.recipients) == len(set(server.recipients)) == 48


class LosingBook(Book):
    """A ledger during one of whose ticks every connection is lost."""

    ticks = 0

    def __init__(self, store: Store, server: SmtpServer, running: Sender) -> None:
        super().__init__(store, ask=False)
        self._server, self._running, self._loop = server, running, asyncio.get_running_loop()

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        self.ticks += 1
        if self.ticks == 3:
            self._loop.call_soon_threadsafe(self._hang_up)
            while self._running._carriers.all[0].lanes.open:
                time.sleep(0.001)
        return super().tick(turns, now)

    def _hang_up(self) -> None:
        for task in self._server._tasks:
            task.cancel()


@ON_SQLITE
async def test_a_connection_lost_while_the_ledger_is_busy_leaves_nobodys_place_taken(store: Store) -> None:
    everybody = readers(store, 30, range(1, 31))
    issue = sending(store)
    async with SmtpServer() as server:
        running = sender(store, server, connections=2, limits={"slow.example": Limit(connections=2)})
        running._book = LosingBook(store, server, running)
        async with asyncio.timeout(15):
            await running.run([job(issue)])
    assert Counter(server.recipients).keys() == everybody.keys()
    assert counts(store, issue).accepted == 30
    assert on_wire(running) == 0
