"""The relays as one process uses them: each one's connections, pace and health, and whose turn it is."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from digest.delivery.breaker import Breaker
from digest.delivery.courier import Relay
from digest.delivery.lease import Lease
from digest.delivery.outcome import Kind, Outcome
from digest.delivery.pace import Pace
from digest.delivery.weights import Offer, Weights
from digest.delivery.wire import Wire
from digest.engine.health import Health
from digest.engine.job import Order
from digest.engine.lanes import Done, Lanes
from digest.model import Reply

STALLED_SECONDS = 5.0
"""A relay that has answered on none of its connections for so long keeps nothing waiting for its share."""
NOTHING = Offer(room=0, usable=False)


@dataclass(kw_only=True, eq=False)
class Carrier:
    """One relay."""

    relay: Relay
    pace: Pace
    health: Health
    lanes: Lanes = field(init=False)
    barred: str = ""
    """Why it will take nothing until somebody mends our set-up, or a quota renews."""
    exhausted: bool = False
    """Whether it has been in trouble for longer than anybody waits."""
    stalled: bool = False
    """Whether all its connections wait for an answer, and have for long."""
    idle_at: float = -math.inf
    """When there was last one that did not."""
    answers: bool = False
    """Whether it has answered as a relay does since this process began to use it."""
    breaker: Breaker | None = None
    """Watches for refusals that blame us, where there are other relays that may take what it does not."""

    @property
    def ready(self) -> bool:
        """Whether it can be given messages, as far as its rate allows."""
        return self.lanes.open > 0 and not self.stalled and not (self.barred and self.lanes.resting)

    @property
    def down(self) -> bool:
        """Whether it has failed, and nothing shows that it has come back."""
        return bool(self.barred) or self.stalled or (self.health.failures > 0 and not self.lanes.open)

    def answered(self) -> None:
        """Note that it answered as a relay does, be it with a refusal."""
        self.health.answered()
        self.exhausted = False
        self.answers = True
        # While it rests, what it answers was on the wire before, and says nothing about its being mended.
        if self.barred and not self.lanes.resting:
            self.barred = ""

    def refuses(self, outcome: Outcome, audience: int) -> str:
        """Count a result of an issue with such an audience; say why this relay is to be left, once it is."""
        before = self.breaker
        if outcome.kind is Kind.ACCEPTED and before and before.is_calm:
            return ""
        after = (before or Breaker(audience=audience)).record(outcome)
        self.breaker = None if after.tripped else after
        return after.tripped or ""

    def give(self, order: Order) -> bool:
        """Have an order carried out; False where the last idle connection has just been lost."""
        if not self.lanes.idle:
            return False
        self.pace.spend(1, asyncio.get_running_loop().time())
        return self.lanes.give(order)

    def offer(self, now: float) -> Offer:
        """Say what it can do at an instant of the event loop's clock."""
        idle, permits = self.lanes.idle, self.pace.permits(now)
        if idle or not self.lanes.open:
            self.idle_at = now
        self.stalled = now - self.idle_at >= STALLED_SECONDS
        return Offer(room=int(min(idle, permits)), usable=permits >= 1 and self.ready)


class Carriers:
    """All relays of this process. `carry` begins a message, `unready` hears of failed connections."""

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        patience: timedelta | None,
        carry: Callable[[Carrier, Wire, Order, Done], None],
        unready: Callable[[Carrier, Reply], None],
        wake: Callable[[], None],
    ) -> None:
        self._time = asyncio.get_running_loop().time
        self._weights = Weights([relay.weight for relay in relays])
        self.all = tuple(self._carrier(relay, patience, carry, unready, wake) for relay in relays)
        self.connections = sum(relay.connections for relay in relays)
        """How many messages may be on the wire at a time."""
        self._weighted = tuple(one for one in self.all if one.relay.weight)
        self._held: list[Carrier] = []
        """Those that had idle connections, when shares were last given, and no permits."""
        self.spare = False
        """Whether connections were left then, for which there was no message."""

    def _carrier(
        self,
        relay: Relay,
        patience: timedelta | None,
        carry: Callable[[Carrier, Wire, Order, Done], None],
        unready: Callable[[Carrier, Reply], None],
        wake: Callable[[], None],
    ) -> Carrier:
        pace = Pace(relay.rate, self._time(), leased=True)
        carrier = Carrier(relay=relay, pace=pace, health=Health(patience=patience))
        carrier.lanes = Lanes(
            relay, carry=partial(carry, carrier), wake=wake, refused=partial(unready, carrier)
        )
        return carrier

    @property
    def failure(self) -> BaseException | None:
        """What ended a lane that should have gone on."""
        return next((one.lanes.failure for one in self.all if one.lanes.failure is not None), None)

    @property
    def hopeless(self) -> bool:
        """Whether every relay has failed for longer than anybody waits, or will not have us."""
        return all(one.exhausted or one.barred for one in self.all)

    @property
    def barred(self) -> bool:
        """Whether no relay will have us."""
        return all(one.barred for one in self.all)

    def left_out(self, now: datetime) -> dict[str, str]:
        """Say why relays are left out while others send; nothing where none sends."""
        ill = {
            str(one.relay): one.barred or "it has not answered for some minutes"
            for one in self.all
            if one.barred or (one.down and one.health.lasting(now))
        }
        return ill if any(not one.down for one in self.all) else {}

    @property
    def sound(self) -> frozenset[str]:
        """The relays of which there is proof that they send."""
        return frozenset(str(one.relay) for one in self.all if one.answers and not one.down)

    def want(self, count: int) -> None:
        """See to it that there are connections for so many messages."""
        for one in self._called:
            one.lanes.want(count)

    @property
    def _called(self) -> tuple[Carrier, ...]:
        """The relays that are to be used: those that stand by only while all others are in trouble."""
        return self.all if all(one.down for one in self._weighted) else self._weighted

    def share(self, count: int) -> list[Carrier]:
        """Give the relays that take the next messages, one each, `count` at most."""
        now, called = self._time(), self._called
        self.spare = False
        offers = [one.offer(now) if one in called else NOTHING for one in self.all]
        both = zip(self.all, offers, strict=True)
        # None is leased to one that is left alone for a while: to wait for its permits would be to go round.
        self._held = [
            one for one, its in both if its is not NOTHING and not its.room and one.lanes.idle and one.ready
        ]
        return [self.all[place] for place in self._weights.share(offers, count)]

    def unused(self, takers: Iterable[Carrier]) -> None:
        """Take back some of what `share` gave: there was no message for it."""
        places = [self.all.index(one) for one in takers]
        self._weights.unused(places)
        self.spare = bool(places)

    def wanted(self) -> dict[str, tuple[int, float]]:
        """Give for each relay that is short of permits how many to lease, and at what rate a second."""
        now = self._time()
        # What is leased and not used, no other process can use: so none for a relay that takes nothing here.
        ready = [one for one in self._called if one.ready]
        wanted = {one.relay.name: (one.pace.wanted(now), one.pace.limit) for one in ready}
        return {name: (count, limit) for name, (count, limit) in wanted.items() if count}

    def granted(self, name: str, lease: Lease) -> None:
        """Take a lease, its times on the event loop's clock."""
        for one in self.all:
            if one.relay.name == name:
                one.pace.granted(lease, self._time())

    def wait(self) -> float:
        """Give the seconds until an idle connection that got no share for its relay's rate may be used.

        Infinite where that is not what is waited for.
        """
        now = self._time()
        return min((one.pace.wait(now) for one in self._held), default=math.inf)

    async def close(self, deadline: float) -> None:
        """End all connections: those at work get `deadline` seconds to hear the relay out."""
        await asyncio.gather(*(one.lanes.close(deadline) for one in self.all))
