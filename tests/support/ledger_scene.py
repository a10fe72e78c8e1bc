"""Short ways to set a scene in the ledger: readers, an issue, a batch that is being sent."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from digest.model import Counts, DeliveryState, Issue, IssueState, Slot
from digest.store import issues, ledger, subscribers
from digest.store.database import Store
from digest.store.ledger import Batch, Row
from digest.store.subscribers import Newcomer
from digest.store.tick import Result, Ticked, Turn, tick

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SLOT = Slot(name="2026-11-24T07:00", instant=NOW)


def readers(store: Store, count: int, *, newsletter: str = "daily", first: int = 1) -> list[int]:
    """Add `reader1@ledger.example` and so on; give their ids."""
    emails = [f"reader{number}@ledger.example" for number in range(first, first + count)]
    with store.write() as session:
        subscribers.add(session, [Newcomer(email=email, newsletter=newsletter) for email in emails], NOW)
    with store.read() as session:
        found = [subscribers.find(session, email) for email in emails]
    return [reader.id for reader in found if reader is not None]


def draft(store: Store, *, newsletter: str = "daily", slot: Slot = SLOT) -> Issue:
    with store.write() as session:
        return issues.open_draft(session, newsletter, slot, NOW)


def frozen(store: Store, *, newsletter: str = "daily", slot: Slot = SLOT) -> Issue:
    issue = draft(store, newsletter=newsletter, slot=slot)
    with store.write() as session:
        return ledger.freeze(session, issue, NOW)


def sending(store: Store, *, newsletter: str = "daily", slot: Slot = SLOT) -> Issue:
    issue = frozen(store, newsletter=newsletter, slot=slot)
    with store.write() as session:
        moved = issues.move(session, issue, IssueState.SENDING, NOW, allowed=(IssueState.FROZEN,))
    assert moved is not None
    return moved


def take(store: Store, issue: Issue, seq: int = 0, *, ask: bool = False, now: datetime = NOW) -> Batch:
    with store.write() as session:
        return ledger.take(session, issue, seq, ask=ask, now=now)


def due(store: Store, batch: Batch, now: datetime = NOW) -> list[Row]:
    with store.read() as session:
        return ledger.rows(session, batch, ledger.epoch(now))


def turn(
    store: Store,
    batch: Batch,
    *,
    results: Iterable[Result] = (),
    claim: Sequence[Row] = (),
    now: datetime = NOW,
) -> Ticked:
    with store.write() as session:
        return tick(
            session, batch.issue_id, [Turn(batch=batch, results=tuple(results), claim=tuple(claim))], now
        )


def claim_all(store: Store, batch: Batch, now: datetime = NOW) -> list[int]:
    """Claim whatever is due; give the ids that were got."""
    got = turn(store, batch, claim=due(store, batch, now), now=now)
    return [row.recipient.id for row in got.claimed.get(batch.seq, [])]


def accepted(*ids: int) -> list[Result]:
    return [Result(subscriber_id=one, state=DeliveryState.ACCEPTED, code=250) for one in ids]


def counts(store: Store, issue: Issue) -> Counts:
    with store.read() as session:
        return issues.counts(session, issue.id)


def state(store: Store, issue: Issue) -> IssueState:
    with store.read() as session:
        return issues.get(session, issue.id).state
