"""Shows what came back: the latest of it, one of it whole, and all that counts against an address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import suppression_key
from digest.bounce.report import Kind, Verdict
from digest.marks import Proof
from digest.model import DeliveryState
from digest.store.installation import permanent_key
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import DELIVERY, DELIVERY_REPLY, ISSUE, SUBSCRIBER, SUPPRESSION, SubscriberRow

NOT_ACCEPTED = (DeliveryState.PENDING, DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Whom:
    """One address that something is about, and what that has caused."""

    email: str
    """The reader's present address; empty where it is nobody's, or of one who was erased."""
    domain: str
    """Of the address that was written to."""
    newsletter: str
    slot: str
    """Of the issue that came back; empty where it is not known."""
    verdict: Verdict
    status: str
    reason: str
    evidence: str
    proof: Proof
    effect: str
    """What it has caused, in a word; empty: nothing."""


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A mail that came back, or an event of a provider's."""

    id: int
    at: datetime
    source: str
    kind: Kind
    reason: str
    is_kept: bool
    """Whether its raw text still is there."""
    recipients: tuple[Whom, ...]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which of what came back is wanted. What is not said is free."""

    kind: Kind | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    newsletter: str = ""
    issue_id: int | None = None
    subscriber_id: int | None = None


def listing(session: Session, wanted: Filter, limit: int | None) -> list[Returned]:
    """Give the latest of what came back, the newest first."""
    query = _told().order_by(RETURNED.c.id.desc()).limit(limit)
    if wanted.kind is not None:
        query = query.where(RETURNED.c.kind == wanted.kind.value)
    if wanted.since is not None:
        query = query.where(RETURNED.c.at >= wanted.since)
    if of_whom := _of_whom(wanted):
        ids = sa.select(RETURNED_ABOUT.c.returned_id).where(*of_whom)
        query = query.where(RETURNED.c.id.in_(ids))
    return _whole(session, query)


def _of_whom(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    about, found = RETURNED_ABOUT.c, []
    if wanted.verdict is not None:
        found.append(about.verdict == wanted.verdict.value)
    if wanted.newsletter:
        issues = sa.select(ISSUE.c.id).where(ISSUE.c.newsletter == wanted.newsletter)
        found.append(about.issue_id.in_(issues))
    if wanted.issue_id is not None:
        found.append(about.issue_id == wanted.issue_id)
    if wanted.subscriber_id is not None:
        found.append(about.subscriber_id == wanted.subscriber_id)
    return found


def get(session: Session, returned_id: int) -> Returned | None:
    """Give one by its id."""
    found = _whole(session, _told().where(RETURNED.c.id == returned_id))
    return found[0] if found else None


def raw(session: Session, returned_id: int) -> bytes | None:
    """Give the text of one as it came; None where it is not kept any more."""
    query = sa.select(RETURNED.c.raw).where(RETURNED.c.id == returned_id)
    return session.connection().execute(query).scalar_one_or_none()


def _told() -> sa.Select[Any]:
    """Select all but the raw text, which may be long."""
    columns = [RETURNED.c[name] for name in ("id", "at", "source", "kind", "reason")]
    return sa.select(*columns, RETURNED.c.raw.is_not(None).label("is_kept"))


def _whole(session: Session, query: sa.Select[Any]) -> list[Returned]:
    """Run a query of what came back, and add to each whom it was about."""
    connection = session.connection()
    found = connection.execute(query).all()
    about = (
        sa.select(RETURNED_ABOUT, SUBSCRIBER.c.email, ISSUE.c.newsletter, ISSUE.c.slot)
        .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == RETURNED_ABOUT.c.subscriber_id)
        .outerjoin(ISSUE, ISSUE.c.id == RETURNED_ABOUT.c.issue_id)
        .where(RETURNED_ABOUT.c.returned_id.in_([row.id for row in found]))
        .order_by(RETURNED_ABOUT.c.place)
    )
    recipients: dict[int, list[Whom]] = {}
    for row in connection.execute(about):
        recipients.setdefault(row.returned_id, []).append(_whom(row))
    return [
        Returned(
            id=row.id,
            at=row.at,
            source=row.source,
            kind=Kind(row.kind),
            reason=row.reason,
            is_kept=bool(row.is_kept),
            recipients=tuple(recipients.get(row.id, ())),
        )
        for row in found
    ]


def _whom(row: sa.Row[Any]) -> Whom:
    return Whom(
        email=row.email or "",
        domain=row.domain,
        newsletter=row.newsletter or "",
        slot=row.slot or "",
        verdict=Verdict(row.verdict),
        status=row.status,
        reason=row.reason,
        evidence=row.evidence,
        proof=Proof(row.proof),
        effect=row.effect,
    )


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """Why an address is never mailed, and since when."""

    reason: str
    evidence: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A delivery that a relay has not accepted, or not yet. `reply` is what it said last."""

    newsletter: str
    slot: str
    state: str
    """A delivery's, in small letters."""
    kind: str
    reply: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that counts against an address; the lists are newest first."""

    suppression: Suppression | None = None
    soft_bounces: int = 0
    first_soft_at: datetime | None = None
    disabled_at: datetime | None = None
    returned: Sequence[Returned] = ()
    refusals: Sequence[Refusal] = ()


def against(session: Session, email: str, subscriber_id: int | None) -> Case:
    """Give what counts against an address, and against its subscriber where it has one."""
    suppression = _suppression(session, email)
    if subscriber_id is None:
        return Case(suppression=suppression)
    row = session.get_one(SubscriberRow, subscriber_id)
    return Case(
        suppression=suppression,
        soft_bounces=row.soft_bounces,
        first_soft_at=row.first_soft_at,
        disabled_at=row.disabled_at,
        returned=listing(session, Filter(subscriber_id=subscriber_id), None),
        refusals=_refusals(session, subscriber_id),
    )


def _suppression(session: Session, email: str) -> Suppression | None:
    key = suppression_key(email, permanent_key(session))
    row = (
        session.connection().execute(sa.select(SUPPRESSION).where(SUPPRESSION.c.address_hash == key)).first()
    )
    return Suppression(reason=row.reason, evidence=row.evidence, at=row.at) if row else None


def _refusals(session: Session, subscriber_id: int) -> list[Refusal]:
    reply = (DELIVERY_REPLY.c.issue_id == ISSUE.c.id) & (DELIVERY_REPLY.c.subscriber_id == subscriber_id)
    query = (
        sa.select(ISSUE.c.newsletter, ISSUE.c.slot, DELIVERY.c.state, DELIVERY_REPLY)
        .join(DELIVERY, DELIVERY.c.issue_id == ISSUE.c.id)
        .join(DELIVERY_REPLY, reply)
        .where(DELIVERY.c.subscriber_id == subscriber_id)
        .where(DELIVERY.c.state.in_([state.value for state in NOT_ACCEPTED]))
        .order_by(DELIVERY_REPLY.c.at.desc(), ISSUE.c.id.desc())
    )
    return [
        Refusal(
            newsletter=row.newsletter,
            slot=row.slot,
            state=DeliveryState(row.state).name.lower(),
            kind=row.kind,
            reply=row.reply,
            at=row.at,
        )
        for row in session.connection().execute(query)
    ]
