"""The relays of one process by themselves: who is used, who is waited for, who leases."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from engine_ledger import SENDER, START, message, until
from engine_relays import order, relay
from smtp_server import Bad, SmtpServer

from digest.delivery.breaker import DEAD_RUN
from digest.delivery.courier import Relay
from digest.delivery.lease import Lease
from digest.delivery.outcome import Kind, Outcome, Whose
from digest.delivery.weights import AHEAD
from digest.delivery.wire import Wire
from digest.engine.carriers import STALLED_SECONDS, Carrier, Carriers
from digest.engine.job import Order
from digest.engine.lanes import Done
from digest.model import Reply


class Yard:
    """Gives orders to carriers and keeps what comes of them."""

    def __init__(self, *relays: Relay) -> None:
        self.replies: list[tuple[str, Reply]] = []
        self.refused: list[str] = []
        self.carriers = Carriers(
            relays, patience=None, carry=self._carry, unready=self._unready, wake=lambda: None
        )
        self._time = asyncio.get_running_loop().time

    def _carry(self, carrier: Carrier, wire: Wire, its: Order, done: Done) -> None:
        def heard(reply: Reply) -> None:
            self.replies.append((carrier.relay.name, reply))
            carrier.answered()
            done(True)

        recipient = its.row.recipient
        wire.submit(SENDER, recipient.email, message(1, recipient), heard)

    def _unready(self, carrier: Carrier, _: Reply) -> None:
        """Give it a rest, as the sender does."""
        self.refused.append(carrier.relay.name)
        carrier.health.failed(START, again=not carrier.lanes.resting)
        carrier.lanes.rest(0.05)

    def __getitem__(self, name: str) -> Carrier:
        return next(one for one in self.carriers.all if one.relay.name == name)

    def shared(self, count: int) -> list[str]:
        """Give the names of those who would take so many messages."""
        return [one.relay.name for one in self.carriers.share(count)]

    async def opened(self, name: str, count: int = 1) -> None:
        """Want connections until so many of a relay's are idle."""
        self.carriers.want(99)
        await until(lambda: self[name].lanes.idle >= count)
        # The sender looks at them in each of its rounds.
        self.carriers.unused(self.carriers.share(0))

    def lease(self, name: str, count: int, interval: float) -> None:
        self.carriers.granted(name, Lease(count=count, start_at=self._time(), interval=interval))


@asynccontextmanager
async def yard(*relays: tuple[SmtpServer, dict[str, Any]]) -> AsyncIterator[Yard]:
    """Open relays called `a`, `b`, … on these servers."""
    async with AsyncExitStack() as stack:
        for server, _ in relays:
            await stack.enter_async_context(server)
        here = Yard(
            *(
                replace(relay(server, name, connections=2), **options)
                for name, (server, options) in zip("abc", relays, strict=False)
            )
        )
        try:
            yield here
        finally:
            await here.carriers.close(0)


async def test_who_stands_by_is_not_even_connected_to() -> None:
    main, spare = SmtpServer(), SmtpServer()
    async with yard((main, {}), (spare, {"weight": 0})) as here:
        await here.opened("a", 2)
        assert here.shared(9) == ["a", "a"]
        assert spare.connections == 0


async def test_who_stands_by_is_used_while_the_others_fail_and_no_longer() -> None:
    main, spare = SmtpServer(Bad(at="banner", how="421 4.3.2 starting")), SmtpServer()
    async with yard((main, {}), (spare, {"weight": 0})) as here:
        here.carriers.want(9)
        await until(lambda: here["a"].down)
        await here.opened("b", 2)
        assert here.shared(9) == ["b", "b"]
        main.bad.clear()
        await here.opened("a", 2)
        assert here.shared(9) == ["a", "a"]
        # Its connections are there still, and are left alone.
        assert here["b"].lanes.idle == 2


async def test_who_stands_by_does_not_help_a_relay_that_its_rate_holds_back() -> None:
    main, spare = SmtpServer(), SmtpServer()
    async with yard((main, {"rate": 1}), (spare, {"weight": 0})) as here:
        await here.opened("a")
        here["b"].lanes.want(2)
        await until(lambda: here["b"].lanes.idle == 2)
        assert here.shared(9) == []
        here.lease("a", 1, 1)
        assert here.shared(9) == ["a"]


async def test_a_relay_that_will_not_have_us_is_left_alone_until_it_has_rested() -> None:
    main, spare = SmtpServer(), SmtpServer()
    async with yard((main, {}), (spare, {"weight": 0})) as here:
        await here.opened("a", 2)
        here["a"].barred = "our account's quota at the relay is used up"
        here["a"].lanes.rest(60)
        await here.opened("b", 2)
        assert here.shared(9) == ["b", "b"]
        assert not here.carriers.barred
        # What it answers now was sent before.
        here["a"].answered()
        assert here["a"].barred
        here["a"].lanes._rest_until = 0
        assert set(here.shared(9)) == {"a"}
        here["a"].answered()
        assert not here["a"].barred


async def test_a_relay_that_answers_nothing_is_not_waited_for() -> None:
    mute, other = SmtpServer(Bad(at="dot", how="hang")), SmtpServer()
    async with yard((mute, {"connections": 1}), (other, {"weight": 1})) as here:
        await here.opened("a")
        await here.opened("b", 2)
        assert here["a"].give(order())
        now = asyncio.get_running_loop().time()
        assert here["a"].offer(now).usable
        assert not here["a"].offer(now + STALLED_SECONDS + 1).usable
        assert here["a"].down
        assert here.carriers.wanted() == {}
        here["b"].idle_at = now + 99
        assert {"b"} == set(here.shared(9))


async def test_an_idle_relay_that_is_far_ahead_waits_without_looking_round() -> None:
    mute, other = SmtpServer(Bad(at="dot", how="hang")), SmtpServer()
    async with yard((mute, {"connections": 1}), (other, {})) as here:
        await here.opened("a")
        await here.opened("b", 2)
        assert here["a"].give(order())
        while here.shared(9):
            pass
        assert here["b"].lanes.idle == 2
        assert here.carriers.wait() == math.inf


async def test_what_there_was_no_message_for_leaves_the_shares_as_they_were() -> None:
    one, other = SmtpServer(), SmtpServer()
    async with yard((one, {"connections": 4}), (other, {"connections": 4})) as here:
        await here.opened("a", 4)
        await here.opened("b", 4)
        used = []
        for _ in range(4 * AHEAD):
            takers = here.carriers.share(99)
            used.append(takers[0].relay.name)
            here.carriers.unused(takers[1:])
            assert here.carriers.spare
        assert used.count("a") == used.count("b")


async def test_permits_are_leased_only_for_relays_that_could_use_them() -> None:
    refusing = SmtpServer(Bad(at="banner", how="421 4.3.2 starting"))
    async with yard((SmtpServer(), {"rate": 7}), (refusing, {"rate": 8}), (SmtpServer(), {})) as here:
        assert here.carriers.wanted() == {}
        await here.opened("a")
        await until(lambda: here.refused)
        assert here.carriers.wanted() == {"a": (7, 7)}
        here.lease("a", 7, 1 / 7)
        assert here.carriers.wanted() == {}


async def test_an_idle_connection_waits_for_its_relays_next_permit() -> None:
    async with yard((SmtpServer(), {"rate": 1, "connections": 1})) as here:
        await here.opened("a")
        assert here.shared(9) == []
        # Nothing is leased yet: to be asked for at once.
        assert here.carriers.wait() == 0
        here.lease("a", 2, 600)
        assert here.shared(9) == ["a"]
        assert here["a"].give(order())
        await until(lambda: here.replies)
        assert here.shared(9) == []
        assert 500 < here.carriers.wait() <= 600


async def test_the_permits_of_a_relay_that_is_left_alone_are_not_waited_for() -> None:
    async with yard((SmtpServer(), {"rate": 5}), (SmtpServer(), {"connections": 1})) as here:
        await here.opened("a", 2)
        await here.opened("b")
        here["a"].barred = "our account's quota at the relay is used up"
        here["a"].lanes.rest(60)
        assert here.shared(1) == ["b"]
        # None is leased for it, so that one would be asked for at once, round after round.
        assert here.carriers.wait() == math.inf


async def test_nothing_is_given_to_a_relay_whose_last_idle_connection_was_lost() -> None:
    server = SmtpServer()
    async with yard((server, {"connections": 1, "rate": 5})) as here:
        await here.opened("a")
        here.lease("a", 1, 1)
        (taker,) = here.carriers.share(1)
        await server.close()
        await until(lambda: not taker.lanes.idle)
        assert not taker.give(order())
        # It cost no permit.
        assert taker.pace.permits(asyncio.get_running_loop().time()) == 1


async def test_a_mistake_in_any_lane_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with yard((SmtpServer(), {}), (SmtpServer(), {"connections": 1})) as here:
        monkeypatch.setattr(here["b"].lanes, "_rested", lambda: 1 / 0)
        assert here.carriers.failure is None
        here.carriers.want(1)
        await until(lambda: here.carriers.failure)
        assert isinstance(here.carriers.failure, ZeroDivisionError)


@pytest.mark.parametrize(
    ("barred", "exhausted", "hopeless"),
    [("", "ab", True), ("a", "b", True), ("a", "", False), ("", "b", False)],
)
async def test_hope_is_lost_only_when_every_relay_is_out_of_reach_or_will_not_have_us(
    barred: str, exhausted: str, hopeless: bool
) -> None:
    async with yard((SmtpServer(), {}), (SmtpServer(), {"weight": 0})) as here:
        for name in barred:
            here[name].barred = "535 5.7.8 who are you"
        for name in exhausted:
            here[name].exhausted = True
        assert here.carriers.hopeless is hopeless
        assert not here.carriers.barred
        for carrier in here.carriers.all:
            carrier.answered()
        assert [one.barred or one.exhausted for one in here.carriers.all] == [False, False]


async def test_a_relay_is_not_left_for_dead_addresses_that_stand_among_living_ones() -> None:
    taken = Outcome(kind=Kind.ACCEPTED, whose=Whose.NOBODY, evidence="250 ok")
    dead = Outcome(kind=Kind.DEAD_ADDRESS, whose=Whose.SUBSCRIBER, evidence="550 5.1.1 no such user")
    async with yard((SmtpServer(), {}), (SmtpServer(), {})) as here:
        said = [here["a"].refuses(one, 1000) for one in [taken, dead] * DEAD_RUN]
        assert set(said) == {""}
        assert any(here["a"].refuses(dead, 1000) for _ in range(DEAD_RUN))
