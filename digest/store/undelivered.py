"""Tells who did not get an issue, and why; and who may have got it twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import DeliveryState, SubscriberState
from digest.store.tables import DELIVERY, DELIVERY_REPLY, SUBSCRIBER

FAILED = (DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN, DeliveryState.WITHDRAWN)

PAGE_ROWS = 1000


class Undelivered(NamedTuple):
    """A delivery that was not accepted, or not yet."""

    email: str
    """Empty where the subscriber was erased."""
    state: DeliveryState
    code: int
    """The last reply's code, 0 where there was none."""
    kind: str
    """What the reply meant; for a withdrawn one why it was."""
    reply: str
    at: datetime | None
    """When its state last changed, or None before its first attempt."""
    next_at: datetime | None
    """When a deferred one is tried again."""


def undelivered(session: Session, issue_id: int) -> Iterator[Undelivered]:
    """Stream an issue's refused, expired, unknown, withdrawn and deferred deliveries, by subscriber's id."""
    deferred = (DELIVERY.c.state == DeliveryState.PENDING.value) & (DELIVERY.c.next_at > 0)
    failed = DELIVERY.c.state.in_([state.value for state in FAILED])
    return _listed(session, issue_id, failed | deferred)


def doubtful(session: Session, issue_id: int) -> Iterator[Undelivered]:
    """Stream those deliveries of an issue, in whatever state, that may have been mailed twice."""
    return _listed(session, issue_id, DELIVERY.c.doubtful == 1)


def _listed(session: Session, issue_id: int, wanted: sa.ColumnElement[bool]) -> Iterator[Undelivered]:
    told = DELIVERY.outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id).outerjoin(
        DELIVERY_REPLY,
        (DELIVERY_REPLY.c.issue_id == DELIVERY.c.issue_id)
        & (DELIVERY_REPLY.c.subscriber_id == DELIVERY.c.subscriber_id),
    )
    query = (
        sa.select(
            DELIVERY.c.subscriber_id,
            SUBSCRIBER.c.email,
            SUBSCRIBER.c.state.label("standing"),
            DELIVERY.c.state,
            DELIVERY.c.code,
            DELIVERY_REPLY.c.kind,
            DELIVERY_REPLY.c.reply,
            DELIVERY.c.at,
            DELIVERY.c.next_at,
        )
        .select_from(told)
        .where(DELIVERY.c.issue_id == issue_id, wanted)
        .order_by(DELIVERY.c.subscriber_id)
        .limit(PAGE_ROWS)
    )
    after = 0
    while page := session.connection().execute(query.where(DELIVERY.c.subscriber_id > after)).all():
        for row in page:
            yield Undelivered(
                email=row.email or "",
                state=(state := DeliveryState(row.state)),
                code=row.code,
                kind=why_withdrawn(row.standing) if state is DeliveryState.WITHDRAWN else row.kind or "",
                reply=row.reply or "",
                at=datetime.fromtimestamp(row.at, UTC) if row.at else None,
                next_at=datetime.fromtimestamp(row.next_at, UTC)
                if row.next_at and state is DeliveryState.PENDING
                else None,
            )
        after = page[-1].subscriber_id


def why_withdrawn(standing: SubscriberState | None) -> str:
    """Say why a delivery was withdrawn, by what has become of its subscriber."""
    match standing:
        case None:
            return "erased"
        case SubscriberState.UNSUBSCRIBED:
            return "has left"
        case SubscriberState.SUPPRESSED:
            return "suppressed"
        case _:
            return "not mailed: the issue was cancelled, or its reader has left or paused this newsletter"
