"""Carries out orders: makes a message, sends it, and turns what the relay answers into a result."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from random import Random

from digest import address
from digest.delivery.domains import Domains
from digest.delivery.wire import Wire
from digest.engine.carriers import Carrier
from digest.engine.job import Order
from digest.engine.lanes import Done
from digest.engine.verdict import Judged, Policy, judge, unsent
from digest.errors import AddressError
from digest.model import Phase, Reply

Follow = Callable[[Carrier, Wire, Order, Judged], None]
"""Called with what was judged of a reply, after its result stands in its batch."""


class Messenger:
    """The way of a message. `follow` is called for each that was answered."""

    def __init__(
        self,
        *,
        policy: Policy,
        clock: Callable[[], datetime],
        random: Random,
        domains: Domains,
        follow: Follow,
    ) -> None:
        self._policy, self._clock, self._random = policy, clock, random
        self._domains, self._follow = domains, follow
        self._loop = asyncio.get_running_loop()
        # Signing leaves the interpreter, and so takes place on every processor at once.
        self._signers = ThreadPoolExecutor(os.cpu_count(), "signer")
        self.mistake: BaseException | None = None
        """What went wrong in this program, and ends the run."""

    def close(self) -> None:
        """End the threads; nothing is being made any more."""
        self._signers.shutdown()

    def carry(self, carrier: Carrier, wire: Wire, order: Order, done: Done) -> None:
        """Begin to send a message over a connection."""
        job = order.running.job
        make = partial(job.composers[carrier.relay.name], order.row.recipient, self._clock())
        if job.signs:
            made = self._loop.run_in_executor(self._signers, make)
            made.add_done_callback(lambda made: self._submit(carrier, wire, order, done, made.result))
        else:
            self._submit(carrier, wire, order, done, make)

    def _submit(
        self, carrier: Carrier, wire: Wire, order: Order, done: Done, make: Callable[[], bytes]
    ) -> None:
        heard = partial(self._heard, carrier, wire, order, done)
        job, recipient = order.running.job, order.row.recipient
        try:
            message = make()
            sender = job.envelope(recipient) if job.envelope else job.sender
        except AddressError as error:
            heard(Reply(phase=Phase.MAIL, code=553, text=f"5.1.3 {error}"))
        except BaseException as error:  # noqa: BLE001 - it ends the run
            # That nothing of this row has left is known all the same.
            self.mistake = self.mistake or error
            self.unsent(order)
            done(True)
        else:
            wire.submit(sender, recipient.email, message, heard)

    def unsent(self, order: Order) -> None:
        """Give an order back: nothing of it has left."""
        order.batch.on_wire -= 1
        order.batch.results.append(unsent(order.row))
        if self._domains:
            self._domains.returned(address.domain(order.row.recipient.email))

    def _heard(self, carrier: Carrier, wire: Wire, order: Order, done: Done, reply: Reply) -> None:
        judged = judge(
            reply,
            order.row,
            order.running,
            policy=self._policy,
            now=self._clock(),
            jitter=self._random.random(),
            relay_failures=carrier.health.failures,
            fresh=not wire.taken,
        )
        order.batch.on_wire -= 1
        order.batch.results.append(judged.result)
        if self._domains:
            self._domains.returned(address.domain(order.row.recipient.email))
        self._follow(carrier, wire, order, judged)
        done(not judged.next.close_connection)
