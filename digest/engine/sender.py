"""Sends the open batches of issues: a loop of ticks over the connections of this process.

A tick is one transaction that records what came in and claims as many rows as there are idle connections;
only then do their bytes go on the wire. Under load ticks fill by themselves; none waits for a quota of rows.
Everything here runs in the event loop; `book.py` runs in the ledger's thread.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

import structlog

from digest.delivery.breaker import Breaker
from digest.delivery.courier import Relay
from digest.delivery.outcome import Kind
from digest.delivery.pace import Pace
from digest.delivery.reply import classify
from digest.delivery.retry import relay_backoff
from digest.delivery.wire import Wire
from digest.engine.book import Book
from digest.engine.job import Job, Order, Running
from digest.engine.lanes import Lanes
from digest.engine.verdict import Judged, Policy, judge
from digest.errors import AddressError, RelayError
from digest.model import DeliveryState, IssueState, Phase, Reply
from digest.store.database import Store
from digest.store.ledger import Row
from digest.store.tick import Ticked, Turn

log = structlog.get_logger()
T = TypeVar("T")

DRAIN_SECONDS = 30.0
"""How long a stop waits for replies to what is on the wire."""
LASTING = timedelta(minutes=5)
"""How long a relay may answer a TLS or AUTH step with "later" before that is a matter of set-up."""
IDLE_SECONDS = 0.5
"""How often the loop looks around when nothing happens: a hold or a cancellation is seen by then."""

Claims = dict[int, dict[int, list[Row]]]
"""Rows to claim, by issue and batch."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an issue has come in this run: recorded as accepted, and as anything else that is final."""

    issue_id: int
    accepted: int = 0
    settled: int = 0


class Sender:
    """One run over the batches that are due. `patience` is how long the relay may fail before it gives up."""

    def __init__(
        self,
        store: Store,
        relay: Relay,
        *,
        rate: float = 0,
        policy: Policy | None = None,
        patience: timedelta | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._relay, self._policy, self._patience = relay, policy or Policy(), patience
        self._book = Book(store, ask=self._policy.on_unknown == "ask")
        self._on_progress, self._clock = on_progress, clock
        self._random = Random()  # noqa: S311 - jitter, no secret
        self._jobs: dict[int, Running] = {}
        self._progress: dict[int, Progress] = {}
        self._stopping = self._ended = False
        self._failures = 0
        self._failing_since: datetime | None = None
        self._gave_up: RelayError | None = None
        self._wake = asyncio.Event()
        self._time = asyncio.get_running_loop().time
        self._pace = Pace(rate, self._time())
        self._lanes = Lanes(relay, handle=self._handle, wake=self._wake.set, refused=self._refused)
        self._thread = ThreadPoolExecutor(1, "ledger")

    def stop(self) -> None:
        """Claim nothing new. `run` returns when the relay has answered for what is on the wire."""
        self._stopping = True
        for running in self._jobs.values():
            running.claiming = False
        self._wake.set()

    async def run(self, jobs: list[Job]) -> None:
        """Send what is due of these issues, and return when nothing more can be done now.

        Raises RelayError where the relay failed for longer than `patience`; nothing is lost by it.
        """
        try:
            for job in jobs:
                await self.add(job)
            while self._jobs:
                await self._turn()
        finally:
            self._ended = True
            await self._lanes.close(DRAIN_SECONDS)
            await self._conclude()
            self._thread.shutdown()
        if self._gave_up is not None:
            raise self._gave_up

    async def add(self, job: Job) -> bool:
        """Take in one more issue while others are being sent; False where this run is over already."""
        if self._ended:
            return False
        due = await self._in_thread(self._book.due, job.issue.id, self._clock())
        running = Running(job=job, breaker=Breaker(audience=job.issue.audience), upcoming=deque(due))
        running.claiming = not self._stopping
        self._jobs[job.issue.id] = running
        self._wake.set()
        return True

    async def _turn(self) -> None:
        if self._lanes.failure is not None:
            raise self._lanes.failure
        await self._take_batches()
        queued = sum(running.queued for running in self._jobs.values())
        self._lanes.want(queued + self._on_wire())
        room = int(min(self._lanes.idle, self._pace.permits(self._time()), queued))
        turns = self._turns(self._claims(room))
        if turns:
            self._apply(await self._in_thread(self._book.tick, turns, self._clock()), turns)
        elif not await self._settle():
            self._wake.clear()
            waits_for_pace = queued and self._lanes.idle
            seconds = min(self._pace.wait(self._time()) if waits_for_pace else IDLE_SECONDS, IDLE_SECONDS)
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                for issue_id in await self._in_thread(self._book.stopped, list(self._jobs)):
                    self._jobs[issue_id].claiming = False

    async def _take_batches(self) -> None:
        """Have more rows at hand than connections, as long as there are any."""
        wanted = [
            (running.job.issue, running.upcoming.popleft())
            for running in self._jobs.values()
            if running.claiming and running.upcoming and running.queued < self._relay.connections
        ]
        if wanted:
            for batch in await self._in_thread(self._book.take, wanted, self._clock()):
                self._jobs[batch.batch.issue_id].batches[batch.batch.seq] = batch

    def _turns(self, claims: Claims) -> dict[int, list[Turn]]:
        turns: dict[int, list[Turn]] = {}
        for issue_id, running in self._jobs.items():
            mine = claims.get(issue_id, {})
            for seq, batch in running.batches.items():
                results, batch.results = batch.results, []
                if results or seq in mine:
                    turn = Turn(
                        batch=batch.batch, results=results, claim=mine.get(seq, ()), cutoff=batch.cutoff
                    )
                    turns.setdefault(issue_id, []).append(turn)
        return turns

    def _apply(self, ticked: dict[int, Ticked], turns: dict[int, list[Turn]]) -> None:
        """Put the claimed rows on the wire, and heed what the ledger said."""
        for issue_id, mine in ticked.items():
            running = self._jobs[issue_id]
            if mine.state is not IssueState.SENDING:
                running.claiming = False
            for seq, rows in mine.claimed.items():
                batch = running.batches[seq]
                batch.on_wire += len(rows)
                self._pace.spend(len(rows), self._time())
                for row in rows:
                    self._lanes.give(Order(running=running, batch=batch, row=row))
            for seq in mine.dropped:
                log.warning("batch.taken_over", issue=issue_id, seq=seq)
                running.batches[seq].queue.clear()
            self._tell(issue_id, turns[issue_id])

    async def _settle(self) -> bool:
        """Give back the batches in which nothing is left to do, and end the issues of which that is true."""
        released = [
            running.batches.pop(seq).batch
            for running in self._jobs.values()
            for seq, batch in [*running.batches.items()]
            if batch.idle
        ]
        if released:
            await self._in_thread(self._book.release, released)
        ended = [issue_id for issue_id, running in self._jobs.items() if running.idle]
        for issue_id in ended:
            await self._end(self._jobs.pop(issue_id))
        return bool(released or ended)

    async def _conclude(self) -> None:
        """Record what came in while the connections closed, and end what is left."""
        if turns := self._turns({}):
            self._apply(await self._in_thread(self._book.tick, turns, self._clock()), turns)
        while self._jobs:
            await self._end(self._jobs.popitem()[1])

    async def _end(self, running: Running) -> None:
        """Release an issue's batches; hold it, call it sent, or leave it to go on later."""
        await self._in_thread(self._book.release, [batch.batch for batch in running.batches.values()])
        hold = (running.hold_code, running.hold) if running.hold else None
        await self._in_thread(self._book.finish, running.job.issue.id, hold, self._clock())

    async def _handle(self, wire: Wire, order: Order) -> bool:
        """Carry out one order; False where the connection should not be used again."""
        job, recipient = order.running.job, order.row.recipient
        try:
            message = job.compose(recipient, self._clock())
        except AddressError as error:
            reply = Reply(phase=Phase.MAIL, code=553, text=f"5.1.3 {error}")
        else:
            reply = await wire.transact(job.sender, recipient.email, message)
        judged = judge(
            reply,
            order.row,
            order.running,
            policy=self._policy,
            now=self._clock(),
            jitter=self._random.random(),
            relay_failures=self._failures,
        )
        order.batch.on_wire -= 1
        order.batch.results.append(judged.result)
        self._follow(order, judged)
        self._wake.set()
        return not judged.next.close_connection

    def _follow(self, order: Order, judged: Judged) -> None:
        """Do to the relay and the issue what a reply causes."""
        after, running = judged.next, order.running
        if judged.outcome.kind is Kind.ACCEPTED:
            self._failures, self._failing_since = 0, None
        else:
            log.info(
                "delivery.not_accepted",
                issue=running.job.issue.id,
                subscriber=order.row.recipient.id,
                kind=judged.outcome.kind.value,
                reply=judged.outcome.evidence,
            )
        if after.relay_backoff is not None:
            self._trouble(judged.outcome.evidence, after.relay_backoff)
        if after.halve_rate:
            self._pace.halve(self._time())
        reason = after.hold or running.breaker.tripped
        if reason and not running.hold:
            running.hold, running.claiming = reason, False
            running.hold_code = "quota" if after.hold_for is not None else "relay"

    def _refused(self, reply: Reply) -> None:
        """Take note of a connection that could not be made ready."""
        lasting = self._failing_since is not None and self._clock() - self._failing_since >= LASTING
        outcome = classify(reply, lasting=lasting)
        log.warning("relay.unready", relay=str(self._relay), phase=reply.phase.value, reply=str(reply))
        if outcome.kind is Kind.SETUP:
            for running in self._jobs.values():
                running.hold, running.claiming = f"the relay refuses our set-up: {reply}", False
            self._lanes.rest(IDLE_SECONDS)
            self._wake.set()
            return
        backoff = relay_backoff(self._failures + 1, self._random.random())
        self._trouble(f"{reply.phase.value}: {reply}", backoff)

    def _trouble(self, evidence: str, backoff: timedelta) -> None:
        now = self._clock()
        self._failures += 1
        self._failing_since = self._failing_since or now
        self._lanes.rest(backoff.total_seconds())
        if self._patience is not None and now - self._failing_since >= self._patience:
            self._gave_up = RelayError(
                f"The relay {self._relay} takes nothing ({evidence}): mend it (`digest doctor relay` helps) "
                "and run this again; nobody was lost or blamed."
            )
            self.stop()

    def _on_wire(self) -> int:
        return sum(batch.on_wire for running in self._jobs.values() for batch in running.batches.values())

    def _claims(self, room: int) -> Claims:
        """Choose rows to claim: the issues share the connections, each one's batches go in order."""
        claims: Claims = {}
        waiting = [running for running in self._jobs.values() if running.queued]
        for place, running in enumerate(waiting):
            share = -(-room // (len(waiting) - place))
            for seq, batch in sorted(running.batches.items()):
                count = min(share, len(batch.queue))
                if count > 0:
                    rows = [batch.queue.popleft() for _ in range(count)]
                    claims.setdefault(running.job.issue.id, {})[seq] = rows
                    room, share = room - count, share - count
        return claims

    def _tell(self, issue_id: int, turns: list[Turn]) -> None:
        states = [result.state for turn in turns for result in turn.results]
        before = self._progress.get(issue_id, Progress(issue_id=issue_id))
        accepted = states.count(DeliveryState.ACCEPTED)
        self._progress[issue_id] = after = Progress(
            issue_id=issue_id,
            accepted=before.accepted + accepted,
            settled=before.settled + len(states) - accepted - states.count(DeliveryState.PENDING),
        )
        self._on_progress(after)

    async def _in_thread(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
