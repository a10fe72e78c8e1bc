"""An issue to a few readers, its whole life under a relay that misbehaves, and how each delivery ended."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from smtp_server import Received

from digest.delivery.courier import Relay
from digest.engine.job import Job
from digest.engine.sender import Progress, Sender
from digest.engine.verdict import Policy
from digest.errors import RelayError
from digest.model import DeliveryState, Issue, IssueState, Recipient, Slot, SubscriberState
from digest.store import issues, ledger, subscribers
from digest.store.database import Store
from digest.store.schema import upgrade
from digest.store.subscribers import Newcomer
from digest.store.tables import DELIVERY, DELIVERY_REPLY, SUBSCRIBER

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
SENDER = "bounces@ledger.example"
SLOT = Slot(name="2026-11-24T07:00", instant=START)


def address(number: int) -> str:
    return f"reader{number}@mail.example"


def new_ledger(path: Path, readers: int) -> None:
    """Make a ledger with an issue that is being sent, of which nothing has left yet."""
    store = Store(f"sqlite:///{path}")
    upgrade(store, START)
    furnish(store, readers)
    store.close()


def furnish(store: Store, readers: int) -> Issue:
    """Bring in readers, numbered from 1, and an issue for all of them."""
    with store.write() as session:
        newcomers = [Newcomer(email=address(n), newsletter="daily") for n in range(1, readers + 1)]
        subscribers.add(session, newcomers, START)
        draft = issues.open_draft(session, "daily", SLOT, START)
        frozen = ledger.freeze(session, draft, START)
        sending = issues.move(session, frozen, IssueState.SENDING, START, allowed=(IssueState.FROZEN,))
    assert sending is not None
    return sending


class Fate(NamedTuple):
    """How a delivery ended, as the ledger has it, and its subscriber with it."""

    state: DeliveryState
    burnt: bool = False
    """Whether an attempt of its own was counted beside an acceptance."""
    doubtful: bool = False
    subscriber: SubscriberState = SubscriberState.ACTIVE
    soft: int = 0
    """How many soft bounces count against the subscriber."""


_STATE = sa.select(DELIVERY.c.state).where(DELIVERY.c.subscriber_id == sa.bindparam("id"))


@dataclass(kw_only=True)
class Life:
    """An issue's life. Every look at the ledger checks what has to hold at every commit."""

    store: Store
    issue: Issue
    relay: Relay
    policy: Policy = field(default_factory=Policy)
    rate: float = 0
    patience: timedelta | None = None
    gave_up: RelayError | None = None
    body: bytes = b"Good morning.\r\n"
    now: datetime = START

    async def live(self, *, rounds: int = 400) -> None:
        """Send until nothing is left to do, whenever something is due; stop at a hold or a run's end."""
        loop = asyncio.get_running_loop()
        began = loop.time() - (self.now - START).total_seconds()

        def clock() -> datetime:
            self.now = START + timedelta(seconds=loop.time() - began)
            return self.now

        for _ in range(rounds):
            await self._run(clock)
            due = self._next_due()
            if due is None or self.gave_up or self.reread().state is not IssueState.SENDING:
                return
            await asyncio.sleep(max((due - clock()).total_seconds(), 1))
        raise AssertionError(f"the issue does not end: {self.fates}")

    async def _run(self, clock: Callable[[], datetime]) -> None:
        sender = Sender(
            self.store,
            [replace(self.relay, rate=self.rate)],
            policy=self.policy,
            patience=self.patience,
            on_progress=self._watch,
            clock=clock,
        )
        try:
            await sender.run(
                [Job(issue=self.reread(), sender=SENDER, composers={self.relay.name: self._compose})]
            )
        except RelayError as error:
            self.gave_up = error
        self._watch(None)

    def _watch(self, _: Progress | None) -> None:
        with self.store.read() as session:
            counts = issues.counts(session, self.issue.id)
        assert counts.total == self.issue.audience
        assert counts.submitting <= self.relay.connections

    def _compose(self, recipient: Recipient, _: datetime) -> bytes:
        # What leaves is `submitting` in the ledger before its first octet does.
        with self.store.read() as session:
            state = session.connection().execute(_STATE, {"id": recipient.id}).scalar_one()
        assert state == DeliveryState.SUBMITTING.value
        head = f"To: {recipient.email}\r\nMessage-ID: <1.{recipient.id}@ledger.example>\r\n\r\n"
        return head.encode() + self.body

    def _next_due(self) -> datetime | None:
        with self.store.read() as session:
            return ledger.next_due(session, self.issue.id)

    def reread(self) -> Issue:
        with self.store.read() as session:
            return issues.get(session, self.issue.id)

    def resume(self) -> None:
        with self.store.write() as session:
            issues.resume(session, self.reread(), self.now)

    @property
    def fates(self) -> dict[int, Fate]:
        """By the subscriber's number."""
        return {
            number: Fate(
                DeliveryState(row.state),
                burnt=row.attempts > (row.state == DeliveryState.ACCEPTED.value),
                doubtful=bool(row.doubtful),
                subscriber=row.subscriber_state,
                soft=row.soft_bounces,
            )
            for number, row in self._rows().items()
        }

    @property
    def evidence(self) -> dict[int, str]:
        """The relay's words about those whom it did not take at once."""
        with self.store.read() as session:
            query = sa.select(DELIVERY_REPLY.c.subscriber_id, DELIVERY_REPLY.c.reply)
            return {row.subscriber_id: row.reply for row in session.connection().execute(query)}

    def _rows(self) -> dict[int, sa.Row[tuple[object, ...]]]:
        both = DELIVERY.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        columns = (SUBSCRIBER.c.state.label("subscriber_state"), SUBSCRIBER.c.soft_bounces)
        query = sa.select(DELIVERY, *columns).select_from(both).order_by(DELIVERY.c.subscriber_id)
        with self.store.read() as session:
            return {row.subscriber_id: row for row in session.connection().execute(query)}


def begin(template: Path, folder: Path, relay: Relay, policy: Policy | None = None) -> Life:
    """Give the life of a ledger's issue, from its beginning; close its store."""
    path = folder / "subscribers.db"
    shutil.copy(template, path)
    store = Store(f"sqlite:///{path}")
    with store.read() as session:
        issue = issues.get(session, 1)
    return Life(store=store, issue=issue, relay=relay, policy=policy or Policy())


def check_copies(fates: dict[int, Fate], received: list[Received]) -> None:
    """See that nobody is lost, and nobody has two without the ledger's knowing, nor two that differ."""
    copies = Counter(message.recipient for message in received)
    assert set(copies) <= {address(number) for number in fates}
    for number, fate in fates.items():
        mine = {message.data for message in received if message.recipient == address(number)}
        assert len(mine) <= 1, f"{number} got two that differ"
        count = copies[address(number)]
        if fate.state is DeliveryState.ACCEPTED:
            assert count >= 1, f"{number} is lost"
        if not fate.doubtful:
            most = fate.state in {DeliveryState.ACCEPTED, DeliveryState.UNKNOWN}
            assert count <= most, f"{number} has {count}, and is {fate}"
