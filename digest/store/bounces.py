"""What evidence against an address does to its subscriber. Only a subscriber's own failures come here."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import suppression_key
from digest.delivery.retry import suppress_after_disabled, suppress_after_soft
from digest.model import Channel, Recipient, SubscriberState
from digest.store.database import insert_for
from digest.store.installation import permanent_key
from digest.store.tables import SUBSCRIBER, SUPPRESSION, EventRow, SubscriberRow


class Effect(Enum):
    """What a delivery's result does to its subscriber."""

    NONE = "none"
    CLEAR = "clear"
    """Accepted: what counted against the address is forgotten."""
    SOFT = "soft"
    DISABLED = "disabled"
    SUPPRESS = "suppress"


def clear(session: Session, subscriber_id: int, asked: Recipient | None = None) -> None:
    """Forget what counted against an address: it has just accepted, unless `asked` has another one now."""
    same = (SUBSCRIBER.c.address_version == asked.address_version,) if asked else ()
    session.connection().execute(
        sa.update(SUBSCRIBER)
        .where(SUBSCRIBER.c.id == subscriber_id, *same)
        .values(soft_bounces=0, first_soft_at=None, disabled_at=None)
    )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why an address is not mailed again: in a word, in the words of whoever said so, and from where."""

    reason: str
    text: str = ""
    issue_id: int | None = None
    channel: Channel = Channel.BOUNCE
    asked: Recipient | None = None
    """Whom it is about, with the address that failed; None where that is the one he has now."""


def blame(session: Session, subscriber_id: int, effect: Effect, evidence: Evidence, now: datetime) -> None:
    """Count a failure that is the address's own, and suppress the address where that is enough.

    Against an address that its reader has taken since, it says nothing.
    """
    row = session.get(SubscriberRow, subscriber_id, populate_existing=True, with_for_update=True)
    if row is None:
        return
    asked = evidence.asked
    if asked is not None and asked.address_version != row.address_version:
        if effect is Effect.SUPPRESS:
            # Its words repeat an address that no erasure would find.
            remember(session, asked.email, replace(evidence, text=""), now)
        return
    enough = effect is Effect.SUPPRESS
    if effect is Effect.SOFT:
        row.soft_bounces += 1
        row.first_soft_at = row.first_soft_at or now
        enough = suppress_after_soft(row.soft_bounces, row.first_soft_at, now)
    elif effect is Effect.DISABLED:
        enough = suppress_after_disabled(row.disabled_at, now)
        row.disabled_at = row.disabled_at or now
    session.add(row)
    if enough and row.state is not SubscriberState.SUPPRESSED:
        suppress(session, row, evidence, now)
    session.flush()


def suppress(session: Session, row: SubscriberRow, evidence: Evidence, now: datetime) -> None:
    """Never mail this address again. Kept by keyed hash too, so that it outlives erasure and import."""
    row.state = SubscriberState.SUPPRESSED
    if row.left_at is None:
        row.left_at, row.left_channel, row.left_issue_id = now, evidence.channel, evidence.issue_id
    session.add(row)
    remember(session, row.email, evidence, now)
    session.add(
        EventRow(
            at=now,
            kind="subscriber.suppressed",
            subscriber_id=row.id,
            issue_id=evidence.issue_id,
            channel=evidence.channel,
            detail=evidence.reason,
        )
    )
    session.flush()


def remember(session: Session, email: str, evidence: Evidence, now: datetime) -> None:
    """Keep an address's hash among the suppressions."""
    insert = insert_for(session)(SUPPRESSION).values(
        address_hash=suppression_key(email, permanent_key(session)),
        reason=evidence.reason,
        evidence=evidence.text,
        at=now,
    )
    session.connection().execute(insert.on_conflict_do_nothing())
