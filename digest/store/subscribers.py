"""Subscribers: how they come, leave, return, and are found. Every act is an event."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from digest.address import address_key
from digest.model import Channel, Subscriber, SubscriberState
from digest.store import bounces, departures, intake, roll
from digest.store.prepared import hand
from digest.store.tables import SUBSCRIBER, EventRow, SubscriberRow, SubscriptionRow
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

    A handful of statements a chunk; the chunk's caller owns the transaction. Every address, every new
    membership and every consent is an event: that is its proof.
    """
    keys = [address_key(newcomer.email) for newcomer in newcomers]
    people, banned = intake.known(session, keys), intake.suppressed(session, keys)
    changes = _Changes()
    results = []
    for newcomer, key in zip(newcomers, keys, strict=True):
        person = people.get(key)
        arrival, reason = arrive(
            state=person.state if person else None,
            subscribed=person is not None and newcomer.newsletter in person.members,
            left=person is not None and person.members.get(newcomer.newsletter, False),
            suppressed=key in banned,
            same_name=person is None or newcomer.name in ("", person.name),
            confirmed=newcomer.confirmed,
        )
        if arrival is Arrival.ADDED:
            people[key] = changes.new(newcomer, key, now)
        elif arrival is Arrival.UPDATED and person is not None:
            changes.update(person, newcomer, key, now)
        results.append((arrival, reason))
    lost = _write(session, changes, people, now)
    beaten = (Arrival.UNCHANGED, "another import brought the address at the same moment")
    return [beaten if key in lost else result for key, result in zip(keys, results, strict=True)]


@dataclass(kw_only=True)
class _Changes:
    """What a chunk comes to, gathered before anything is written; people by their address's key."""

    fresh: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    consents: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    joined: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    events: dict[intake.Happened, list[str]] = field(default_factory=lambda: defaultdict(list))

    def new(self, newcomer: Newcomer, key: str, now: datetime) -> intake.Known:
        state = SubscriberState.ACTIVE if newcomer.confirmed else SubscriberState.PENDING
        self.fresh[key] = {
            "email": newcomer.email,
            "address_key": key,
            "name": newcomer.name,
            "state": state,
            "confirmed_at": (newcomer.confirmed_at or now) if newcomer.confirmed else None,
            "consent": newcomer.consent,
        }
        self.joined[newcomer.newsletter].append(key)
        self._note("subscriber.added", newcomer, key)
        return intake.Known(state=state, name=newcomer.name, members={newcomer.newsletter: False})

    def update(self, person: intake.Known, newcomer: Newcomer, key: str, now: datetime) -> None:
        if newcomer.name not in ("", person.name):
            person.name = self.names[key] = newcomer.name
        if person.state is SubscriberState.PENDING and newcomer.confirmed:
            person.state = SubscriberState.ACTIVE
            self.consents[key] = (newcomer.confirmed_at or now, newcomer.consent)
            self._note("subscriber.confirmed", newcomer, key)
        if newcomer.newsletter not in person.members:
            person.members[newcomer.newsletter] = False
            self.joined[newcomer.newsletter].append(key)
            self._note("subscriber.joined", newcomer, key)

    def _note(self, kind: str, newcomer: Newcomer, key: str) -> None:
        event = intake.Happened(kind=kind, newsletter=newcomer.newsletter, channel=newcomer.channel)
        self.events[event].append(key)


def _write(session: Session, changes: _Changes, people: dict[str, intake.Known], now: datetime) -> set[str]:
    """Write a chunk; give the keys of new addresses with which another process was faster."""
    made = intake.insert_subscribers(session, list(changes.fresh.values()), now)
    lost = changes.fresh.keys() - made.keys()
    ids = {key: person.id or made[key] for key, person in people.items() if key not in lost}
    for newsletter, keys in changes.joined.items():
        intake.join(session, newsletter, [ids[key] for key in keys if key in ids], now)
    intake.rename(session, {ids[key]: name for key, name in changes.names.items() if key in ids})
    intake.confirm(session, {ids[key]: how for key, how in changes.consents.items() if key in ids})
    for event, keys in changes.events.items():
        intake.note(session, event, [ids[key] for key in keys if key in ids], now)
    return lost


def leave(session: Session, subscriber_id: int, newsletters: list[str], visit: Visit, now: datetime) -> bool:
    """End a subscriber's membership of some newsletters at once; True where that changed anything.

    One who has no newsletter left is unsubscribed. Idempotent: every call is an event all the same.
    """
    session.flush()
    beneath = hand(session)
    one = departures.person(beneath, subscriber_id)
    if one is None:
        return False
    act = departures.Act(
        at=now, channel=visit.channel, issue_id=visit.issue_id, ip=visit.ip, agent=visit.agent
    )
    return bool(departures.leave(beneath, one, newsletters, act))


def come_back(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> bool:
    """Undo a leaving, by the reader's own act; False where the reader is erased or suppressed.

    One who had never confirmed is as pending as before.
    """
    row = locked(session, subscriber_id)
    member = session.get(SubscriptionRow, (newsletter, subscriber_id), populate_existing=True)
    if row is None or member is None or row.state is SubscriberState.SUPPRESSED:
        return False
    if member.left_at is not None:
        member.left_at = None
        row.state = SubscriberState.ACTIVE if row.confirmed_at else SubscriberState.PENDING
        row.left_at, row.left_channel, row.left_issue_id = None, None, None
        session.add_all((row, member))
        session.add(event("subscriber.returned", subscriber_id, newsletter, visit, now))
    session.flush()
    return True


def locked(session: Session, subscriber_id: int) -> SubscriberRow | None:
    """Read a subscriber as it is now and keep other writers off it until the end of the transaction."""
    return session.get(SubscriberRow, subscriber_id, populate_existing=True, with_for_update=True)


def viewed(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> None:
    """Count a look at the unsubscribe page. Scanners fetch every link: it means nothing and does nothing."""
    session.add(event("unsubscribe.viewed", subscriber_id, newsletter, visit, now))
    session.flush()


def event(
    kind: str, subscriber_id: int, newsletter: str, visit: Visit, now: datetime, *, detail: str = ""
) -> EventRow:
    """Give the event of a reader's act."""
    return EventRow(
        at=now,
        kind=kind,
        subscriber_id=subscriber_id,
        issue_id=visit.issue_id,
        newsletter=newsletter,
        channel=visit.channel,
        ip=visit.ip,
        agent=visit.agent[: departures.AGENT_CHARACTERS],
        detail=detail,
    )


def find(session: Session, email: str) -> Subscriber | None:
    """Give the subscriber of an address in wire form."""
    return _one(session, SUBSCRIBER.c.address_key == address_key(email))


def get(session: Session, subscriber_id: int) -> Subscriber | None:
    """Give a subscriber by id; None where it was erased."""
    return _one(session, SUBSCRIBER.c.id == subscriber_id)


def _one(session: Session, where: sa.ColumnElement[bool]) -> Subscriber | None:
    found = roll.page(session, where, limit=1)
    return found[0] if found else None


def each(
    session: Session, *, state: SubscriberState | None = None, after: int = 0, limit: int = 1000
) -> list[Subscriber]:
    """Give subscribers in the order of their ids, a page at a time: `after` is the last id seen."""
    alike = sa.true() if state is None else SUBSCRIBER.c.state == state
    return roll.page(session, SUBSCRIBER.c.id > after, alike, limit=limit)


def everyone(session: Session, *, state: SubscriberState | None = None) -> Iterator[Subscriber]:
    """Stream every subscriber in constant memory."""
    after = 0
    while page := each(session, state=state, after=after):
        yield from page
        after = page[-1].id


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
