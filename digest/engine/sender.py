"""Sends the open batches of issues: a loop of ticks over the connections of this process.

A tick is one transaction that records what came in and claims as many rows as there are idle connections;
only then do their bytes go on the wire. Under load ticks fill by themselves; none waits for a quota of rows.
Everything here runs in the event loop; `book.py` runs in the ledger's thread.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

import structlog

from digest import address
from digest.delivery.breaker import Breaker
from digest.delivery.courier import Relay
from digest.delivery.domains import Domains, Limit
from digest.delivery.wire import Wire
from digest.engine.book import Book
from digest.engine.carriers import Carrier, Carriers
from digest.engine.job import Job, Order, Running
from digest.engine.messenger import Messenger
from digest.engine.reactions import Reactions
from digest.engine.shares import claims, forget, put_back, put_off, turns
from digest.engine.verdict import Judged, Policy
from digest.errors import RelayError, StoreError
from digest.model import DeliveryState, IssueState, Reply
from digest.store.database import Store
from digest.store.ledger import Row
from digest.store.tick import Ticked, Turn

log = structlog.get_logger()
T = TypeVar("T")

DRAIN_SECONDS = 30.0
"""How long a stop waits for replies to what is on the wire."""
IDLE_SECONDS = 0.5
"""How often the loop looks around when nothing happens: a hold or a cancellation is seen by then."""
LEDGER_SECONDS = 20.0
"""How long the ledger may fail: as long as PostgreSQL takes to restart. What is on the wire is kept."""


OPEN_BATCHES = 16
"""Batches that may be open at a time: it bounds the rows in memory that wait for their recipient's domain."""


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
        relays: Sequence[Relay],
        *,
        limits: Mapping[str, Limit] | None = None,
        policy: Policy | None = None,
        patience: timedelta | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        drain: float = DRAIN_SECONDS,
    ) -> None:
        self._drain = drain
        policy = policy or Policy()
        self._book = Book(store, ask=policy.on_unknown == "ask")
        self._on_progress, self._clock = on_progress, clock
        self._jobs: dict[int, Running] = {}
        self._progress: dict[int, Progress] = {}
        self._stopping = False
        self._ended = asyncio.Event()
        self._patient_until = math.inf
        self._gave_up: RelayError | None = None
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._looked_at = self._ledger_good_at = self._time()
        random = Random()  # noqa: S311 - jitter, no secret
        self._domains = Domains(limits or {}, self._time(), leased=True)
        self._messenger = Messenger(
            policy=policy, clock=clock, random=random, domains=self._domains, follow=self._follow
        )
        self._carriers = Carriers(
            relays,
            patience=patience,
            carry=self._messenger.carry,
            unready=self._unready,
            wake=self._wake.set,
        )
        self._reactions = Reactions(self._carriers, clock=clock, random=random, give_up=self._give_up)
        self._thread = ThreadPoolExecutor(1, "ledger")

    def stop(self) -> None:
        """Claim nothing new. `run` returns when the relay has answered for what is on the wire."""
        self._stopping = True
        self._patient_until = min(self._patient_until, self._time() + self._drain)
        for running in self._jobs.values():
            running.stop()
        self._wake.set()

    async def run(self, jobs: list[Job]) -> None:
        """Send what is due of these issues, and return when nothing more can be done now.

        Raises RelayError where the relay failed for longer than `patience`, StoreError where the ledger did;
        nothing is lost by either.
        """
        try:
            for job in jobs:
                await self.add(job)
            while self._jobs and self._time() < self._patient_until:
                await self._turn()
        finally:
            self._ended.set()
            try:
                await self._carriers.close(self._drain if self._time() < self._patient_until else 0)
                await self._conclude()
            finally:
                self._messenger.close()
                self._thread.shutdown()
        # One may have come to light only as what was on the wire came back.
        self._own_up()
        if self._gave_up is not None:
            raise self._gave_up

    def _own_up(self) -> None:
        """Raise what went wrong in this program beside the loop."""
        if mistake := self._messenger.mistake or self._carriers.failure:
            raise mistake

    def has(self, issue_id: int) -> bool:
        """Whether an issue is being sent by this run."""
        return issue_id in self._jobs

    @property
    def left_out(self) -> dict[str, str]:
        """Why relays are left out while others send, by their `host:port`."""
        return self._carriers.left_out(self._clock())

    @property
    def sound(self) -> frozenset[str]:
        """The relays that have been seen to answer, and are not left out."""
        return self._carriers.sound

    async def add(self, job: Job) -> bool:
        """Take in one more issue while others are being sent; False where this run is over already."""
        if self._ended.is_set():
            return False
        due = await self._in_thread(self._book.due, job.issue.id, self._clock())
        if not self._ended.is_set() and not self.has(job.issue.id):
            running = Running(job=job, breaker=Breaker(audience=job.issue.audience), upcoming=deque(due))
            running.claiming = not self._stopping
            self._jobs[job.issue.id] = running
            self._wake.set()
        return not self._ended.is_set()

    async def _turn(self) -> None:
        self._own_up()
        try:
            busy = await self._advance()
        except StoreError as error:
            if self._time() - self._ledger_good_at >= LEDGER_SECONDS:
                raise
            log.warning("ledger.failing", error=str(error))
            await asyncio.sleep(IDLE_SECONDS)
            return
        self._ledger_good_at = self._time()
        if not busy:
            await self._sleep()

    async def _advance(self) -> bool:
        """Do what can be done now; False where there was nothing."""
        if self._time() - self._looked_at >= IDLE_SECONDS:
            self._looked_at = self._time()
            for issue_id in await self._in_thread(self._book.stopped, list(self._jobs)):
                self._jobs[issue_id].stop()
        await self._take_batches()
        queued = sum(running.queued + running.waiting for running in self._jobs.values())
        self._carriers.want(queued + sum(running.on_wire for running in self._jobs.values()))
        if queued:
            await self._lease()
        return await self._tick(self._carriers.share(queued)) or await self._settle()

    async def _lease(self) -> None:
        """Have permits at hand, where what may leave is limited over all processes."""
        relays, now = self._carriers.wanted(), self._time()
        domains = {f"@{domain}": wanted for domain, wanted in self._domains.wanted(now).items()}
        if not relays and not domains:
            return
        wall = self._clock()
        given = await self._in_thread(self._book.lease, {**relays, **domains}, wall)
        ahead = now - wall.timestamp()
        for name, lease in given.items():
            if name in relays:
                self._carriers.granted(name, lease.shifted(ahead))
            else:
                self._domains.granted(name[1:], lease.shifted(ahead), self._time())

    async def _sleep(self) -> None:
        """Wait until something happens, or may be done."""
        self._wake.clear()
        seconds = IDLE_SECONDS
        if any(running.queued or running.waiting for running in self._jobs.values()):
            seconds = min(seconds, self._carriers.wait())
        if self._carriers.spare and any(running.waiting for running in self._jobs.values()):
            seconds = min(seconds, self._domains.wait(self._time()))
        timer = self._loop.call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def _take_batches(self) -> None:
        """Have more rows at hand than connections, as long as there are any."""
        # An issue may join while the ledger is asked.
        for running in list(self._jobs.values()):
            if (batch := put_off(running, OPEN_BATCHES)) is not None:
                for lost in await self._in_thread(self._book.release, [batch.batch]):
                    running.lost.add(lost.seq)
                    running.upcoming.remove(lost.seq)
        wanted = [
            (running.job.issue, running.upcoming.popleft())
            for running in self._jobs.values()
            if running.claiming
            and running.upcoming
            and running.queued < self._carriers.connections
            and len(running.batches) < max(OPEN_BATCHES, self._carriers.connections)
        ]
        if wanted:
            for batch in await self._in_thread(self._book.take, wanted, self._clock()):
                self._jobs[batch.batch.issue_id].batches[batch.batch.seq] = batch

    async def _tick(self, takers: list[Carrier]) -> bool:
        """Record what came in, claim and send; False where there was nothing to do."""
        jobs = self._jobs.values()
        mine = turns(jobs, claims(jobs, len(takers), self._domains, self._time()))
        if not mine:
            self._carriers.unused(takers)
            return False
        ticking = self._loop.run_in_executor(self._thread, self._book.tick, mine, self._clock())
        try:
            await asyncio.shield(ticking)
        except asyncio.CancelledError:
            # What the ledger has recorded and claimed must be heeded, whoever cancels us meanwhile.
            await asyncio.wait([ticking])
            self._ticked(ticking, mine, takers)
            raise
        except BaseException:
            self._undo(mine, takers)
            raise
        self._ticked(ticking, mine, takers)
        return True

    def _undo(self, mine: dict[int, list[Turn]], takers: list[Carrier]) -> None:
        self._carriers.unused(takers)
        for issue_id, its in mine.items():
            self._account(its, {})
            put_back(self._jobs[issue_id], its)

    def _ticked(
        self,
        ticking: asyncio.Future[dict[int, Ticked]],
        mine: dict[int, list[Turn]],
        takers: list[Carrier],
    ) -> None:
        """Do what the ledger said, or undo what it could not do."""
        if ticking.exception() is not None:
            self._undo(mine, takers)
            return
        free = iter(takers)
        for issue_id, told in ticking.result().items():
            its = mine[issue_id]
            self._account(its, told.claimed)
            self._apply(self._jobs[issue_id], told, free)
            self._tell(issue_id, its)
        self._carriers.unused(free)

    def _account(self, mine: Iterable[Turn], claimed: Mapping[int, list[Row]]) -> None:
        """Tell the domains of rows that were not claimed after all, or whose readers have moved to others."""
        if not self._domains:
            return
        found = {row.recipient.id: row.recipient.email for rows in claimed.values() for row in rows}
        for row in (row for turn in mine for row in turn.claim):
            was, now = row.recipient.email, found.get(row.recipient.id)
            if now != was:
                self._domains.returned(address.domain(was))
                if now is not None:
                    self._domains.took(address.domain(now), self._time())

    def _apply(self, running: Running, ticked: Ticked, free: Iterator[Carrier]) -> None:
        """Put the claimed rows on the wire, and heed what the ledger said."""
        if ticked.outdated or ticked.state is not IssueState.SENDING:
            running.stop()
        for seq, rows in ticked.claimed.items():
            batch = running.batches[seq]
            for row in rows:
                order = Order(running=running, batch=batch, row=row)
                batch.on_wire += 1
                if not next(free).give(order):
                    # A connection was lost while the ledger was busy; nothing of this row has left.
                    self._messenger.unsent(order)
        for seq in ticked.dropped:
            log.warning("batch.taken_over", issue=running.job.issue.id, seq=seq)
            forget(running, running.batches[seq])
            running.lost.add(seq)

    async def _settle(self) -> bool:
        """Give back the batches in which nothing is left to do, and end the issues of which that is true."""
        released = False
        for issue_id, running in list(self._jobs.items()):
            if batches := [batch.batch for batch in running.batches.values() if batch.idle]:
                released = True
                lost = await self._in_thread(self._book.release, batches)
                running.lost |= {batch.seq for batch in lost}
                for batch in batches:
                    del running.batches[batch.seq]
            if running.idle:
                released = True
                if not await self._again(running):
                    await self._end(running)
                    del self._jobs[issue_id]
        return released

    async def _again(self, running: Running) -> bool:
        """Find what has come due meanwhile: rows that the relay's trouble gave back, or that had to wait."""
        if running.claiming:
            due = await self._in_thread(self._book.due, running.job.issue.id, self._clock())
            running.upcoming.extend(seq for seq in due if seq not in running.lost)
        return not running.idle

    async def _conclude(self) -> None:
        """Record what came in while the connections closed, and end what is left."""
        await self._tick([])
        for running in self._jobs.values():
            await self._end(running)
        self._jobs.clear()

    async def _end(self, running: Running) -> None:
        """Release an issue's batches; hold it, call it sent, or leave it to go on later."""
        await self._in_thread(self._book.release, [batch.batch for batch in running.batches.values()])
        hold = (running.hold_code, running.hold) if running.hold else None
        await self._in_thread(self._book.finish, running.job.issue.id, hold, self._clock())

    def _follow(self, carrier: Carrier, wire: Wire, order: Order, judged: Judged) -> None:
        self._reactions.follow(carrier, wire, order, judged)
        self._wake.set()

    def _unready(self, carrier: Carrier, reply: Reply) -> None:
        self._reactions.refused(carrier, reply, self._jobs.values())
        self._wake.set()

    def _give_up(self, error: RelayError) -> None:
        self._gave_up = self._gave_up or error
        self.stop()

    def _tell(self, issue_id: int, mine: list[Turn]) -> None:
        states = [result.state for turn in mine for result in turn.results]
        before = self._progress.get(issue_id, Progress(issue_id=issue_id))
        accepted = states.count(DeliveryState.ACCEPTED)
        self._progress[issue_id] = after = Progress(
            issue_id=issue_id,
            accepted=before.accepted + accepted,
            settled=before.settled + len(states) - accepted - states.count(DeliveryState.PENDING),
        )
        self._on_progress(after)

    async def _in_thread(self, call: Callable[..., T], *args: object) -> T:
        return await self._loop.run_in_executor(self._thread, call, *args)
