"""A relay in trouble, a set-up that is wrong, a ledger that fails: nobody is lost or blamed."""

import asyncio
import socket
from collections import Counter
from datetime import datetime, timedelta

import pytest
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
from smtp_server import Bad, SmtpServer

from digest.engine.book import Book
from digest.errors import RelayError, StoreError
from digest.model import Counts, DeliveryState, Issue, IssueState
from digest.store import issues
from digest.store.database import Store
from digest.store.tick import Ticked, Turn

# A relay's trouble is the same whatever the ledger is kept in.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def resume(store: Store, issue: Issue) -> Issue:
    with store.write() as session:
        return issues.resume(session, issue, START)


async def test_a_relay_that_is_down_ends_the_run_at_the_end_of_patience(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    server = SmtpServer()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server.port = bound.getsockname()[1]
        with pytest.raises(RelayError, match=r"takes nothing \(connect: Connection refused\)"):
            await sender(store, server, patience=timedelta(seconds=0.5)).run([job(issue)])
    assert counts(store, issue) == Counts(pending=20)
    assert state(store, issue) is IssueState.SENDING


async def test_a_relay_that_comes_back_is_sent_to(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = SmtpServer(port=bound.getsockname()[1])
        run = asyncio.create_task(sender(store, server).run([job(issue)]))
        await asyncio.sleep(0.2)
        assert not run.done()
    async with server:
        await run
    assert counts(store, issue) == Counts(accepted=20)


async def test_connections_that_fail_together_are_one_trouble(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="banner", how="421 4.3.2 starting", times=range(1, 11))) as server:
        running = sender(store, server, connections=10)
        run = asyncio.create_task(running.run([job(issue)]))
        await until(lambda: server.connections == 10)
        await asyncio.sleep(0.1)
        assert running._carriers.all[0].health.failures == 1
        # So the rest is a second, and not the minute of a tenth failure.
        await run
    assert counts(store, issue) == Counts(accepted=20)


async def test_a_relay_that_greets_and_hangs_up_is_given_rest(store: Store) -> None:
    subscribe(store, 5)
    issue = sending(store)
    hangs_up = Bad(at="ehlo", how="250 relay.example\r\n421 4.3.2 not now")
    async with SmtpServer(hangs_up) as server:
        with pytest.raises(RelayError):
            await sender(store, server, patience=timedelta(seconds=1.5)).run([job(issue)])
    assert server.connections < 30
    assert counts(store, issue) == Counts(pending=5)


async def test_a_relay_that_says_used_up_before_any_use_is_given_rest(store: Store) -> None:
    subscribe(store, 5)
    issue = sending(store)
    used_up = Bad(at="mail", how="452 4.5.3 too many messages in this connection")
    async with SmtpServer(used_up) as server:
        with pytest.raises(RelayError):
            await sender(store, server, patience=timedelta(seconds=1.5)).run([job(issue)])
    assert server.connections < 30
    assert counts(store, issue) == Counts(pending=5)


async def test_a_password_that_is_refused_holds_the_issue_and_touches_nobody(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(accounts={"news": "sesame"}) as server:
        await sender(store, server, account=("news", "wrong")).run([job(issue)])
        held = reread(store, issue)
        assert (held.state, held.hold_code) == (IssueState.HELD, "relay")
        assert "535 5.7.8 who are you" in held.reason
        assert counts(store, issue) == Counts(pending=20)
        await sender(store, server, account=("news", "sesame")).run([job(resume(store, held))])
    assert counts(store, issue) == Counts(accepted=20)


async def test_a_quota_that_is_used_up_holds_the_issue_until_it_renews(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    quota = Bad(at="mail", how="454 4.7.0 Throttling failure: Daily message quota exceeded", times={6})
    async with SmtpServer(quota) as server:
        await sender(store, server, connections=1).run([job(issue)])
        held = reread(store, issue)
        assert (held.state, held.hold_code) == (IssueState.HELD, "quota")
        assert counts(store, issue) == Counts(accepted=5, pending=15)
        await sender(store, server).run([job(resume(store, held))])
    assert counts(store, issue) == Counts(accepted=20)


async def test_refusals_that_are_all_alike_hold_the_issue(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer(Bad(at="mail", how="550 5.7.1 sender is not verified")) as server:
        await sender(store, server).run([job(issue)])
    held = reread(store, issue)
    assert (held.state, held.hold_code) == (IssueState.HELD, "relay")
    assert "sender is not verified" in held.reason
    left = counts(store, issue)
    # Ten canaries, and what was on the other connections meanwhile.
    assert 10 <= left.refused <= 15
    assert left.pending == 100 - left.refused


async def test_a_run_of_refusals_in_the_middle_holds_the_issue(store: Store) -> None:
    subscribe(store, 200)
    issue = sending(store)
    refused = Bad(at="dot", how="554 5.7.1 your address is listed", times=range(51, 1000))
    async with SmtpServer(refused) as server:
        await sender(store, server).run([job(issue)])
    left = counts(store, issue)
    assert state(store, issue) is IssueState.HELD
    assert left.accepted == 50
    assert 20 <= left.refused <= 25


async def test_a_relay_that_swallows_every_message_is_not_fed_for_ever(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="close")) as server:
        await sender(store, server, connections=10).run([job(issue)])
    held = reread(store, issue)
    assert (held.state, held.hold_code) == (IssueState.HELD, "relay")
    assert "nobody knows whether they arrived" in held.reason
    assert len(server.received) <= 2 * 10 + 5 + 10


class FailingBook(Book):
    """A ledger that is full at some of its ticks."""

    ticks = 0

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        self.ticks += 1
        if self.ticks in {4, 5}:
            raise StoreError("the disk is full")
        return super().tick(turns, now)


async def test_a_ledger_that_fails_for_a_moment_costs_no_result(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    async with SmtpServer() as server:
        running = sender(store, server)
        running._book = FailingBook(store, ask=False)
        await running.run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 61))
    assert counts(store, issue) == Counts(accepted=60)


async def test_the_relays_limit_on_connections_does_not_keep_a_run_from_ending(store: Store) -> None:
    subscribe(store, 30)
    issue = sending(store)
    # It serves two at a time and lets the others wait for a greeting.
    async with SmtpServer(Bad(at="banner", how="hang", times=range(3, 100))) as server, asyncio.timeout(10):
        await sender(store, server, connections=10).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=30)


async def test_a_relay_that_goes_away_and_returns_leaves_doubt_only_about_what_was_on_the_wire(
    store: Store,
) -> None:
    subscribe(store, 200)
    issue = sending(store)
    first = SmtpServer(pause=0.02)
    async with first:
        running = sender(store, first, connections=4)
        run = asyncio.create_task(running.run([job(issue)]))
        await until(lambda: len(first.received) >= 40)
    second = SmtpServer(port=first.port)
    async with second:
        await run
    copies = Counter(first.recipients + second.recipients)
    assert set(copies) == {address(number) for number in range(1, 201)}
    assert counts(store, issue).accepted == 200
    assert counts(store, issue).doubtful <= 4
    assert sum(copies.values()) - 200 <= 4
    assert in_state(store, issue, DeliveryState.ACCEPTED) == set(range(1, 201))
