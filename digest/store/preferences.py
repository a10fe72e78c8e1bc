"""What a reader chooses: newsletters, pauses, a language. Every act is an event, and idempotent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import Subscriber, SubscriberState
from digest.store import subscribers
from digest.store.reader_tables import AddressChangeRow
from digest.store.subscribers import Visit
from digest.store.tables import SUBSCRIBER, SubscriptionRow

CHANGE_GOOD_FOR = timedelta(days=7)
"""How long a new address can be confirmed. After that it is forgotten."""


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """A reader and what they have chosen."""

    subscriber: Subscriber
    language: str
    """BCP 47; empty: the site's."""
    paused: Mapping[str, datetime]
    """Until when, by newsletter; those that are over are not among them."""
    new_address: str
    """The one that waits to be confirmed; empty where none does."""

    @property
    def paused_until(self) -> datetime | None:
        """When mail of everything that is read comes again; None where nothing is paused."""
        return max(self.paused.values(), default=None)


def read(session: Session, subscriber_id: int, now: datetime) -> Preferences | None:
    """Give what a reader has chosen; None where the reader was erased."""
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None:
        return None
    waits = session.get(AddressChangeRow, subscriber_id, populate_existing=True)
    paused = _members(session, subscriber_id, col(SubscriptionRow.paused_until) > now)
    return Preferences(
        subscriber=subscriber,
        language=language(session, subscriber_id),
        paused={member.newsletter: member.paused_until for member in paused if member.paused_until},
        new_address=waits.email if waits and now - waits.at < CHANGE_GOOD_FOR else "",
    )


def language(session: Session, subscriber_id: int) -> str:
    """Give a reader's language (BCP 47), empty where none was chosen."""
    query = sa.select(SUBSCRIBER.c.language).where(SUBSCRIBER.c.id == subscriber_id)
    return str(session.connection().execute(query).scalar_one_or_none() or "")


def choose(
    session: Session,
    subscriber_id: int,
    wanted: Collection[str],
    visit: Visit,
    now: datetime,
    *,
    offered: Collection[str],
) -> bool:
    """Have a reader get `wanted` and none else of what is `offered`; True where that changed anything.

    A newsletter that is not offered stays as it is.
    """
    row = subscribers.locked(session, subscriber_id)
    if row is None or row.state is SubscriberState.SUPPRESSED:
        return False
    has = {member.newsletter for member in _members(session, subscriber_id)}
    joins = [name for name in offered if name in wanted and name not in has]
    leaves = [name for name in offered if name in has and name not in wanted]
    for name in joins:
        join(session, subscriber_id, name, visit, now)
    if leaves:
        subscribers.leave(session, subscriber_id, leaves, visit, now)
    return bool(joins or leaves)


def join(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> bool:
    """Have a reader get one more newsletter by an own act; False where the reader is erased or suppressed.

    One who had left comes back; one who had never confirmed is as pending as before.
    """
    row = subscribers.locked(session, subscriber_id)
    if row is None or row.state is SubscriberState.SUPPRESSED:
        return False
    member = session.get(SubscriptionRow, (newsletter, subscriber_id), populate_existing=True)
    if member is not None:
        return subscribers.come_back(session, subscriber_id, newsletter, visit, now)
    session.add(SubscriptionRow(newsletter=newsletter, subscriber_id=subscriber_id, created_at=now))
    row.state = SubscriberState.ACTIVE if row.confirmed_at else SubscriberState.PENDING
    row.left_at, row.left_channel, row.left_issue_id = None, None, None
    session.add(row)
    session.add(subscribers.event("subscriber.joined", subscriber_id, newsletter, visit, now))
    session.flush()
    return True


def pause(session: Session, subscriber_id: int, until: datetime | None, visit: Visit, now: datetime) -> bool:
    """Stop all mail of issues until an instant, None for from now on again; False where nothing is read."""
    if subscribers.locked(session, subscriber_id) is None:
        return False
    members = _members(session, subscriber_id)
    for member in members:
        member.paused_until = until
        session.add(member)
    kind = "subscriber.paused" if until else "subscriber.resumed"
    detail = f"until {until.isoformat(timespec='seconds')}" if until else ""
    session.add(subscribers.event(kind, subscriber_id, "", visit, now, detail=detail))
    session.flush()
    return bool(members)


def speak(session: Session, subscriber_id: int, tag: str, visit: Visit, now: datetime) -> bool:
    """Have our sentences come in a language (BCP 47), the site's where `tag` is empty."""
    row = subscribers.locked(session, subscriber_id)
    if row is None:
        return False
    row.language = tag
    session.add(row)
    session.add(subscribers.event("subscriber.language", subscriber_id, "", visit, now, detail=tag))
    session.flush()
    return True


def note(
    session: Session,
    kind: str,
    subscriber_id: int,
    visit: Visit,
    now: datetime,
    *,
    newsletter: str = "",
    detail: str = "",
) -> None:
    """Take note of an act that changes nothing else."""
    session.add(subscribers.event(kind, subscriber_id, newsletter, visit, now, detail=detail))
    session.flush()


def _members(session: Session, subscriber_id: int, *where: sa.ColumnElement[bool]) -> list[SubscriptionRow]:
    query = select(SubscriptionRow).where(
        SubscriptionRow.subscriber_id == subscriber_id, col(SubscriptionRow.left_at).is_(None), *where
    )
    return list(session.exec(query.execution_options(populate_existing=True)))
