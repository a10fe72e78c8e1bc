"""What a reply causes beyond its own row: for the relay's connections and pace, and for its issue.

Decides by `verdict.py` and `delivery/`; touches no ledger.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

import structlog

from digest.delivery.breaker import Breaker
from digest.delivery.outcome import Kind
from digest.delivery.reply import classify
from digest.delivery.retry import relay_backoff
from digest.delivery.wire import Wire
from digest.engine.carriers import Carrier, Carriers
from digest.engine.job import Order, Running
from digest.engine.verdict import Judged
from digest.errors import RelayError
from digest.model import Reply

log = structlog.get_logger()

SETUP_SECONDS = 0.5
"""A relay that refuses our set-up is not asked again until the issues are held, which takes less."""
BARRED_SECONDS = 60.0
"""How often it is asked again while another relay sends."""
REFUSING_SECONDS = 3600.0
"""How often one is that refuses our messages: each time that costs as many readers as the breaker counts."""
UNANSWERED = 5
"""Messages in a row that were taken without a word, beyond those of two broken sets of connections."""


class Reactions:
    """Does what replies cause. `give_up` is called where every relay has failed for too long."""

    def __init__(
        self,
        carriers: Carriers,
        *,
        clock: Callable[[], datetime],
        random: Random,
        give_up: Callable[[RelayError], None],
    ) -> None:
        self._carriers, self._clock, self._random, self._give_up = carriers, clock, random, give_up
        self._several = len(carriers.all) > 1
        self._loop_time = asyncio.get_running_loop().time

    def follow(self, carrier: Carrier, wire: Wire, order: Order, judged: Judged) -> None:
        """Do to the relay and the issue what a reply causes."""
        after, running, kind = judged.next, order.running, judged.outcome.kind
        refuses = self._several and carrier.refuses(judged.outcome, running.job.issue.audience)
        if kind is Kind.ACCEPTED:
            running.unanswered = 0
            carrier.answered()
            return
        log.info(
            "delivery.not_accepted",
            issue=running.job.issue.id,
            subscriber=order.row.recipient.id,
            relay=str(carrier.relay),
            kind=kind.value,
            reply=judged.outcome.evidence,
        )
        backoff = after.relay_backoff
        if kind is Kind.CONNECTION_USED_UP:
            # Used up before it was used, it is no such thing: without a rest this would go round.
            backoff = None if wire.taken else self._backoff(carrier)
        if after.hold and self._several:
            self._bar(carrier, after.hold, [running], quota=after.hold_for is not None)
        elif refuses:
            # That says nothing about the issue, which another relay may take.
            running.breaker = Breaker(audience=running.job.issue.audience)
            self._bar(carrier, refuses, [running], quota=False, seconds=REFUSING_SECONDS)
        elif backoff is None:
            carrier.answered()
        else:
            self._trouble(carrier, judged.outcome.evidence, backoff)
        if after.halve_rate:
            carrier.pace.halve(self._loop_time())
        held = "" if self._several else after.hold
        if reason := held or running.breaker.tripped or self._silence(running, kind):
            running.stop(reason, "quota" if after.hold_for is not None else "relay")

    def _silence(self, running: Running, kind: Kind) -> str:
        """Say whether the relay swallows messages: what is sent again may have arrived each time."""
        running.unanswered += kind is Kind.UNKNOWN
        if running.unanswered < 2 * self._carriers.connections + UNANSWERED:
            return ""
        return (
            f"the relay took {running.unanswered} messages in a row and answered for none: "
            "nobody knows whether they arrived"
        )

    def refused(self, carrier: Carrier, reply: Reply, jobs: Iterable[Running]) -> None:
        """Take note of a connection that could not be made ready, while these issues are being sent."""
        outcome = classify(reply, lasting=carrier.health.lasting(self._clock()))
        if not carrier.lanes.resting:
            # Once for all connections that fail together.
            log.warning("relay.unready", relay=str(carrier.relay), phase=reply.phase.value, reply=str(reply))
        if outcome.kind in {Kind.SETUP, Kind.QUOTA}:
            quota = outcome.kind is Kind.QUOTA
            what = "our account's quota at the relay is used up" if quota else "the relay refuses our set-up"
            self._bar(carrier, f"{what}: {reply}", jobs, quota=quota)
            return
        self._trouble(carrier, f"{reply.phase.value}: {reply}", self._backoff(carrier))

    def _bar(
        self,
        carrier: Carrier,
        reason: str,
        jobs: Iterable[Running],
        *,
        quota: bool,
        seconds: float = BARRED_SECONDS,
    ) -> None:
        """Leave a relay that will not have us to be mended; where it was the last, hold the issues."""
        again = not (carrier.barred and carrier.lanes.resting)
        carrier.barred = reason
        carrier.health.failed(self._clock(), again=not carrier.lanes.resting)
        if self._carriers.barred:
            for running in jobs:
                running.stop(reason, "quota" if quota else "relay")
            carrier.lanes.rest(SETUP_SECONDS)
        else:
            if again:
                # Once for all connections that hear it together.
                log.warning("relay.barred", relay=str(carrier.relay), reason=reason)
            carrier.lanes.rest(seconds)

    def _backoff(self, carrier: Carrier) -> timedelta:
        return relay_backoff(carrier.health.failures + 1, self._random.random())

    def _trouble(self, carrier: Carrier, evidence: str, backoff: timedelta) -> None:
        # What fails while the connections rest already is the same trouble, met by another of them.
        again = not carrier.lanes.resting
        carrier.exhausted = carrier.health.failed(self._clock(), again=again)
        if again:
            carrier.lanes.rest(backoff.total_seconds())
        if carrier.exhausted and self._carriers.hopeless:
            text = (
                f"The relay {carrier.relay} takes nothing ({evidence}): mend it (`digest doctor relay` "
                "helps) and run this again; nobody was lost or blamed."
            )
            self._give_up(RelayError(text))
