"""The mail that brings a reader the link to their own page, to their own address, and how often it goes."""

from datetime import datetime

from sqlmodel import Session

from digest.address import address_key
from digest.model import SubscriberState
from digest.store import readermail, subscribers
from digest.store.limits import DAY, Limit, Limits
from digest.store.prepared import hand
from digest.store.subscribers import Visit

SETTINGS = "settings"
"""The kind of the mail."""

A_DAY = Limit(what="mail of the settings, a day", most=1, seconds=DAY)
"""Counted apart from sign-ups, and without an end to it: neither who signs strangers up nor a friend with a
forwarded issue may keep a reader from this page.
"""


def ask(session: Session, subscriber_id: int, visit: Visit, now: datetime) -> bool:
    """Queue the mail to the reader's own address; False where it went there often enough, or never may."""
    row = subscribers.locked(session, subscriber_id)
    if row is None or row.state is SubscriberState.SUPPRESSED:
        return False
    session.add(subscribers.event("subscriber.settings_asked", subscriber_id, "", visit, now))
    if not Limits(hand(session), now).within(A_DAY, address_key(row.email)):
        return False
    readermail.queue(
        hand(session),
        kind=SETTINGS,
        subscriber_id=subscriber_id,
        email=row.email,
        language=row.language,
        now=now,
    )
    return True


def used(session: Session, email: str, now: datetime) -> None:
    """Note that a reader has done something on the page: the mail goes out again when it is asked for."""
    Limits(hand(session), now).forget(A_DAY, address_key(email))
