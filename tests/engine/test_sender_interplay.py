"""Others act while an issue is being sent: they hold it, cancel it, stop the run, or take it over."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest
from engine_ledger import (
    START,
    address,
    counts,
    delivery,
    job,
    message_id,
    reread,
    sender,
    sending,
    state,
    subscribe,
    until,
)
from smtp_server import Bad, SmtpServer

from digest.engine.book import Book
from digest.engine.sender import Sender
from digest.model import Counts, Issue, IssueState, Recipient
from digest.store import issues
from digest.store.database import Store
from digest.store.tick import Ticked, Turn


async def in_thread(act: Callable[[], object]) -> None:
    """Act as another process would: from a thread of its own."""
    thread = threading.Thread(target=act)
    thread.start()
    await until(lambda: not thread.is_alive())


def hold(store: Store, issue: Issue) -> None:
    with store.write() as session:
        issues.hold(session, issue, "operator", "wait", START)


def cancel(store: Store, issue: Issue) -> None:
    with store.write() as session:
        issues.cancel(session, issue, "wrong", START)


def start(running: Sender, issue: Issue) -> asyncio.Task[None]:
    return asyncio.create_task(running.run([job(issue)]))


async def test_a_hold_stops_the_issue_within_a_tick_and_a_resume_goes_on(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer(pause=0.02) as server:
        run = start(sender(store, server), issue)
        await until(lambda: len(server.received) >= 20)
        await in_thread(lambda: hold(store, issue))
        taken = len(server.received)
        await run
        # What was on the wire at the hold, and no more.
        assert len(server.received) <= taken + 2 * 5
        held = counts(store, issue)
        assert state(store, issue) is IssueState.HELD
        assert (held.accepted, held.pending) == (len(server.received), 100 - len(server.received))
        with store.write() as session:
            resumed = issues.resume(session, issue, START)
        await sender(store, server).run([job(resumed)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 101))
    assert counts(store, issue) == Counts(accepted=100)
    assert state(store, issue) is IssueState.SENT


async def test_a_hold_is_seen_though_no_reply_comes(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="hang"), pause=0) as server:
        run = start(sender(store, server, connections=2, seconds=1.5), issue)
        await until(lambda: len(server.received) == 2)
        await in_thread(lambda: hold(store, issue))
        await run
    assert state(store, issue) is IssueState.HELD
    assert len(server.received) == 2
    assert counts(store, issue) == Counts(pending=20, doubtful=2)


async def test_a_cancellation_withdraws_what_has_not_left(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer(pause=0.02) as server:
        run = start(sender(store, server), issue)
        await until(lambda: len(server.received) >= 20)
        await in_thread(lambda: cancel(store, issue))
        await run
    left = counts(store, issue)
    assert state(store, issue) is IssueState.CANCELLED
    assert left == Counts(accepted=len(server.received), withdrawn=100 - len(server.received))


async def test_a_stop_waits_for_what_is_on_the_wire_and_leaves_nothing_unknown(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer(pause=0.02) as server:
        running = sender(store, server)
        run = start(running, issue)
        await until(lambda: len(server.received) >= 20)
        running.stop()
        await run
        stopped = counts(store, issue)
        assert stopped == Counts(accepted=len(server.received), pending=100 - len(server.received))
        assert stopped.pending > 0
        assert state(store, issue) is IssueState.SENDING
        await sender(store, server).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 101))


async def test_a_stop_waits_no_longer_than_it_may(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="hang", times=range(6, 100))) as server, asyncio.timeout(10):
        running = sender(store, server, connections=2, drain=0.2)
        run = start(running, issue)
        await until(lambda: len(server.received) == 7)
        running.stop()
        await run
    assert counts(store, issue) == Counts(accepted=5, pending=15, doubtful=2)


async def test_a_run_that_is_cancelled_hears_out_the_relay(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer(pause=0.02) as server:
        run = start(sender(store, server), issue)
        await until(lambda: len(server.received) >= 20)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    left = counts(store, issue)
    assert left == Counts(accepted=len(server.received), pending=100 - len(server.received))


class InterruptingBook(Book):
    """A ledger during whose n-th tick something else happens."""

    def __init__(self, store: Store, ticks: int, interrupt: Callable[[], object]) -> None:
        super().__init__(store, ask=False)
        self._ticks, self._interrupt = ticks, interrupt

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        self._ticks -= 1
        if self._ticks == 0:
            self._interrupt()
        return super().tick(turns, now)


@pytest.mark.parametrize("ticks", [1, 2, 4])
async def test_a_run_that_is_cancelled_while_the_ledger_is_busy_loses_nothing(
    store: Store, ticks: int
) -> None:
    subscribe(store, 40)
    issue = sending(store)
    loop = asyncio.get_running_loop()

    async def cancel_it() -> None:
        run.cancel()

    def interrupt() -> None:
        asyncio.run_coroutine_threadsafe(cancel_it(), loop).result()

    async with SmtpServer() as server:
        running = sender(store, server, connections=3)
        running._book = InterruptingBook(store, ticks, interrupt)
        run = start(running, issue)
        with pytest.raises(asyncio.CancelledError):
            await run
    assert counts(store, issue) == Counts(accepted=len(server.received), pending=40 - len(server.received))


async def test_a_batch_that_another_sender_takes_is_left_to_him_and_acceptances_still_count(
    store: Store,
) -> None:
    subscribe(store, 60)
    issue = sending(store)
    async with SmtpServer(pause=0.1) as server:
        first = start(sender(store, server, connections=3), issue)
        await until(lambda: len(server.received) >= 6)
        second = start(sender(store, server, connections=3), issue)
        await asyncio.gather(first, second)
    copies = Counter(server.recipients)
    assert set(copies) == {address(number) for number in range(1, 61)}
    left = counts(store, issue)
    assert (left.accepted, left.total) == (60, 60)
    doubled = [number for number in range(1, 61) if copies[address(number)] > 1]
    # What was on the wire when it was taken over, by name, and under one Message-ID.
    assert len(doubled) <= left.doubtful <= 3
    for number in doubled:
        assert delivery(store, issue, number).doubtful == 1
        sent = {message.message_id for message in server.received if message.recipient == address(number)}
        assert sent == {message_id(issue.id, Recipient(id=number, email=address(number)))}
    assert state(store, reread(store, issue)) is IssueState.SENT
