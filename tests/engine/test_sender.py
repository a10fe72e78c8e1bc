"""The sender over a real ledger and a real server: everybody once, and what bounds it."""

import asyncio
import threading
import time
from collections import Counter
from datetime import datetime

import pytest
from engine_ledger import (
    SENDER,
    address,
    counts,
    delivery,
    job,
    message,
    reread,
    sender,
    sending,
    state,
    subscribe,
    until,
)
from smtp_server import Bad, SmtpServer

from digest.engine.sender import Progress
from digest.errors import AddressError
from digest.model import Counts, DeliveryState, IssueState, Recipient
from digest.store.database import Store


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in lock-step"])
async def test_everybody_is_mailed_once_and_the_issue_is_sent(store: Store, pipelining: bool) -> None:
    subscribe(store, 250)
    issue = sending(store)
    async with SmtpServer(pipelining=pipelining) as server:
        await sender(store, server).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 251))
    assert {message.sender for message in server.received} == {SENDER}
    one = Recipient(id=1, email=address(1))
    assert [m.data for m in server.received if m.recipient == address(1)] == [message(issue.id, one)]
    assert counts(store, issue) == Counts(accepted=250)
    after = reread(store, issue)
    assert (after.state, after.reached) == (IssueState.SENT, True)
    row = delivery(store, issue, 1)
    assert (row.code, row.attempts, row.losses, row.doubtful) == (250, 1, 0, 0)


async def test_a_second_run_mails_nobody(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    async with SmtpServer() as server:
        await sender(store, server).run([job(issue)])
        await sender(store, server).run([job(issue)])
    assert len(server.received) == 10


async def test_more_than_a_batch_is_sent_and_progress_is_told(store: Store) -> None:
    subscribe(store, 2100)
    issue = sending(store)
    told: list[Progress] = []
    async with SmtpServer() as server:
        await sender(store, server, connections=20, on_progress=told.append).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 2101))
    assert told[-1] == Progress(issue_id=issue.id, accepted=2100)
    accepted = [progress.accepted for progress in told]
    assert accepted == sorted(accepted)
    assert server.most_open <= 20


async def test_at_every_moment_the_counts_add_up_and_no_more_is_on_the_wire_than_there_are_connections(
    store: Store,
) -> None:
    subscribe(store, 300)
    issue = sending(store)
    seen: list[Counts] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(counts(store, issue))
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    async with SmtpServer(pause=0.005) as server:
        watcher.start()
        try:
            await sender(store, server, connections=4).run([job(issue)])
        finally:
            over.set()
            watcher.join()
    assert {count.total for count in seen} == {300}
    assert max(count.submitting for count in seen) <= 4
    assert len({count.accepted for count in seen}) > 5
    assert server.most_open <= 4


async def test_a_connection_is_replaced_after_as_many_messages_as_it_may_carry(store: Store) -> None:
    subscribe(store, 50)
    issue = sending(store)
    async with SmtpServer() as server:
        await sender(store, server, connections=2, messages=7).run([job(issue)])
    assert max(server.per_connection.values()) == 7
    assert server.connections >= 8
    assert server.most_open <= 2
    assert counts(store, issue) == Counts(accepted=50)


async def test_no_more_connections_are_opened_than_there_are_messages(store: Store) -> None:
    subscribe(store, 3)
    issue = sending(store)
    async with SmtpServer() as server:
        await sender(store, server, connections=50).run([job(issue)])
    assert server.connections <= 3


async def test_the_rate_is_kept(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer() as server:
        start = time.monotonic()
        await sender(store, server, connections=10, rate=40).run([job(issue)])
        assert time.monotonic() - start >= 0.35
    assert counts(store, issue) == Counts(accepted=20)


async def test_below_one_a_second_it_still_goes_on(store: Store) -> None:
    subscribe(store, 2)
    issue = sending(store)
    async with SmtpServer() as server:
        start = time.monotonic()
        await sender(store, server, rate=0.9).run([job(issue)])
        assert time.monotonic() - start >= 1
    assert counts(store, issue) == Counts(accepted=2)


async def test_two_issues_share_the_connections(store: Store) -> None:
    subscribe(store, 60)
    subscribe(store, 60, newsletter="weekly", first=1001)
    daily, weekly = sending(store), sending(store, newsletter="weekly")
    async with SmtpServer(pause=0.005) as server:
        await sender(store, server, connections=4).run([job(daily), job(weekly)])
    ids = [message.message_id.partition(".")[0].strip("<") for message in server.received]
    first_half = Counter(ids[:60])
    assert first_half[str(daily.id)] > 15 < first_half[str(weekly.id)]
    assert server.most_open <= 4
    assert [counts(store, issue) for issue in (daily, weekly)] == [Counts(accepted=60)] * 2


async def test_an_issue_can_join_a_run_and_none_joins_one_that_is_over(store: Store) -> None:
    subscribe(store, 100)
    subscribe(store, 30, newsletter="weekly", first=1001)
    daily, weekly = sending(store), sending(store, newsletter="weekly")
    async with SmtpServer(pause=0.01) as server:
        running = sender(store, server)
        run = asyncio.create_task(running.run([job(daily)]))
        await until(lambda: server.received)
        assert running.has(daily.id)
        assert await running.add(job(weekly))
        # Whoever brings an issue that is here already changes nothing.
        assert await running.add(job(daily))
        await run
        assert not running.has(daily.id)
        assert not await running.add(job(daily))
    assert Counter(server.recipients).most_common(1)[0][1] == 1
    assert counts(store, daily) == Counts(accepted=100)
    assert counts(store, weekly) == Counts(accepted=30)
    assert state(store, weekly) is IssueState.SENT


async def test_an_issue_with_nothing_open_is_ended_without_asking_the_relay(store: Store) -> None:
    issue = sending(store)
    async with SmtpServer() as server:
        await sender(store, server).run([job(issue)])
    assert (state(store, issue), server.connections) == (IssueState.SENT, 0)


async def test_an_address_that_cannot_be_written_is_refused_as_ours_and_the_rest_goes_on(
    store: Store,
) -> None:
    subscribe(store, 30)
    issue = sending(store)

    def compose(recipient: Recipient, _: datetime) -> bytes:
        if recipient.id == 15:
            raise AddressError("no such thing")
        return message(issue.id, recipient)

    async with SmtpServer() as server:
        await sender(store, server).run([job(issue, compose)])
    assert counts(store, issue) == Counts(accepted=29, refused=1)
    assert delivery(store, issue, 15).state == DeliveryState.REFUSED


async def test_a_mistake_of_this_program_ends_the_run_and_leaves_nothing_in_doubt(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)

    def compose(recipient: Recipient, _: datetime) -> bytes:
        if recipient.id == 21:
            raise ZeroDivisionError("a bug")
        return message(issue.id, recipient)

    async with SmtpServer() as server:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await sender(store, server).run([job(issue, compose)])
        left = counts(store, issue)
        assert (left.submitting, left.doubtful, left.unknown) == (0, 0, 0)
        assert left.accepted == len(server.received)
        await sender(store, server).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 41))


async def test_a_connection_that_the_relay_closes_between_messages_costs_nobody_anything(
    store: Store,
) -> None:
    subscribe(store, 60)
    issue = sending(store)
    # It says goodbye right behind every third acceptance.
    bad = Bad(at="dot", how="250 taken\r\n421 4.4.2 bye", times=range(3, 60, 3))
    async with SmtpServer(bad) as server:
        await sender(store, server, connections=2).run([job(issue)])
    assert sorted(server.recipients) == sorted(address(number) for number in range(1, 61))
    assert counts(store, issue) == Counts(accepted=60)
