"""What came back, booked: each mail or event once, and whom it was about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import address_key, suppression_key
from digest.bounce.report import Report
from digest.delivery.run import RETURNS_WITHIN
from digest.marks import Claim, Proof
from digest.model import DeliveryState
from digest.store import listed, runs
from digest.store.database import insert_for
from digest.store.installation import permanent_key
from digest.store.ledger import epoch
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import DELIVERY, ISSUE, SUBSCRIBER, SUPPRESSION
from digest.whose import About, Reader


def book(
    session: Session, *, key: str, at: datetime, source: str, kind: str, reason: str
) -> tuple[int, bool]:
    """Book what came back; give its id, and whether it is new. Two who book the same wait for each other."""
    row = {"key": key, "at": at, "source": source, "kind": kind, "reason": reason}
    insert = insert_for(session)(RETURNED).values(row).on_conflict_do_nothing()
    made = session.connection().execute(insert.returning(RETURNED.c.id)).scalar_one_or_none()
    if made is not None:
        return int(made), True
    known = sa.select(RETURNED.c.id).where(RETURNED.c.key == key)
    return int(session.connection().execute(known).scalar_one()), False


def fill(session: Session, returned_id: int, told: Sequence[tuple[About, str]], *, raw: bytes | None) -> None:
    """Add whom it was about, each with the word for what it has caused; and the text as it came.

    Without that, the words about each are left out too.
    """
    rows = [
        {
            "returned_id": returned_id,
            "place": place,
            "subscriber_id": one.subscriber_id,
            "issue_id": one.issue_id,
            "domain": one.domain,
            "verdict": one.recipient.verdict.value,
            "status": one.recipient.status,
            "reason": one.recipient.reason,
            "evidence": "" if raw is None else one.recipient.evidence,
            "proof": one.proof.value,
            "effect": effect,
        }
        for place, (one, effect) in enumerate(told)
    ]
    connection = session.connection()
    if rows:
        connection.execute(sa.insert(RETURNED_ABOUT), rows)
    connection.execute(sa.update(RETURNED).where(RETURNED.c.id == returned_id).values(raw=raw))


def told(session: Session, returned_id: int) -> list[tuple[Proof, str]]:
    """Give the proofs and effects of what was booked, in their order."""
    query = sa.select(RETURNED_ABOUT.c.proof, RETURNED_ABOUT.c.effect)
    query = query.where(RETURNED_ABOUT.c.returned_id == returned_id).order_by(RETURNED_ABOUT.c.place)
    return [(Proof(row.proof), row.effect) for row in session.connection().execute(query)]


@dataclass(frozen=True, kw_only=True)
class Readers:
    """The subscribers that reports name, locked until the end of the transaction."""

    by_id: Mapping[int, Reader]
    by_key: Mapping[str, Reader]
    erased: bool
    """Whether somebody is among them who was erased."""


def readers(session: Session, claims: Sequence[Claim], reports: Sequence[Report]) -> Readers:
    """Give the subscribers that these reports name, by a mark or by address."""
    proved = {one.subscriber_id for one in claims if one.is_proved}
    addresses = (
        address
        for report in reports
        for address in (report.sender, *(one.address for one in report.recipients))
    )
    keys = {address_key(address) for address in addresses if address}
    by_key = sa.select(SUBSCRIBER.c.id).where(listed.among(session, SUBSCRIBER.c.address_key, keys))
    ids = proved.union(session.connection().execute(by_key).scalars())
    columns = (SUBSCRIBER.c.id, SUBSCRIBER.c.email, SUBSCRIBER.c.address_version)
    # In the order of their ids, so that two processes never wait for each other.
    query = sa.select(*columns).where(SUBSCRIBER.c.id.in_(ids)).order_by(SUBSCRIBER.c.id).with_for_update()
    found = [
        Reader(id=row.id, email=row.email, address_version=row.address_version)
        for row in session.connection().execute(query)
    ]
    by_id = {one.id: one for one in found}
    of_readers = {address_key(one.email): one for one in found}
    return Readers(
        by_id=by_id,
        by_key=of_readers,
        erased=not proved <= by_id.keys() or _erased(session, keys - of_readers.keys()),
    )


def _erased(session: Session, keys: Collection[str]) -> bool:
    """Tell whether one of these addresses, which no subscriber has, is kept as a hash: nobody's words are."""
    secret = permanent_key(session)
    hashes = [suppression_key(key, secret) for key in keys]
    query = sa.select(SUPPRESSION.c.at).where(listed.among(session, SUPPRESSION.c.address_hash, hashes))
    return session.connection().execute(query.limit(1)).first() is not None


def went_to_present(session: Session, subscriber_id: int, issue_id: int) -> bool:
    """Tell whether an issue was first tried after its reader's last change of address."""
    query = sa.select(DELIVERY.c.first_at).where(
        DELIVERY.c.issue_id == issue_id, DELIVERY.c.subscriber_id == subscriber_id
    )
    tried = session.connection().execute(query).scalar_one_or_none()
    moved = runs.moved_at(session, subscriber_id)
    return bool(tried and moved and tried > moved.timestamp())


def latest_issue(session: Session, subscriber_id: int, now: datetime) -> int | None:
    """Give the last issue that a relay took for a reader lately, or may have: what comes back may be that.

    The relay's answer is booked at a tick's end, and what comes back overtakes it.
    """
    query = (
        sa.select(DELIVERY.c.issue_id)
        .join(ISSUE, ISSUE.c.id == DELIVERY.c.issue_id)
        .where(
            ISSUE.c.due_at > now - 2 * RETURNS_WITHIN,
            DELIVERY.c.subscriber_id == subscriber_id,
            DELIVERY.c.state != DeliveryState.REFUSED.value,
            DELIVERY.c.first_at > 0,
            DELIVERY.c.at > epoch(now - RETURNS_WITHIN),
        )
        .order_by(DELIVERY.c.at.desc(), DELIVERY.c.issue_id.desc())
        .limit(1)
    )
    return session.connection().execute(query).scalar_one_or_none()


def forget(session: Session, subscriber_id: int) -> None:
    """Empty what names a reader who is erased. That something came back, and what it caused, stays."""
    theirs = RETURNED_ABOUT.c.subscriber_id == subscriber_id
    mails = sa.select(RETURNED_ABOUT.c.returned_id).where(theirs)
    session.connection().execute(sa.update(RETURNED).where(RETURNED.c.id.in_(mails)).values(raw=None))
    session.connection().execute(sa.update(RETURNED_ABOUT).where(theirs).values(evidence="", domain=""))


def purge(session: Session, *, keep_days: int, now: datetime) -> int:
    """Forget the raw texts that are kept for long enough, and what strangers' mails said; give how many."""
    old = (RETURNED.c.at < now - timedelta(days=keep_days)) & RETURNED.c.raw.is_not(None)
    strangers = RETURNED_ABOUT.c.subscriber_id.is_(None) & (RETURNED_ABOUT.c.evidence != "")
    of_old = RETURNED_ABOUT.c.returned_id.in_(sa.select(RETURNED.c.id).where(old))
    connection = session.connection()
    connection.execute(sa.update(RETURNED_ABOUT).where(strangers, of_old).values(evidence=""))
    return connection.execute(sa.update(RETURNED).where(old).values(raw=None)).rowcount
