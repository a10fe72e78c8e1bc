"""Subscribers: how they come, leave, return, and are found. Every act is an event."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.address import address_key, suppression_key
from digest.model import Channel, Subscriber, SubscriberState
from digest.store import bounces
from digest.store.installation import permanent_key
from digest.store.tables import (
    DELIVERY,
    SUBSCRIBER,
    EventRow,
    IssueRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
)
from digest.subscription import Arrival, arrive


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """An address that an operator brings, in wire form, with the consent that is claimed for it."""

    email: str
    name: str = ""
    newsletter: str
    consent: str = "operator"
    channel: Channel = Channel.OPERATOR
    confirmed: bool = True
    confirmed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Who acts, and by which way: kept with the event, never longer than the privacy settings say."""

    channel: Channel
    issue_id: int | None = None
    ip: str = ""
    agent: str = ""


def add(session: Session, newcomers: list[Newcomer], now: datetime) -> list[tuple[Arrival, str]]:
    """Take in a chunk of addresses; give for each what it came to and why. Nobody is revived.

    One look-up a chunk, one insert a new address; the chunk's caller owns the transaction.
    """
    keys = [address_key(n.email) for n in newcomers]
    known = {
        row.address_key: row
        for row in session.exec(select(SubscriberRow).where(col(SubscriberRow.address_key).in_(set(keys))))
    }
    ids = [row.id for row in known.values()]
    members = {
        (m.newsletter, m.subscriber_id): m
        for m in session.exec(select(SubscriptionRow).where(col(SubscriptionRow.subscriber_id).in_(ids)))
    }
    secret = permanent_key(session)
    hashes = [suppression_key(n.email, secret) for n in newcomers]
    suppressed = set(
        session.exec(
            select(SuppressionRow.address_hash).where(col(SuppressionRow.address_hash).in_(set(hashes)))
        )
    )
    results, fresh = [], []
    for newcomer, key, digest in zip(newcomers, keys, hashes, strict=True):
        row = known.get(key)
        member = members.get((newcomer.newsletter, row.id or 0)) if row else None
        arrival, reason = arrive(
            state=row.state if row else None,
            subscribed=member is not None,
            left=member is not None and member.left_at is not None,
            suppressed=digest in suppressed,
            same_name=row is None or not newcomer.name or row.name == newcomer.name,
            confirmed=newcomer.confirmed,
        )
        if arrival is Arrival.ADDED:
            known[key] = _new(newcomer, key, now)
            fresh.append((newcomer, known[key]))
        elif arrival is Arrival.UPDATED and row is not None:
            _update(session, row, newcomer, now)
            if member is None and row.id is not None:
                members[newcomer.newsletter, row.id] = _join(session, row.id, newcomer, now)
            elif member is None:
                arrival, reason = Arrival.REFUSED, "the address stands twice in this file"
        results.append((arrival, reason))
    session.add_all(row for _, row in fresh)
    session.flush()
    for newcomer, row in fresh:
        assert row.id is not None
        _join(session, row.id, newcomer, now)
        session.add(
            EventRow(
                at=now,
                kind="subscriber.added",
                subscriber_id=row.id,
                newsletter=newcomer.newsletter,
                channel=newcomer.channel,
            )
        )
    session.flush()
    return results


def _new(newcomer: Newcomer, key: str, now: datetime) -> SubscriberRow:
    confirmed_at = (newcomer.confirmed_at or now) if newcomer.confirmed else None
    return SubscriberRow(
        email=newcomer.email,
        address_key=key,
        name=newcomer.name,
        state=SubscriberState.ACTIVE if newcomer.confirmed else SubscriberState.PENDING,
        created_at=now,
        confirmed_at=confirmed_at,
        consent=newcomer.consent,
    )


def _update(session: Session, row: SubscriberRow, newcomer: Newcomer, now: datetime) -> None:
    row.name = newcomer.name or row.name
    if row.state is SubscriberState.PENDING and newcomer.confirmed:
        row.state, row.confirmed_at, row.consent = SubscriberState.ACTIVE, now, newcomer.consent
    session.add(row)


def _join(session: Session, subscriber_id: int, newcomer: Newcomer, now: datetime) -> SubscriptionRow:
    member = SubscriptionRow(newsletter=newcomer.newsletter, subscriber_id=subscriber_id, created_at=now)
    session.add(member)
    return member


def leave(session: Session, subscriber_id: int, newsletters: list[str], visit: Visit, now: datetime) -> bool:
    """End a subscriber's membership of some newsletters at once; True where that changed anything.

    One who has no newsletter left is unsubscribed. Idempotent: every call is an event all the same.
    """
    row = session.get(SubscriberRow, subscriber_id, populate_existing=True)
    if row is None:
        return False
    members = session.exec(
        select(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id, col(SubscriptionRow.left_at).is_(None))
        .execution_options(populate_existing=True)
    ).all()
    ended = [member for member in members if member.newsletter in newsletters]
    for member in ended:
        member.left_at = now
        session.add(member)
    if ended and len(ended) == len(members) and row.state is not SubscriberState.SUPPRESSED:
        row.state, row.left_at = SubscriberState.UNSUBSCRIBED, now
        row.left_channel, row.left_issue_id = visit.channel, visit.issue_id
        session.add(row)
    for newsletter in newsletters:
        kind = "subscriber.left" if ended else "subscriber.left_again"
        session.add(_event(kind, subscriber_id, newsletter, visit, now))
    session.flush()
    return bool(ended)


def come_back(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> bool:
    """Undo a leaving, by the reader's own act; False where the reader is erased or suppressed."""
    row = session.get(SubscriberRow, subscriber_id, populate_existing=True)
    member = session.get(SubscriptionRow, (newsletter, subscriber_id), populate_existing=True)
    if (
        row is None
        or member is None
        or row.state not in (SubscriberState.UNSUBSCRIBED, SubscriberState.ACTIVE)
    ):
        return False
    if member.left_at is not None:
        member.left_at = None
        row.state, row.left_at, row.left_channel, row.left_issue_id = SubscriberState.ACTIVE, None, None, None
        session.add_all((row, member))
        session.add(_event("subscriber.returned", subscriber_id, newsletter, visit, now))
    session.flush()
    return True


def viewed(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> None:
    """Count a look at the unsubscribe page. Scanners fetch every link: it means nothing and does nothing."""
    session.add(_event("unsubscribe.viewed", subscriber_id, newsletter, visit, now))
    session.flush()


def _event(kind: str, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> EventRow:
    return EventRow(
        at=now,
        kind=kind,
        subscriber_id=subscriber_id,
        issue_id=visit.issue_id,
        newsletter=newsletter,
        channel=visit.channel,
        ip=visit.ip,
        agent=visit.agent[:300],
    )


def find(session: Session, email: str) -> Subscriber | None:
    """Give the subscriber of an address in wire form."""
    row = session.exec(
        select(SubscriberRow).where(SubscriberRow.address_key == address_key(email))
    ).one_or_none()
    return _value(session, row) if row else None


def get(session: Session, subscriber_id: int) -> Subscriber | None:
    """Give a subscriber by id; None where it was erased."""
    row = session.get(SubscriberRow, subscriber_id, populate_existing=True)
    return _value(session, row) if row else None


def _value(session: Session, row: SubscriberRow) -> Subscriber:
    assert row.id is not None
    members = session.exec(
        select(SubscriptionRow.newsletter)
        .where(SubscriptionRow.subscriber_id == row.id, col(SubscriptionRow.left_at).is_(None))
        .order_by(SubscriptionRow.newsletter)
    )
    issue = session.get(IssueRow, row.left_issue_id) if row.left_issue_id else None
    return Subscriber(
        id=row.id,
        email=row.email,
        state=row.state,
        name=row.name,
        newsletters=tuple(members),
        address_version=row.address_version,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        consent=row.consent,
        left_at=row.left_at,
        left_issue=issue.slot if issue else "",
        left_channel=row.left_channel,
    )


def each(
    session: Session, *, state: SubscriberState | None = None, after: int = 0, limit: int = 1000
) -> list[Subscriber]:
    """Give subscribers in the order of their ids, a page at a time: `after` is the last id seen."""
    query = select(SubscriberRow).where(col(SubscriberRow.id) > after).order_by(col(SubscriberRow.id))
    if state is not None:
        query = query.where(SubscriberRow.state == state)
    return [_value(session, row) for row in session.exec(query.limit(limit))]


def everyone(session: Session, *, state: SubscriberState | None = None) -> Iterator[Subscriber]:
    """Stream every subscriber in constant memory."""
    after = 0
    while page := each(session, state=state, after=after):
        yield from page
        after = page[-1].id
        session.expunge_all()


def by_state(session: Session) -> dict[SubscriberState, int]:
    """Count subscribers by state."""
    query = sa.select(SUBSCRIBER.c.state, sa.func.count()).group_by(SUBSCRIBER.c.state)
    counted = dict.fromkeys(SubscriberState, 0)
    counted.update({row.state: row.count for row in session.connection().execute(query)})
    return counted


def suppress(session: Session, email: str, evidence: bounces.Evidence, now: datetime) -> bool:
    """Never mail an address again, known or not; True where a subscriber had it."""
    row = session.exec(
        select(SubscriberRow).where(SubscriberRow.address_key == address_key(email))
    ).one_or_none()
    if row is None:
        bounces.remember(session, email, evidence, now)
        return False
    bounces.suppress(session, row, evidence, now)
    return True


def erase(session: Session, subscriber: Subscriber, now: datetime) -> None:
    """Remove an address everywhere. Deliveries keep their counts by id, events their acts without a person.

    A keyed hash stays, so that an import cannot bring the address back.
    """
    connection = session.connection()
    bounces.remember(session, subscriber.email, bounces.Evidence(reason="erased"), now)
    for table in (SubscriptionRow, SubscriberRow):
        column = SubscriptionRow.subscriber_id if table is SubscriptionRow else SubscriberRow.id
        connection.execute(sa.delete(table).where(col(column) == subscriber.id))
    connection.execute(
        sa.update(EventRow).where(col(EventRow.subscriber_id) == subscriber.id).values(ip="", agent="")
    )
    session.add(EventRow(at=now, kind="subscriber.erased", channel=Channel.OPERATOR))
    session.flush()


def deliveries_of(session: Session, subscriber_id: int, limit: int = 10) -> list[tuple[str, str, int]]:
    """Give a subscriber's latest deliveries as (issue's slot, newsletter, state's number), newest first."""
    query = (
        sa.select(col(IssueRow.slot), col(IssueRow.newsletter), DELIVERY.c.state)
        .join(DELIVERY, DELIVERY.c.issue_id == col(IssueRow.id))
        .where(DELIVERY.c.subscriber_id == subscriber_id)
        .order_by(col(IssueRow.due_at).desc())
        .limit(limit)
    )
    return [(slot, newsletter, state) for slot, newsletter, state in session.connection().execute(query)]
