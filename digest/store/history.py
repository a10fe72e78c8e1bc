"""Everything that is held about one reader: for the reader who asks, and for the day an angry one writes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import Channel, DeliveryState
from digest.store import returns
from digest.store.reader_tables import AddressChangeRow, ReaderMailRow
from digest.store.returns import Filter, Returned
from digest.store.tables import DELIVERY, DELIVERY_REPLY, EVENT, ISSUE, SubscriberRow, SubscriptionRow


@dataclass(frozen=True, kw_only=True)
class Membership:
    """A newsletter that the reader gets, or got."""

    newsletter: str
    since: datetime
    left_at: datetime | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One act of the reader's, or of ours towards them. `slot` is the issue whose link was used."""

    at: datetime
    kind: str
    newsletter: str = ""
    slot: str = ""
    channel: Channel | None = None
    ip: str = ""
    agent: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Mailed:
    """An issue's delivery to the reader. `state` is a delivery's, in small letters; `reply` the relay's."""

    newsletter: str
    slot: str
    state: str
    at: datetime | None = None
    reply: str = ""


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A mail to this reader alone."""

    kind: str
    queued_at: datetime
    sent_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class History:
    """All of it; what happens again and again is listed from the newest to the oldest."""

    language: str
    consent_ip: str
    consent_agent: str
    consent_form: str
    consent_text: str
    confirmed_ip: str
    soft_bounces: int
    first_soft_at: datetime | None
    disabled_at: datetime | None
    new_address: str
    memberships: tuple[Membership, ...]
    events: tuple[Happening, ...]
    deliveries: tuple[Mailed, ...]
    returned: tuple[Returned, ...]
    """What came back from the reader's mailbox, or its provider."""
    mails: tuple[Alone, ...]


def read(session: Session, subscriber_id: int, *, limit: int | None = None) -> History | None:
    """Give what is held about a reader beside the subscriber's own value; None where that was erased.

    `limit` is how many events, and how many deliveries, at most.
    """
    row = session.get(SubscriberRow, subscriber_id, populate_existing=True)
    if row is None:
        return None
    waits = session.get(AddressChangeRow, subscriber_id)
    return History(
        language=row.language,
        consent_ip=row.consent_ip,
        consent_agent=row.consent_agent,
        consent_form=row.consent_form,
        consent_text=row.consent_text,
        confirmed_ip=row.confirmed_ip,
        soft_bounces=row.soft_bounces,
        first_soft_at=row.first_soft_at,
        disabled_at=row.disabled_at,
        new_address=waits.email if waits else "",
        memberships=_memberships(session, subscriber_id),
        events=_events(session, subscriber_id, limit),
        deliveries=deliveries(session, subscriber_id, limit),
        returned=tuple(returns.listing(session, Filter(subscriber_id=subscriber_id), limit)),
        mails=_mails(session, subscriber_id),
    )


def deliveries(session: Session, subscriber_id: int, limit: int | None = None) -> tuple[Mailed, ...]:
    """Give a reader's deliveries, as far as they are kept."""
    reply = (DELIVERY_REPLY.c.issue_id == ISSUE.c.id) & (DELIVERY_REPLY.c.subscriber_id == subscriber_id)
    query = (
        sa.select(ISSUE.c.newsletter, ISSUE.c.slot, DELIVERY.c.state, DELIVERY.c.at, DELIVERY_REPLY.c.reply)
        .join(DELIVERY, DELIVERY.c.issue_id == ISSUE.c.id)
        .outerjoin(DELIVERY_REPLY, reply)
        .where(DELIVERY.c.subscriber_id == subscriber_id)
        .order_by(ISSUE.c.due_at.desc(), ISSUE.c.id.desc())
        .limit(limit)
    )
    return tuple(
        Mailed(
            newsletter=row.newsletter,
            slot=row.slot,
            state=DeliveryState(row.state).name.lower(),
            at=datetime.fromtimestamp(row.at, UTC) if row.at else None,
            reply=row.reply or "",
        )
        for row in _rows(session, query)
    )


def _events(session: Session, subscriber_id: int, limit: int | None) -> tuple[Happening, ...]:
    query = (
        sa.select(EVENT, ISSUE.c.slot)
        .outerjoin(ISSUE, ISSUE.c.id == EVENT.c.issue_id)
        .where(EVENT.c.subscriber_id == subscriber_id)
        .order_by(EVENT.c.id.desc())
        .limit(limit)
    )
    return tuple(
        Happening(
            at=row.at,
            kind=row.kind,
            newsletter=row.newsletter,
            slot=row.slot or "",
            channel=row.channel,
            ip=row.ip,
            agent=row.agent,
            detail=row.detail,
        )
        for row in _rows(session, query)
    )


def _memberships(session: Session, subscriber_id: int) -> tuple[Membership, ...]:
    query = select(SubscriptionRow).where(SubscriptionRow.subscriber_id == subscriber_id)
    return tuple(
        Membership(
            newsletter=row.newsletter,
            since=row.created_at,
            left_at=row.left_at,
            paused_until=row.paused_until,
        )
        for row in session.exec(query.order_by(SubscriptionRow.newsletter))
    )


def _mails(session: Session, subscriber_id: int) -> tuple[Alone, ...]:
    query = select(ReaderMailRow).where(ReaderMailRow.subscriber_id == subscriber_id)
    return tuple(
        Alone(kind=row.kind, queued_at=row.created_at, sent_at=row.sent_at, used_at=row.used_at)
        for row in session.exec(query.order_by(col(ReaderMailRow.id).desc()))
    )


def _rows(session: Session, query: sa.Select[Any]) -> sa.CursorResult[Any]:
    return session.connection().execute(query)
