"""Sign-ups in the ledger: what a form leads to, and what is forgotten of it.

Every way through `ask` reads and writes as much: neither what it answers nor how long it takes tells whether
an address is known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.address import address_key, suppression_key
from digest.model import Channel, SubscriberState
from digest.signup import UNCONFIRMED, Lead, lead, network
from digest.store import readermail
from digest.store.database import insert_for
from digest.store.installation import permanent_key
from digest.store.limits import DAY, HOUR, Limit, Limits
from digest.store.reader_tables import ReaderMailRow
from digest.store.subscribers import Visit
from digest.store.tables import EVENT, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION, EventRow, SubscriberRow

CONSENT = "sign-up form"
"""How the consent of one who signed up begins; the time of the form follows."""

A_DAY = Limit(what="mail of a sign-up, a day", most=1, seconds=DAY)
UNCLICKED = Limit(what="mail of a sign-up, without a click", most=2, seconds=30 * DAY)
"""What one address gets: one mail a day, and no third one without a click. A click begins anew."""

ASKED = "signup.asked"
"""The event of a wish that is mailed about; what its `detail` says is proof."""

EVIDENCE = re.compile(r"mail=(?P<mail>\d+) text=(?P<text>\S*) form=(?P<form>.*)")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How many sign-ups an hour; 0 for no limit."""

    per_ip: int
    per_network: int
    in_all: int


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for, and all that proves it: an address in wire form, newsletters, and the form."""

    email: str
    newsletters: tuple[str, ...]
    language: str = ""
    ip: str = ""
    agent: str = ""
    form: str = ""
    """The URL of the page that the form stands on."""
    text: str = ""
    """The version of the words that it showed."""

    @property
    def visit(self) -> Visit:
        """Who asked, and by which way."""
        return Visit(channel=Channel.PAGE, ip=self.ip, agent=self.agent)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What became of a wish; the visitor is told nothing of it."""

    lead: Lead
    over: str = ""
    """The limit that kept us from mailing: `ip`, `network`, `all` or `address`."""
    first: bool = False
    """Whether it is the first one over that limit."""


def ask(session: Session, wish: Wish, rates: Rates, now: datetime) -> Asked:
    """Take in a wish: queue the mail that it leads to, if any. Nobody is signed up before the click."""
    limits = Limits(session, now)
    ip, net = network(wish.ip)
    for over, most, value in (
        ("ip", rates.per_ip, ip),
        ("network", rates.per_network, net),
        ("all", rates.in_all, ""),
    ):
        count = limits.count(Limit(what=f"sign-ups by {over}", most=most, seconds=HOUR), value)
        if most and count > most:
            return Asked(lead=Lead.NOTHING, over=over, first=count == most + 1)
    key = address_key(wish.email)
    # What the first one stops is no mail, and so does not count for the second; but it is as much work.
    free = limits.within(A_DAY, key)
    free = limits.within(UNCLICKED, key if free else f"{key} again") and free
    suppressed = _reason(session, suppression_key(wish.email, limits.key)) not in (None, "erased")
    row = locked(session, key)
    leads, newsletters = lead(
        state=row.state if row else None,
        has=_read_by(session, row) if row else (),
        wanted=wish.newsletters,
        suppressed=suppressed,
    )
    if not free:
        _not_mailed(session, row, wish, "limit", now)
        return Asked(lead=Lead.NOTHING, over="address")
    if leads is Lead.NOTHING:
        _not_mailed(session, row, wish, "suppressed", now)
        return Asked(lead=leads)
    subscriber_id = _touched(session, row.id) if row and row.id else _newcomer(session, wish, key, now)
    mail_id = readermail.queue(
        session,
        kind=leads.value,
        subscriber_id=subscriber_id,
        email=wish.email if row is None else row.email,
        newsletters=newsletters,
        language=wish.language or (row.language if row else ""),
        now=now,
    )
    proven = f"mail={mail_id} text={wish.text} form={wish.form}"
    _note(
        session,
        event(
            ASKED,
            now,
            subscriber_id=subscriber_id,
            newsletters=newsletters,
            visit=wish.visit,
            detail=proven,
        ),
    )
    return Asked(lead=leads)


def _not_mailed(session: Session, row: SubscriberRow | None, wish: Wish, why: str, now: datetime) -> None:
    """Do as much work as where a mail is queued, and keep nothing of the address."""
    subscriber_id = _touched(session, row.id if row and row.id else 0)
    readermail.unsent(session, kind=readermail.CONFIRM, subscriber_id=subscriber_id, error=why, now=now)
    _note(
        session,
        event(
            "signup.not_mailed",
            now,
            subscriber_id=subscriber_id or None,
            newsletters=wish.newsletters,
            visit=wish.visit,
            detail=why,
        ),
    )


def _note(session: Session, happened: EventRow) -> None:
    """Write an event as a statement: as an entity it would cost a flush."""
    session.connection().execute(sa.insert(EVENT).values(happened.model_dump(exclude={"id"})))


def _touched(session: Session, subscriber_id: int) -> int:
    update = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == subscriber_id)
    session.connection().execute(update.values(language=SUBSCRIBER.c.language))
    return subscriber_id


def _newcomer(session: Session, wish: Wish, key: str, now: datetime) -> int:
    """Insert one who is pending, with the proof of the form; another request may have been faster."""
    insert = insert_for(session)(SUBSCRIBER).values(
        email=wish.email,
        address_key=key,
        language=wish.language,
        state=SubscriberState.PENDING,
        created_at=now,
        **proof(now, wish.visit, wish.form, wish.text),
        address_version=1,
        name="",
        confirmed_ip="",
        soft_bounces=0,
    )
    made = insert.on_conflict_do_nothing(index_elements=["address_key"]).returning(SUBSCRIBER.c.id)
    found = session.connection().execute(made).scalar_one_or_none()
    if found is None:
        there = sa.select(SUBSCRIBER.c.id).where(SUBSCRIBER.c.address_key == key)
        found = session.connection().execute(there).scalar_one()
    return int(found)


def proof(at: datetime, visit: Visit, form: str, text: str) -> dict[str, Any]:
    """Give what proves a consent, by the subscriber's columns; `at` is when the form was sent."""
    return {
        "consent": f"{CONSENT}, {at:%Y-%m-%d %H:%M:%S} UTC",
        "consent_ip": visit.ip,
        "consent_agent": visit.agent[:300],
        "consent_form": form,
        "consent_text": text,
    }


def purge(session: Session, now: datetime) -> int:
    """Forget those who never confirmed; give how many they were."""
    late = now - UNCONFIRMED
    asked = sa.select(sa.literal(1)).where(
        col(ReaderMailRow.subscriber_id) == SUBSCRIBER.c.id,
        col(ReaderMailRow.kind) == readermail.CONFIRM,
        col(ReaderMailRow.created_at) > late,
        col(ReaderMailRow.sent_at).is_not(None) | col(ReaderMailRow.next_at).is_not(None),
    )
    found = sa.select(SUBSCRIBER.c.id).where(
        SUBSCRIBER.c.state == SubscriberState.PENDING,
        SUBSCRIBER.c.confirmed_at.is_(None),
        SUBSCRIBER.c.consent.startswith(CONSENT),
        SUBSCRIBER.c.created_at <= late,
        ~asked.exists(),
    )
    ids = list(session.connection().execute(found).scalars())
    forget(session, ids)
    if ids:
        session.add(event("signup.forgotten", now, detail=f"unconfirmed={len(ids)}"))
        session.flush()
    return len(ids)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Remove some who never confirmed, and what was noted of their visits."""
    connection = session.connection()
    for one in ids:
        connection.execute(sa.delete(SUBSCRIBER).where(SUBSCRIBER.c.id == one))
        readermail.forget(session, one)
        events = sa.update(EventRow).where(col(EventRow.subscriber_id) == one)
        connection.execute(events.values(ip="", agent="", detail=""))


def locked(session: Session, key: str) -> SubscriberRow | None:
    """Give the subscriber of an address, and keep other writers off it until the end of the transaction."""
    query = select(SubscriberRow).where(SubscriberRow.address_key == key).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def _read_by(session: Session, row: SubscriberRow) -> Sequence[str]:
    """Give the newsletters that a subscriber gets."""
    query = sa.select(SUBSCRIPTION.c.newsletter).where(
        SUBSCRIPTION.c.subscriber_id == row.id, SUBSCRIPTION.c.left_at.is_(None)
    )
    return session.connection().execute(query).scalars().all()


def _reason(session: Session, address_hash: str) -> str | None:
    """Give why an address is never mailed, None where it may be."""
    query = sa.select(SUPPRESSION.c.reason).where(SUPPRESSION.c.address_hash == address_hash)
    found: str | None = session.connection().execute(query).scalar_one_or_none()
    return found


def suppression_hash(session: Session, email: str) -> str:
    """Give under which hash an address stands among the suppressions."""
    return suppression_key(email, permanent_key(session))


def event(
    kind: str,
    now: datetime,
    *,
    subscriber_id: int | None = None,
    newsletters: Sequence[str] = (),
    visit: Visit | None = None,
    detail: str = "",
) -> EventRow:
    """Give a line of the audit log; one that is about several newsletters names none."""
    return EventRow(
        at=now,
        kind=kind,
        subscriber_id=subscriber_id,
        newsletter=newsletters[0] if len(newsletters) == 1 else "",
        channel=Channel.PAGE,
        ip=visit.ip if visit else "",
        agent=visit.agent[:300] if visit else "",
        detail=detail,
    )
