"""Whatever happens, in whatever order: the audience is the sum of its deliveries."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from ledger_scene import NOW, counts, draft, readers

from digest.model import Channel, DeliveryState, IssueState
from digest.store import erasure, issues, ledger, subscribers
from digest.store.database import Store
from digest.store.ledger import Batch, Row
from digest.store.subscribers import Visit
from digest.store.tick import Result, Turn, tick

READERS = 40
STEPS = 120


class Walk:
    """A ledger under random acts of two holders who steal the batch, of readers and an operator."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.random = store, random.Random(seed)
        self.now = NOW
        self.readers = readers(store, READERS)
        self.issue = draft(store)
        self.holders: list[Batch] = []
        self.flying: dict[Batch, list[Row]] = {}
        self.mailed: dict[int, int] = {}
        with store.write() as session:
            self.issue = ledger.freeze(session, self.issue, NOW)

    def step(self) -> None:
        acts: list[tuple[int, Callable[[], None]]] = [
            (10, self.tick),
            (2, self.take),
            (2, self.release),
            (2, self.leave),
            (1, self.erase),
            (1, self.hold_or_resume),
            (1, self.reopen),
            (1, self.finish),
        ]
        act = self.random.choices([a for _, a in acts], [weight for weight, _ in acts])[0]
        self.now += timedelta(minutes=self.random.randint(0, 10))
        act()

    def take(self) -> None:
        with self.store.write() as session:
            issues.move(session, self.issue, IssueState.SENDING, self.now, allowed=(IssueState.FROZEN,))
            if issues.get(session, self.issue.id).state is IssueState.SENDING:
                ask = self.random.random() < 0.5
                batch = ledger.take(session, self.issue, 0, ask=ask, now=self.now)
                self.holders.append(batch)
                self.flying[batch] = []

    def tick(self) -> None:
        if not self.holders:
            return
        batch = self.random.choice(self.holders[-2:])
        answered = self.flying[batch][: self.random.randint(0, 8)]
        results = [self.outcome(row) for row in answered]
        with self.store.write() as session:
            rows = ledger.rows(session, batch, ledger.epoch(self.now))
            claim = rows[: self.random.randint(0, 8)]
            got = tick(session, self.issue.id, [Turn(batch=batch, results=results, claim=claim)], self.now)
        self.flying[batch] = self.flying[batch][len(answered) :] + got.claimed.get(0, [])

    def once(self) -> None:
        """Tick with relays that accept everything."""
        batch = self.holders[-1]
        results = [
            Result(subscriber_id=row.recipient.id, state=DeliveryState.ACCEPTED, code=250)
            for row in self.flying[batch]
        ]
        with self.store.write() as session:
            claim = ledger.rows(session, batch, ledger.epoch(self.now))[:6]
            got = tick(session, self.issue.id, [Turn(batch=batch, results=results, claim=claim)], self.now)
        self.flying[batch] = got.claimed.get(0, [])
        for row in self.flying[batch]:
            self.mailed[row.recipient.id] = self.mailed.get(row.recipient.id, 0) + 1

    def outcome(self, row: Row) -> Result:
        state = self.random.choice(
            [
                DeliveryState.ACCEPTED,
                DeliveryState.ACCEPTED,
                DeliveryState.PENDING,
                DeliveryState.REFUSED,
                DeliveryState.EXPIRED,
                DeliveryState.UNKNOWN,
            ]
        )
        later = ledger.epoch(self.now) + 600 if state is DeliveryState.PENDING else 0
        return Result(subscriber_id=row.recipient.id, state=state, next_at=later)

    def release(self) -> None:
        if self.holders:
            with self.store.write() as session:
                ledger.release(session, self.random.choice(self.holders))

    def leave(self) -> None:
        visit = Visit(channel=Channel.ONE_CLICK, issue_id=self.issue.id)
        with self.store.write() as session:
            subscribers.leave(session, self.random.choice(self.readers), ["daily"], visit, self.now)

    def erase(self) -> None:
        with self.store.write() as session:
            reader = subscribers.get(session, self.random.choice(self.readers))
            if reader is not None:
                erasure.erase(session, reader, self.now)

    def hold_or_resume(self) -> None:
        with self.store.write() as session:
            here = issues.get(session, self.issue.id)
            if here.state is IssueState.HELD:
                issues.resume(session, here, self.now)
            elif here.state in issues.RUNNING:
                issues.hold(session, here, "operator", "a look", self.now)

    def reopen(self) -> None:
        with self.store.write() as session:
            if issues.get(session, self.issue.id).state in ledger.REOPENED:
                state = self.random.choice([DeliveryState.REFUSED, DeliveryState.UNKNOWN])
                ledger.reopen(session, self.issue, [state], self.now)

    def finish(self) -> None:
        with self.store.write() as session:
            ledger.finish(session, self.issue, self.now)


@pytest.mark.parametrize("seed", range(4))
def test_the_audience_is_the_sum_of_its_deliveries_after_every_act(store: Store, seed: int) -> None:
    walk = Walk(store, seed)
    for _ in range(STEPS):
        walk.step()
        counted = counts(store, walk.issue)
        assert counted.total == READERS
        with store.read() as session:
            here = issues.get(session, walk.issue.id)
        assert here.audience == READERS
        assert here.state is not IssueState.SENT or counted.open == 0
    with store.write() as session:
        if issues.get(session, walk.issue.id).state not in issues.FINAL:
            issues.cancel(session, walk.issue, "enough", walk.now)
    assert counts(store, walk.issue).total == READERS


@pytest.mark.parametrize("seed", range(2))
def test_nobody_is_mailed_twice_while_no_batch_changes_hands(store: Store, seed: int) -> None:
    walk = Walk(store, seed)
    walk.take()
    while counts(store, walk.issue).open:
        walk.random.choices([walk.once, walk.leave, walk.hold_or_resume], [8, 1, 1])[0]()
    assert set(walk.mailed.values()) == {1}
    assert len(walk.mailed) + counts(store, walk.issue).withdrawn == READERS
