"""What a reply causes beyond its own row: for the relay's connections and pace, and for its issue.

Decides by `verdict.py` and `delivery/`; touches no ledger.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

import structlog

from digest.delivery.courier import Relay
from digest.delivery.outcome import Kind
from digest.delivery.pace import Pace
from digest.delivery.reply import classify
from digest.delivery.retry import relay_backoff
from digest.delivery.wire import Wire
from digest.engine.health import Health
from digest.engine.job import Order, Running
from digest.engine.lanes import Lanes
from digest.engine.verdict import Judged
from digest.errors import RelayError
from digest.model import Reply

log = structlog.get_logger()

SETUP_SECONDS = 0.5
"""A relay that refuses our set-up is not asked again until the issues are held, which takes less."""
UNANSWERED = 5
"""Messages in a row that were taken without a word, beyond those of two broken sets of connections."""


class Reactions:
    """Does what replies cause. `give_up` is called where the relay has failed for too long."""

    def __init__(
        self,
        relay: Relay,
        *,
        lanes: Lanes,
        pace: Pace,
        health: Health,
        clock: Callable[[], datetime],
        random: Random,
        give_up: Callable[[RelayError], None],
    ) -> None:
        self._relay, self._lanes, self._pace, self._health = relay, lanes, pace, health
        self._clock, self._random, self._give_up = clock, random, give_up
        self._loop_time = asyncio.get_running_loop().time

    def follow(self, wire: Wire, order: Order, judged: Judged) -> None:
        """Do to the relay and the issue what a reply causes."""
        after, running, kind = judged.next, order.running, judged.outcome.kind
        if kind is Kind.ACCEPTED:
            running.unanswered = 0
            self._health.answered()
            return
        log.info(
            "delivery.not_accepted",
            issue=running.job.issue.id,
            subscriber=order.row.recipient.id,
            kind=kind.value,
            reply=judged.outcome.evidence,
        )
        backoff = after.relay_backoff
        if kind is Kind.CONNECTION_USED_UP:
            # Used up before it was used, it is no such thing: without a rest this would go round.
            backoff = None if wire.taken else self._backoff()
        if backoff is None:
            self._health.answered()
        else:
            self._trouble(judged.outcome.evidence, backoff)
        if after.halve_rate:
            self._pace.halve(self._loop_time())
        if reason := after.hold or running.breaker.tripped or self._silence(running, kind):
            running.stop(reason, "quota" if after.hold_for is not None else "relay")

    def _silence(self, running: Running, kind: Kind) -> str:
        """Say whether the relay swallows messages: what is sent again may have arrived each time."""
        running.unanswered += kind is Kind.UNKNOWN
        if running.unanswered < 2 * self._relay.connections + UNANSWERED:
            return ""
        return (
            f"the relay took {running.unanswered} messages in a row and answered for none: "
            "nobody knows whether they arrived"
        )

    def refused(self, reply: Reply, jobs: Iterable[Running]) -> None:
        """Take note of a connection that could not be made ready, while these issues are being sent."""
        outcome = classify(reply, lasting=self._health.lasting(self._clock()))
        log.warning("relay.unready", relay=str(self._relay), phase=reply.phase.value, reply=str(reply))
        if outcome.kind in {Kind.SETUP, Kind.QUOTA}:
            quota = outcome.kind is Kind.QUOTA
            what = "our account's quota at the relay is used up" if quota else "the relay refuses our set-up"
            for running in jobs:
                running.stop(f"{what}: {reply}", "quota" if quota else "relay")
            self._lanes.rest(SETUP_SECONDS)
            return
        self._trouble(f"{reply.phase.value}: {reply}", self._backoff())

    def _backoff(self) -> timedelta:
        return relay_backoff(self._health.failures + 1, self._random.random())

    def _trouble(self, evidence: str, backoff: timedelta) -> None:
        # What fails while the connections rest already is the same trouble, met by another of them.
        exhausted = self._health.failed(self._clock(), again=not self._lanes.resting)
        if not self._lanes.resting:
            self._lanes.rest(backoff.total_seconds())
        if exhausted:
            text = (
                f"The relay {self._relay} takes nothing ({evidence}): mend it (`digest doctor relay` helps) "
                "and run this again; nobody was lost or blamed."
            )
            self._give_up(RelayError(text))
