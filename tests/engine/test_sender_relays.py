"""Several relays: each takes its share, and one's trouble is nobody's."""

import asyncio
import socket
from collections import Counter
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from engine_ledger import address, counts, doubtful, reread, sending, state, subscribe, until
from engine_relays import job, relay
from smtp_server import Bad, SmtpServer
from structlog.testing import capture_logs

from digest.engine.job import Compose
from digest.engine.sender import Sender
from digest.errors import RelayError
from digest.model import Counts, IssueState
from digest.store.database import Store

# A relay's trouble is the same whatever the ledger is kept in.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

STARTING = Bad(at="banner", how="421 4.3.2 starting")
QUOTA = "454 4.7.0 Throttling failure: Daily message quota exceeded"
ACCOUNTS = {"news": "sesame"}
WRONG = ("news", "wrong")


def everybody(count: int) -> Counter[str]:
    """What the servers together must have taken: one message for each."""
    return Counter(address(number) for number in range(1, count + 1))


def told(logs: list[MutableMapping[str, Any]], event: str) -> list[str]:
    """Give the relays about which something was logged."""
    return [str(entry["relay"]) for entry in logs if entry["event"] == event]


async def test_two_relays_share_an_issue_by_their_weights(store: Store) -> None:
    subscribe(store, 1000)
    issue = sending(store)
    async with SmtpServer() as first, SmtpServer() as second:
        relays = [relay(first, "first", weight=3), relay(second, "second")]
        await Sender(store, relays).run([job(issue, "first", "second")])
    assert Counter(first.recipients + second.recipients) == everybody(1000)
    assert len(first.received) == pytest.approx(750, rel=0.1)
    assert counts(store, issue) == Counts(accepted=1000)
    assert state(store, issue) is IssueState.SENT


async def test_a_quick_relay_waits_for_a_slow_ones_share_no_longer_than_that_is_one(store: Store) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer() as quick, SmtpServer(pause=0.01) as slow:
        relays = [relay(quick, "quick"), relay(slow, "slow", connections=3)]
        await Sender(store, relays).run([job(issue, "quick", "slow")])
    assert Counter(quick.recipients + slow.recipients) == everybody(300)
    assert len(slow.received) == pytest.approx(150, rel=0.25)


async def test_a_message_is_made_for_the_relay_that_gets_it(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    plain = job(issue, "first", "second")

    def marked(name: str) -> Compose:
        return lambda who, now: f"X-Relay: {name}\r\n".encode() + plain.composers[name](who, now)

    one = replace(plain, composers={name: marked(name) for name in ("first", "second")})
    async with SmtpServer() as first, SmtpServer() as second:
        await Sender(store, [relay(first, "first"), relay(second, "second")]).run([one])
    for name, server in (("first", first), ("second", second)):
        assert server.received
        assert all(got.data.startswith(f"X-Relay: {name}\r\n".encode()) for got in server.received)


async def test_a_relay_that_goes_away_for_good_in_mid_send_leaves_everything_to_the_other(
    store: Store,
) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer() as first, SmtpServer(pause=0.002) as second:
        first.bad = [Bad(at="mail", how="421 4.3.0 going down", times=range(41, 999))]
        run = asyncio.create_task(
            Sender(store, [relay(first, "first"), relay(second, "second")]).run(
                [job(issue, "first", "second")]
            )
        )
        await until(lambda: len(first.received) == 40)
        first.bad.append(STARTING)
        await run
    # It said so before any body: nothing is in doubt.
    assert Counter(first.recipients + second.recipients) == everybody(300)
    assert len(first.received) == 40
    assert counts(store, issue) == Counts(accepted=300)


async def test_a_relay_that_dies_in_mid_send_leaves_doubt_about_what_was_on_its_wire_alone(
    store: Store,
) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer(pause=0.002) as first, SmtpServer(pause=0.002) as second:
        relays = [relay(first, "first", connections=3), relay(second, "second")]
        run = asyncio.create_task(Sender(store, relays).run([job(issue, "first", "second")]))
        await until(lambda: len(first.received) >= 40)
        await first.close()
        await run
    copies = Counter(first.recipients + second.recipients)
    assert set(copies) == set(everybody(300))
    twice = {number for number in range(1, 301) if copies[address(number)] > 1}
    assert twice <= doubtful(store, issue)
    assert len(doubtful(store, issue)) <= 3
    assert counts(store, issue).accepted == 300


async def test_a_relay_that_comes_back_is_used_again(store: Store) -> None:
    subscribe(store, 200)
    issue = sending(store)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(SmtpServer(pause=0.02))
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            late = SmtpServer(port=port)
            relays = [relay(late, "late", weight=9), relay(other, "other", connections=2)]
            running = Sender(store, relays)
            run = asyncio.create_task(running.run([job(issue, "late", "other")]))
            await until(lambda: len(other.received) >= 10)
            assert [one.down for one in running._carriers.all] == [True, False]
        await stack.enter_async_context(late)
        await run
        assert late.received
        assert [one.down for one in running._carriers.all] == [False, False]
        assert Counter(late.recipients + other.recipients) == everybody(200)
    assert counts(store, issue) == Counts(accepted=200)


@pytest.mark.parametrize("weight", [1, 0], ids=["beside it", "standing by"])
async def test_a_relay_that_refuses_our_password_does_not_hold_an_issue_that_another_takes(
    store: Store, weight: int
) -> None:
    subscribe(store, 60)
    issue = sending(store)
    async with SmtpServer(accounts=ACCOUNTS) as refuses, SmtpServer(pause=0.002) as takes:
        relays = [relay(refuses, "refuses", account=WRONG), relay(takes, "takes", weight=weight)]
        with capture_logs() as logs:
            await Sender(store, relays).run([job(issue, "refuses", "takes")])
    assert Counter(takes.recipients) == everybody(60)
    assert counts(store, issue) == Counts(accepted=60)
    assert state(store, issue) is IssueState.SENT
    # Once, and not once for each of its connections.
    assert told(logs, "relay.unready") == told(logs, "relay.barred") == [f"127.0.0.1:{refuses.port}"]
    assert refuses.commands["AUTH"] == 5


@pytest.mark.parametrize("weight", [1, 0], ids=["beside it", "standing by"])
async def test_when_every_relay_refuses_us_the_issue_is_held_with_the_reason(
    store: Store, weight: int
) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(accounts=ACCOUNTS) as first, SmtpServer(accounts=ACCOUNTS) as second:
        relays = [relay(first, "first", account=WRONG), relay(second, "second", account=WRONG, weight=weight)]
        async with asyncio.timeout(10):
            await Sender(store, relays).run([job(issue, "first", "second")])
    held = reread(store, issue)
    assert (held.state, held.hold_code) == (IssueState.HELD, "relay")
    assert "535 5.7.8 who are you" in held.reason
    assert counts(store, issue) == Counts(pending=20)


@pytest.mark.parametrize("weight", [1, 0], ids=["beside it", "standing by"])
async def test_a_relay_whose_quota_is_used_up_is_left_though_its_connections_stay(
    store: Store, weight: int
) -> None:
    subscribe(store, 200)
    issue = sending(store)
    quota = Bad(at="mail", how=QUOTA, times=range(21, 9999))
    async with SmtpServer(quota) as spent, SmtpServer(pause=0.002) as takes:
        relays = [relay(spent, "spent"), relay(takes, "takes", weight=weight)]
        with capture_logs() as logs:
            async with asyncio.timeout(20):
                await Sender(store, relays).run([job(issue, "spent", "takes")])
    assert Counter(spent.recipients + takes.recipients) == everybody(200)
    assert len(spent.received) == 20
    # What was on its five connections, and never again.
    assert spent.commands["MAIL"] <= 25
    assert told(logs, "relay.barred") == [f"127.0.0.1:{spent.port}"]
    assert state(store, issue) is IssueState.SENT


SENDER_REFUSED = Bad(at="mail", how="550 5.7.1 sender is not verified")


@pytest.mark.parametrize("weight", [1, 0], ids=["beside it", "standing by"])
@pytest.mark.parametrize(
    ("bad", "counted"),
    [
        (SENDER_REFUSED, 10),
        (Bad(at="dot", how="554 5.7.1 your address is listed", times=range(31, 999)), 20),
    ],
    ids=["from the first", "in mid-send"],
)
async def test_a_relay_that_refuses_our_messages_is_left_and_costs_few_readers(
    store: Store, bad: Bad, counted: int, weight: int
) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer(bad) as refuses, SmtpServer(pause=0.002) as takes:
        relays = [relay(refuses, "refuses"), relay(takes, "takes", weight=weight)]
        with capture_logs() as logs:
            await Sender(store, relays).run([job(issue, "refuses", "takes")])
    left = counts(store, issue)
    assert state(store, issue) is IssueState.SENT
    # As many as convince the breaker, and what was on the other connections.
    assert counted <= left.refused <= counted + 5
    assert left.accepted == 300 - left.refused
    assert told(logs, "relay.barred") == [f"127.0.0.1:{refuses.port}"]


async def test_when_every_relay_refuses_our_messages_the_issue_is_held(store: Store) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer(SENDER_REFUSED) as first, SmtpServer(SENDER_REFUSED) as second:
        async with asyncio.timeout(10):
            relays = [relay(first, "first"), relay(second, "second")]
            await Sender(store, relays).run([job(issue, "first", "second")])
    held = reread(store, issue)
    assert (held.state, held.hold_code) == (IssueState.HELD, "relay")
    assert "sender is not verified" in held.reason
    left = counts(store, issue)
    assert left.refused <= 2 * (10 + 5)
    assert left.pending == 300 - left.refused


async def test_an_issue_that_no_relay_takes_is_held_though_another_one_goes(store: Store) -> None:
    subscribe(store, 200)
    subscribe(store, 200, newsletter="weekly", first=1001)
    good, bad = sending(store), sending(store, newsletter="weekly")
    spam = [
        Bad(at="dot", how="554 5.7.1 looks like spam", to=address(number)) for number in range(1001, 1201)
    ]
    async with SmtpServer(*spam) as first, SmtpServer(*spam) as second:
        relays = [relay(first, "first"), relay(second, "second")]
        jobs = [job(issue, "first", "second") for issue in (good, bad)]
        await Sender(store, relays).run(jobs)
    assert counts(store, good) == Counts(accepted=200)
    assert state(store, bad) is IssueState.HELD
    assert counts(store, bad).refused <= 10 + 10


async def test_when_every_quota_is_used_up_the_issue_is_held_until_they_renew(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    quota = Bad(at="mail", how=QUOTA, times=range(6, 9999))
    async with SmtpServer(quota) as first, SmtpServer(quota) as second:
        async with asyncio.timeout(10):
            relays = [relay(first, "first"), relay(second, "second")]
            await Sender(store, relays).run([job(issue, "first", "second")])
    held = reread(store, issue)
    assert (held.state, held.hold_code) == (IssueState.HELD, "quota")
    assert "quota exceeded" in held.reason
    assert counts(store, issue) == Counts(accepted=10, pending=50)


async def test_in_good_days_nobody_connects_to_the_relay_that_stands_by(store: Store) -> None:
    subscribe(store, 100)
    issue = sending(store)
    async with SmtpServer() as main, SmtpServer() as spare:
        # Its connections are replaced again and again, and for a moment there is none.
        relays = [relay(main, "main", connections=1, messages=10), relay(spare, "spare", weight=0)]
        await Sender(store, relays).run([job(issue, "main", "spare")])
    assert (len(main.received), spare.connections) == (100, 0)


async def test_a_relay_that_stands_by_steps_in_and_steps_back(store: Store) -> None:
    subscribe(store, 300)
    issue = sending(store)
    async with SmtpServer(STARTING) as main, SmtpServer(pause=0.02) as spare:
        relays = [relay(main, "main"), relay(spare, "spare", weight=0, connections=2)]
        run = asyncio.create_task(Sender(store, relays).run([job(issue, "main", "spare")]))
        await until(lambda: len(spare.received) >= 10)
        main.bad.clear()
        await until(lambda: main.received)
        so_far = len(spare.received)
        await run
    assert Counter(main.recipients + spare.recipients) == everybody(300)
    # What was on its wire as the other came back.
    assert len(spare.received) <= so_far + 4


async def test_patience_is_at_its_end_only_when_every_relay_has_failed_for_so_long(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    patience = timedelta(seconds=0.3)
    async with SmtpServer(STARTING) as down:
        async with SmtpServer(pause=0.05) as slow:
            relays = [relay(down, "down"), relay(slow, "slow", connections=2)]
            run = asyncio.create_task(
                Sender(store, relays, patience=patience).run([job(issue, "down", "slow")])
            )
            # Longer than anybody would wait for the first alone.
            await until(lambda: len(slow.received) == 20)
            assert not run.done()
            slow.bad.append(Bad(at="mail", how="421 4.3.0 going down"))
            slow.bad.append(STARTING)
            with pytest.raises(RelayError, match="takes nothing"):
                await run
        assert counts(store, issue) == Counts(accepted=len(slow.received), pending=60 - len(slow.received))
        assert state(store, issue) is IssueState.SENDING


async def test_one_trouble_of_many_connections_is_told_once_for_each_relay(store: Store) -> None:
    subscribe(store, 50)
    issue = sending(store)
    starting = Bad(at="banner", how="421 4.3.2 starting", times=range(1, 11))
    async with SmtpServer(starting) as first, SmtpServer(starting) as second:
        relays = [relay(first, "first", connections=10), relay(second, "second", connections=10)]
        with capture_logs() as logs:
            await Sender(store, relays).run([job(issue, "first", "second")])
    assert sorted(told(logs, "relay.unready")) == sorted(map(str, relays))
    assert counts(store, issue) == Counts(accepted=50)


async def test_two_relays_have_a_pace_each(store: Store) -> None:
    subscribe(store, 120)
    issue = sending(store)
    async with SmtpServer() as slow, SmtpServer() as free:
        relays = [relay(slow, "slow", rate=20), relay(free, "free", connections=2)]
        running = Sender(store, relays)
        await running.run([job(issue, "slow", "free")])
    assert Counter(slow.recipients + free.recipients) == everybody(120)
    # The rate of one holds back nobody else: nearly all went another way.
    assert len(free.received) > len(slow.received)


async def test_one_relays_wish_for_less_slows_down_that_one(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    too_fast = Bad(at="mail", how="451 4.7.28 your sending rate is too high", times={5})
    async with SmtpServer(too_fast) as first, SmtpServer() as second:
        relays = [relay(first, "first", rate=1000), relay(second, "second", rate=1000)]
        running = Sender(store, relays)
        await running.run([job(issue, "first", "second")])
    assert [one.pace.limit for one in running._carriers.all] == [500, 1000]
    assert counts(store, issue) == Counts(accepted=59, pending=1)
