"""Messages that are made beside the event loop: what may happen meanwhile costs nobody anything."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from engine_ledger import address, counts, delivery, message, reread, sending, state, subscribe, until
from engine_relays import job, relay
from smtp_server import Bad, SmtpServer

from digest.delivery.domains import Limit
from digest.engine.sender import Sender
from digest.errors import AddressError
from digest.model import Counts, DeliveryState, Issue, IssueState, Recipient
from digest.store import issues
from digest.store.database import Store

# Nothing here depends on what the ledger is kept in.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ONE = {"mail.example": Limit(connections=1)}


def everybody(count: int) -> Counter[str]:
    return Counter(address(number) for number in range(1, count + 1))


class Workshop:
    """Makes messages, in whatever thread; those of some readers only once the door is opened."""

    def __init__(self, issue: Issue, *slow: int, error: BaseException | None = None) -> None:
        self._issue, self._slow, self._error = issue, slow, error
        self._door = threading.Event()
        self.threads: set[str] = set()
        self.at_work = 0

    def __call__(self, recipient: Recipient, _: datetime) -> bytes:
        self.threads.add(threading.current_thread().name)
        if recipient.id in self._slow:
            self.at_work += 1
            assert self._door.wait(20)
            self.at_work -= 1
            if self._error is not None:
                raise self._error
        return message(self._issue.id, recipient)

    def open(self) -> None:
        self._door.set()


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert [name for name in left if name.startswith(("signer", "ledger"))] == []


async def test_messages_are_made_in_threads_that_end_with_the_run(store: Store) -> None:
    subscribe(store, 200)
    issue = sending(store)
    work = Workshop(issue)
    async with SmtpServer() as server:
        with no_thread_left():
            await Sender(store, [relay(server)]).run([job(issue, compose=work, signs=True)])
    assert Counter(server.recipients) == everybody(200)
    assert counts(store, issue) == Counts(accepted=200)
    assert work.threads
    assert all(name.startswith("signer") for name in work.threads)


async def test_without_a_signature_they_are_made_where_they_are_sent(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    work = Workshop(issue)
    async with SmtpServer() as server:
        await Sender(store, [relay(server)]).run([job(issue, compose=work)])
    assert work.threads == {threading.current_thread().name}


@pytest.mark.skipif(os.cpu_count() == 1, reason="they take turns on the one processor")
async def test_while_one_is_being_made_the_others_go_on(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    work = Workshop(issue, 1)
    async with SmtpServer() as server:
        run = asyncio.create_task(Sender(store, [relay(server)]).run([job(issue, compose=work, signs=True)]))
        await until(lambda: len(server.received) == 59)
        work.open()
        await run
    assert server.recipients[-1] == address(1)
    assert counts(store, issue) == Counts(accepted=60)


async def test_a_connection_that_is_lost_while_its_message_is_made_leaves_no_doubt(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    work = Workshop(issue, 1)
    async with SmtpServer() as server:
        running = Sender(store, [relay(server, connections=1)], limits=ONE)
        run = asyncio.create_task(running.run([job(issue, compose=work, signs=True)]))
        await until(lambda: work.at_work)
        (connection,) = running._carriers.all[0].lanes._connections
        for task in server._tasks:
            task.cancel()
        await until(lambda: connection.wire.lost)
        work.open()
        await run
    assert Counter(server.recipients) == everybody(10)
    assert counts(store, issue) == Counts(accepted=10)
    assert running._domains._limited["mail.example"].on_wire == 0


async def test_an_address_that_cannot_be_written_is_refused_as_ours(store: Store) -> None:
    subscribe(store, 30)
    issue = sending(store)
    work = Workshop(issue, 15, error=AddressError("no such thing"))
    work.open()
    async with SmtpServer() as server:
        running = Sender(store, [relay(server)], limits=ONE)
        await running.run([job(issue, compose=work, signs=True)])
    assert counts(store, issue) == Counts(accepted=29, refused=1)
    assert delivery(store, issue, 15).state == DeliveryState.REFUSED
    assert running._domains._limited["mail.example"].on_wire == 0


async def test_a_mistake_ends_the_run_with_itself_and_leaves_nothing_in_doubt(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    work = Workshop(issue, 21, error=ZeroDivisionError("a bug"))
    work.open()
    async with SmtpServer() as server:
        with no_thread_left(), pytest.raises(ZeroDivisionError, match="a bug"):
            await Sender(store, [relay(server)]).run([job(issue, compose=work, signs=True)])
        left = counts(store, issue)
        assert left == Counts(accepted=len(server.received), pending=40 - len(server.received))
        await Sender(store, [relay(server)]).run([job(issue, signs=True)])
    assert Counter(server.recipients) == everybody(40)


async def test_a_stop_waits_for_what_is_being_made(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    work = Workshop(issue, 3)
    async with SmtpServer() as server:
        running = Sender(store, [relay(server, connections=1)])
        with no_thread_left():
            run = asyncio.create_task(running.run([job(issue, compose=work, signs=True)]))
            await until(lambda: work.at_work)
            running.stop()
            await asyncio.sleep(0.05)
            assert not run.done()
            work.open()
            await run
    assert server.recipients == [address(1), address(2), address(3)]
    assert counts(store, issue) == Counts(accepted=len(server.received), pending=40 - len(server.received))
    assert state(store, issue) is IssueState.SENDING


async def test_what_is_made_too_late_for_a_stop_does_not_leave(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    work = Workshop(issue, 3)
    async with SmtpServer() as server:
        running = Sender(store, [relay(server, connections=1)], drain=0.1)
        with no_thread_left():
            run = asyncio.create_task(running.run([job(issue, compose=work, signs=True)]))
            await until(lambda: work.at_work)
            running.stop()
            # Its connections are over by then.
            await until(lambda: not server.open)
            work.open()
            await run
    assert server.recipients == [address(1), address(2)]
    assert counts(store, issue) == Counts(accepted=len(server.received), pending=40 - len(server.received))


async def test_a_mistake_that_comes_to_light_only_as_the_run_closes_is_told_too(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    work = Workshop(issue, 3, error=ZeroDivisionError("a bug"))
    async with SmtpServer() as server:
        running = Sender(store, [relay(server, connections=1)], drain=0.1)
        run = asyncio.create_task(running.run([job(issue, compose=work, signs=True)]))
        await until(lambda: work.at_work)
        running.stop()
        await until(lambda: not server.open)
        work.open()
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await run
    assert counts(store, issue) == Counts(accepted=len(server.received), pending=10 - len(server.received))


async def test_a_run_that_is_cancelled_waits_for_what_is_being_made(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    work = Workshop(issue, 3)
    async with SmtpServer() as server:
        with no_thread_left():
            run = asyncio.create_task(
                Sender(store, [relay(server, connections=1)]).run([job(issue, compose=work, signs=True)])
            )
            await until(lambda: work.at_work)
            run.cancel()
            await asyncio.sleep(0.05)
            assert not run.done()
            work.open()
            with pytest.raises(asyncio.CancelledError):
                await run
    assert server.recipients == [address(1), address(2), address(3)]
    assert counts(store, issue) == Counts(accepted=len(server.received), pending=40 - len(server.received))


async def test_a_hold_while_a_message_is_being_made_lets_that_one_go(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    work = Workshop(issue, 1)

    def hold() -> None:
        with store.write() as session:
            issues.hold(session, issue, "operator", "wait", issue.created_at)

    async with SmtpServer() as server:
        running = Sender(store, [relay(server, connections=1)])
        run = asyncio.create_task(running.run([job(issue, compose=work, signs=True)]))
        await until(lambda: work.at_work)
        await asyncio.to_thread(hold)
        await until(lambda: not running._jobs[issue.id].claiming)
        work.open()
        await run
    # It was claimed before.
    assert server.recipients == [address(1)]
    assert counts(store, issue) == Counts(accepted=1, pending=19)
    assert reread(store, issue).state is IssueState.HELD


async def test_two_relays_get_what_was_made_for_each_though_one_fails_meanwhile(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    work = Workshop(issue)
    bad = Bad(at="mail", how="421 4.3.0 going down", times=range(11, 999))
    async with SmtpServer(bad) as first, SmtpServer() as second:
        relays = [relay(first, "first"), relay(second, "second")]
        await Sender(store, relays).run([job(issue, "first", "second", compose=work, signs=True)])
    assert Counter(first.recipients + second.recipients) == everybody(100)
    assert counts(store, issue) == Counts(accepted=100)
