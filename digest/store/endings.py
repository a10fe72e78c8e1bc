"""How an issue ended, by reason. The database groups: a hundred thousand refusals are a few lines."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import DeliveryState
from digest.store.tables import DELIVERY, DELIVERY_REPLY, SUBSCRIBER
from digest.store.undelivered import why_withdrawn

FAILED = (DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN)

STATUS_CHARACTERS = 10
"""Of a reply: `550 5.1.1`, `550 5.7.26`. What follows names people and machines, and differs each time."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Deliveries that ended in the same way. `reply` is one of their replies, whole."""

    state: DeliveryState
    count: int
    kind: str
    reply: str = ""


def endings(session: Session, issue_id: int) -> list[Ending]:
    """Give why deliveries of an issue were not accepted, the most frequent first."""
    status = sa.func.substr(DELIVERY_REPLY.c.reply, 1, STATUS_CHARACTERS)
    with_reply = DELIVERY.outerjoin(
        DELIVERY_REPLY,
        (DELIVERY_REPLY.c.issue_id == DELIVERY.c.issue_id)
        & (DELIVERY_REPLY.c.subscriber_id == DELIVERY.c.subscriber_id),
    )
    failed = (
        sa.select(
            DELIVERY.c.state,
            DELIVERY_REPLY.c.kind,
            sa.func.count().label("deliveries"),
            sa.func.min(DELIVERY_REPLY.c.reply).label("reply"),
        )
        .select_from(with_reply)
        .where(DELIVERY.c.issue_id == issue_id, DELIVERY.c.state.in_([state.value for state in FAILED]))
        .group_by(DELIVERY.c.state, DELIVERY_REPLY.c.kind, status)
    )
    found = [
        Ending(
            state=DeliveryState(row.state), count=row.deliveries, kind=row.kind or "", reply=row.reply or ""
        )
        for row in session.connection().execute(failed)
    ]
    return sorted([*found, *_withdrawn(session, issue_id)], key=lambda one: (-one.count, one.kind, one.reply))


def _withdrawn(session: Session, issue_id: int) -> list[Ending]:
    query = (
        sa.select(SUBSCRIBER.c.state, sa.func.count().label("deliveries"))
        .select_from(DELIVERY.outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id))
        .where(DELIVERY.c.issue_id == issue_id, DELIVERY.c.state == DeliveryState.WITHDRAWN.value)
        .group_by(SUBSCRIBER.c.state)
    )
    return [
        Ending(state=DeliveryState.WITHDRAWN, count=row.deliveries, kind=why_withdrawn(row.state))
        for row in session.connection().execute(query)
    ]
