"""A reader's new address: asked for on the reader's page, confirmed by a mail to the new one.

What is answered tells nobody whether an address is known: the mail goes out either way.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest.address import address_key, suppression_key
from digest.links import Link, LinkKind
from digest.model import Subscriber, SubscriberState
from digest.store import readermail, subscribers
from digest.store.asking import A_DAY, UNCLICKED
from digest.store.installation import permanent_key
from digest.store.limits import DAY, Limit, Limits
from digest.store.preferences import CHANGE_GOOD_FOR
from digest.store.prepared import hand
from digest.store.reader_tables import AddressChangeRow
from digest.store.subscribers import Visit
from digest.store.tables import SUPPRESSION, SubscriberRow

CHANGE, CHANGED = "change", "changed"
"""Mail to the new address, which asks; and to the old one, which says that it gets no more."""

BY_READER = Limit(what="changes of address by one reader, a day", most=3, seconds=DAY)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the link in the mail to a new address asks."""

    subscriber: Subscriber
    email: str
    """The new address; empty once it is confirmed."""
    done: bool = False


class Outcome(Enum):
    """What confirming a new address comes to."""

    CHANGED = "changed"
    TAKEN = "taken"
    """Another subscription has the address: this one stays as it is."""
    LATE = "late"
    """There is nothing to confirm any more."""


def ask(session: Session, subscriber_id: int, email: str, visit: Visit, now: datetime) -> bool:
    """Ask at a new address, in wire form, whether it is the reader's; True where a mail was queued.

    None goes to an address that is never mailed, or was asked enough.
    """
    row = subscribers.locked(session, subscriber_id)
    if row is None:
        return False
    limits, key = Limits(hand(session), now), address_key(email)
    # All are counted, whatever the first one says.
    free = [limits.within(BY_READER, str(subscriber_id))]
    free += [limits.within(limit, key) for limit in (A_DAY, UNCLICKED)]
    session.add(subscribers.event("subscriber.change_asked", subscriber_id, "", visit, now))
    mails = all(free) and email != row.email and not _banned(session, email)
    if mails:
        mail_id = readermail.queue(
            hand(session),
            kind=CHANGE,
            subscriber_id=subscriber_id,
            email=email,
            language=row.language,
            now=now,
        )
    else:
        mail_id = readermail.unsent(
            hand(session), kind=CHANGE, subscriber_id=subscriber_id, error="not mailed", now=now
        )
    if not all(free) or email == row.email:
        # What was asked for before is still good.
        return False
    # One that is never mailed is shown to wait like any other: the page tells of no address what is with it.
    waits = session.get(AddressChangeRow, subscriber_id, populate_existing=True)
    waits = waits or AddressChangeRow(subscriber_id=subscriber_id, email="", mail_id=0, at=now)
    waits.email, waits.mail_id, waits.at, waits.ip = email, mail_id, now, visit.ip
    session.add(waits)
    session.flush()
    return mails


def question(session: Session, link: Link, now: datetime) -> Change | None:
    """Give what the link of a mail asks; None where there is nothing to ask: too late, asked anew, erased."""
    mail = readermail.get(session, link.issue_id) if link.kind is LinkKind.CONFIRM else None
    subscriber = subscribers.get(session, link.subscriber_id)
    if mail is None or subscriber is None or mail.kind != CHANGE or mail.subscriber_id != subscriber.id:
        return None
    if mail.used_at is not None:
        # The link is good for the version before the one that it made, and for no later one.
        done = subscriber.address_version == link.address_version + 1
        return Change(subscriber=subscriber, email="", done=True) if done else None
    waits = session.get(AddressChangeRow, subscriber.id, populate_existing=True)
    good = (
        waits is not None
        and waits.mail_id == mail.id
        and now - waits.at < CHANGE_GOOD_FOR
        and subscriber.address_version == link.address_version
        and subscriber.state is not SubscriberState.SUPPRESSED
    )
    return Change(subscriber=subscriber, email=waits.email) if good and waits else None


def confirm_change(session: Session, link: Link, visit: Visit, now: datetime) -> Outcome:
    """Give a reader the address that the link's mail went to. Links and bounces of the old one end there.

    Idempotent.
    """
    row = subscribers.locked(session, link.subscriber_id)
    asked = question(session, link, now)
    if row is None or asked is None:
        return Outcome.LATE
    if asked.done:
        return Outcome.CHANGED
    if _banned(session, asked.email):
        return Outcome.LATE
    old, key = row.email, address_key(asked.email)
    limits = Limits(hand(session), now)
    for limit in (A_DAY, UNCLICKED):
        limits.forget(limit, key)
    if not _move(session, row, asked.email):
        session.add(subscribers.event("subscriber.change_taken", link.subscriber_id, "", visit, now))
        session.flush()
        return Outcome.TAKEN
    session.delete(session.get_one(AddressChangeRow, link.subscriber_id))
    readermail.used(session, link.issue_id, now)
    # One who was erased comes back by no import, but by an act like this one.
    erased = (SUPPRESSION.c.address_hash == _hash(session, asked.email)) & (SUPPRESSION.c.reason == "erased")
    session.connection().execute(sa.delete(SUPPRESSION).where(erased))
    session.add(subscribers.event("subscriber.address_changed", link.subscriber_id, "", visit, now))
    readermail.queue(
        hand(session),
        kind=CHANGED,
        subscriber_id=link.subscriber_id,
        email=old,
        language=row.language,
        now=now,
    )
    return Outcome.CHANGED


def _move(session: Session, row: SubscriberRow, email: str) -> bool:
    """Write the new address; False where another subscriber has it."""
    key = address_key(email)
    there = select(SubscriberRow.id).where(SubscriberRow.address_key == key, SubscriberRow.id != row.id)
    if session.exec(there).first() is not None:
        return False
    try:
        with session.begin_nested():
            session.connection().execute(
                sa.update(SubscriberRow)
                .where(col(SubscriberRow.id) == row.id)
                .values(
                    email=email,
                    address_key=key,
                    address_version=row.address_version + 1,
                    soft_bounces=0,
                    first_soft_at=None,
                    disabled_at=None,
                )
            )
    except IntegrityError:
        return False
    session.expire(row)
    return True


def purge(session: Session, now: datetime) -> int:
    """Forget the addresses that were never confirmed; give how many they were."""
    late = sa.delete(AddressChangeRow).where(col(AddressChangeRow.at) <= now - CHANGE_GOOD_FOR)
    return session.connection().execute(late).rowcount


def _banned(session: Session, email: str) -> bool:
    """Tell whether an address is never mailed, whoever asks for it."""
    query = sa.select(SUPPRESSION.c.reason).where(SUPPRESSION.c.address_hash == _hash(session, email))
    return session.connection().execute(query).scalar_one_or_none() not in (None, "erased")


def _hash(session: Session, email: str) -> str:
    return suppression_key(email, permanent_key(session))
