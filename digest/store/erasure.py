"""Erasure (GDPR, article 17): an address goes everywhere, what was mailed stays in the counts."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from digest.address import address_key, suppression_key
from digest.model import Channel, Subscriber
from digest.store import bounces, returned
from digest.store.installation import permanent_key
from digest.store.reader_tables import AddressChangeRow, ReaderMailRow
from digest.store.tables import (
    DELIVERY_REPLY,
    EVENT,
    ISSUE,
    SUBSCRIBER,
    SUBSCRIPTION,
    SUPPRESSION,
    EventRow,
)


def erase(
    session: Session, subscriber: Subscriber, now: datetime, channel: Channel = Channel.OPERATOR
) -> None:
    """Remove an address everywhere. Deliveries keep their counts by id, events their acts without a person.

    A keyed hash stays, so that an import cannot bring the address back. What a relay or an operator said
    about the address goes, since such sentences repeat it.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten too, whatever the library was built to do.
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    # The subscriber first, as everywhere: two writers that lock in one order never block each other.
    connection.execute(sa.delete(SUBSCRIBER).where(SUBSCRIBER.c.id == subscriber.id))
    connection.execute(sa.delete(SUBSCRIPTION).where(SUBSCRIPTION.c.subscriber_id == subscriber.id))
    # By the issues' ids, since the key begins with them.
    issues = sa.select(ISSUE.c.id)
    connection.execute(
        sa.delete(DELIVERY_REPLY).where(
            DELIVERY_REPLY.c.issue_id.in_(issues), DELIVERY_REPLY.c.subscriber_id == subscriber.id
        )
    )
    connection.execute(
        sa.update(EVENT).where(EVENT.c.subscriber_id == subscriber.id).values(ip="", agent="", detail="")
    )
    _forget_mail(session, subscriber)
    returned.forget(session, subscriber.id)
    bounces.remember(session, subscriber.email, bounces.Evidence(reason="erased"), now)
    key = suppression_key(subscriber.email, permanent_key(session))
    connection.execute(sa.update(SUPPRESSION).where(SUPPRESSION.c.address_hash == key).values(evidence=""))
    # The id is no person any more, and tells the site's software whom to erase (GDPR, article 19).
    erased = EventRow(at=now, kind="subscriber.erased", subscriber_id=subscriber.id, channel=channel)
    session.add(erased)
    session.flush()


def _forget_mail(session: Session, subscriber: Subscriber) -> None:
    """Remove mail to the reader alone, and another reader's wish to have this address."""
    same = (subscriber.email, address_key(subscriber.email))
    for table in (ReaderMailRow, AddressChangeRow):
        theirs = (col(table.subscriber_id) == subscriber.id) | (
            (col(table.email) != "") & (col(table.email).in_(same) | (sa.func.lower(table.email) == same[1]))
        )
        session.connection().execute(sa.delete(table).where(theirs))
