"""Counts what came back from an address again and again. By its deliveries, since a 250 resets all else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.bounce.report import Kind
from digest.delivery.retry import suppress_after_disabled, suppress_after_soft
from digest.delivery.run import Came, Mailed, run
from digest.marks import Proof
from digest.model import DeliveryState
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import DELIVERY, EVENT, ISSUE, SubscriberRow

SOFT, DISABLED = "soft", "disabled"
"""What an issue's coming back counts as: a word in the ledger."""

LONGEST = 400
"""Issues that are looked at, of one reader: newsletters by the hour have no longer fortnight."""


def soft(session: Session, row: SubscriberRow, issue_id: int, now: datetime) -> bool:
    """Count that an issue came back soft; True where that is enough to give the address up."""
    times = _run(session, row, issue_id, SOFT, now)
    if not times:
        return False
    row.soft_bounces, row.first_soft_at = len(times), times[0]
    session.add(row)
    session.flush()
    return suppress_after_soft(len(times), times[0], times[-1])


def disabled(session: Session, row: SubscriberRow, issue_id: int, now: datetime) -> bool:
    """Count that an issue found the mailbox disabled, likewise, and with what a relay said to an issue."""
    times = _run(session, row, issue_id, DISABLED, now)
    if not times:
        return False
    row.disabled_at = min(times[0], row.disabled_at or times[0])
    session.add(row)
    session.flush()
    return suppress_after_disabled(row.disabled_at, times[-1])


def moved_at(session: Session, subscriber_id: int) -> datetime | None:
    """Give when a reader last took another address."""
    query = sa.select(sa.func.max(EVENT.c.at)).where(
        EVENT.c.subscriber_id == subscriber_id, EVENT.c.kind == "subscriber.address_changed"
    )
    found: datetime | None = session.connection().execute(query).scalar_one()
    return found


def _run(
    session: Session, row: SubscriberRow, issue_id: int, word: str, now: datetime
) -> tuple[datetime, ...]:
    assert row.id is not None
    back = _back(session, row.id)
    back.setdefault(issue_id, set()).add(word)
    mailed = [
        Mailed(issue_id=one.issue_id, at=one.at or now, came=_came(one, word, back.get(one.issue_id, set())))
        for one in _deliveries(session, row.id)
    ]
    return run(mailed[::-1], issue_id, now)


def _back(session: Session, subscriber_id: int) -> dict[int, set[str]]:
    """Give the issues that came back from a reader, each with what that has caused."""
    # What anybody may have written, and nobody has believed, does not make an acceptance doubtful.
    believed = (RETURNED_ABOUT.c.effect != "") | (RETURNED_ABOUT.c.proof != Proof.ADDRESS.value)
    query = (
        sa.select(RETURNED_ABOUT.c.issue_id, RETURNED_ABOUT.c.effect)
        .join(RETURNED, RETURNED.c.id == RETURNED_ABOUT.c.returned_id)
        .where(
            RETURNED_ABOUT.c.subscriber_id == subscriber_id,
            RETURNED_ABOUT.c.issue_id.is_not(None),
            RETURNED.c.kind == Kind.BOUNCE.value,
            believed,
        )
    )
    found: dict[int, set[str]] = {}
    for issue_id, effect in session.connection().execute(query):
        found.setdefault(issue_id, set()).add(effect)
    return found


@dataclass(frozen=True, kw_only=True)
class _Delivery:
    issue_id: int
    accepted: bool
    soft: bool
    at: datetime | None


def _deliveries(session: Session, subscriber_id: int) -> Iterator[_Delivery]:
    """Give a reader's deliveries to the present address, the newest issue first."""
    moved = moved_at(session, subscriber_id)
    query = (
        sa.select(DELIVERY)
        .join(ISSUE, ISSUE.c.id == DELIVERY.c.issue_id)
        .where(DELIVERY.c.subscriber_id == subscriber_id)
        .order_by(ISSUE.c.id.desc())
        .limit(LONGEST)
    )
    for row in session.connection().execute(query):
        if not row.first_at:
            continue
        if moved is not None and row.first_at <= moved.timestamp():
            return
        yield _Delivery(
            issue_id=row.issue_id,
            accepted=row.state == DeliveryState.ACCEPTED.value,
            soft=bool(row.soft),
            at=datetime.fromtimestamp(row.at, UTC) if row.at else None,
        )


def _came(one: _Delivery, word: str, effects: set[str]) -> Came:
    if word in effects or (word == SOFT and one.soft and not one.accepted):
        return Came.BACK
    return Came.TAKEN if one.accepted and not effects else Came.UNTOLD
