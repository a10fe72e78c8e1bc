"""The click in the mail that a sign-up leads to: it makes a reader, or says that it was not the reader.

A link is good for its own mail, subscriber and address alone, and for seven days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.links import Link, LinkKind
from digest.model import Channel, Subscriber, SubscriberState
from digest.signup import UNCONFIRMED
from digest.store import readermail, subscribers
from digest.store.asking import A_DAY, UNCLICKED
from digest.store.limits import DAY, Limits
from digest.store.prepared import hand
from digest.store.readermail import ReaderMail
from digest.store.signups import (
    ASKED,
    EVIDENCE,
    event,
    forget,
    proof,
    suppression_hash,
)
from digest.store.subscribers import Visit
from digest.store.tables import SUPPRESSION, EventRow, SubscriberRow, SubscriptionRow

NOT_ME_SECONDS = 365 * DAY
"""How long one who says "this was not me" is asked no more."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the link of a confirmation asks: its mail, and whom."""

    mail: ReaderMail
    subscriber: Subscriber
    done: bool
    """Whether it was confirmed before, and what it asked for is still read."""


def question(session: Session, link: Link, now: datetime) -> Question | None:
    """Give what a link asks; None where there is nothing to ask any more: too late, not them, erased."""
    mail = readermail.get(session, link.issue_id) if link.kind is LinkKind.CONFIRM else None
    subscriber = subscribers.get(session, link.subscriber_id)
    if mail is None or subscriber is None or not mail.newsletters:
        return None
    ours = mail.subscriber_id == link.subscriber_id and mail.kind == readermail.CONFIRM
    same = subscriber.address_version == link.address_version
    if not ours or not same or subscriber.state is SubscriberState.SUPPRESSED:
        return None
    done = mail.used_at is not None
    reads = any(name in subscriber.newsletters for name in mail.newsletters)
    good = reads and not mail.error if done else now - mail.created_at < UNCONFIRMED
    return Question(mail=mail, subscriber=subscriber, done=done) if good else None


def confirm(
    session: Session,
    link: Link,
    visit: Visit,
    now: datetime,
    *,
    offered: Collection[str],
    welcome: Sequence[str],
) -> Question | None:
    """Sign a reader up for what a link asks about; give what was asked, None where there is nothing to ask.

    Idempotent. `offered` are the newsletters that there still are, `welcome` the kinds of mail that greet.
    """
    row = _held(session, link)
    asked = question(session, link, now)
    if row is None or row.id is None or asked is None or asked.done:
        return asked
    mail, newsletters = asked.mail, [name for name in asked.mail.newsletters if name in offered]
    if row.state is not SubscriberState.ACTIVE:
        _activate(session, row, mail, visit, now)
    session.add(
        event(
            "subscriber.confirmed",
            now,
            subscriber_id=row.id,
            newsletters=newsletters,
            visit=visit,
            detail=f"mail={mail.id}",
        )
    )
    for newsletter in newsletters:
        _join(session, row.id, newsletter, visit, now)
    readermail.used(session, mail.id, now)
    limits = Limits(hand(session), now)
    for limit in (A_DAY, UNCLICKED):
        limits.forget(limit, row.address_key)
    for kind in welcome:
        for names in [newsletters] if kind == readermail.WELCOME else [[name] for name in newsletters]:
            readermail.queue(
                hand(session),
                kind=kind,
                subscriber_id=row.id,
                email=row.email,
                newsletters=names,
                language=row.language,
                now=now,
            )
    session.flush()
    return asked


def _held(session: Session, link: Link) -> SubscriberRow | None:
    """Give a link's subscriber, first of all: two writers that lock in one order never block each other."""
    return session.get(SubscriberRow, link.subscriber_id, populate_existing=True, with_for_update=True)


def _activate(session: Session, row: SubscriberRow, mail: ReaderMail, visit: Visit, now: datetime) -> None:
    """Make a subscriber active by an own act, with the proof of the form that led to this mail."""
    asked = session.exec(
        select(EventRow).where(
            EventRow.subscriber_id == row.id,
            EventRow.kind == ASKED,
            col(EventRow.detail).like(f"mail={mail.id} %"),
        )
    ).first()
    said = EVIDENCE.fullmatch(asked.detail) if asked else None
    if asked is not None and said is not None:
        came = Visit(channel=Channel.PAGE, ip=asked.ip, agent=asked.agent)
        for name, value in proof(asked.at, came, said["form"], said["text"]).items():
            setattr(row, name, value)
    row.state, row.confirmed_at, row.confirmed_ip = SubscriberState.ACTIVE, now, visit.ip
    row.left_at, row.left_channel, row.left_issue_id = None, None, None
    row.language = row.language or mail.language
    session.add(row)
    # One who was erased comes back by no import, but by an act like this one.
    erased = (SUPPRESSION.c.reason == "erased") & (
        SUPPRESSION.c.address_hash == suppression_hash(session, row.email)
    )
    session.connection().execute(sa.delete(SUPPRESSION).where(erased))


def _join(session: Session, subscriber_id: int, newsletter: str, visit: Visit, now: datetime) -> None:
    member = session.get(SubscriptionRow, (newsletter, subscriber_id), populate_existing=True)
    if member is not None and member.left_at is None:
        return
    kind = "subscriber.joined" if member is None else "subscriber.returned"
    member = member or SubscriptionRow(newsletter=newsletter, subscriber_id=subscriber_id, created_at=now)
    member.left_at = None
    session.add(member)
    session.add(event(kind, now, subscriber_id=subscriber_id, newsletters=[newsletter], visit=visit))


def refuse(session: Session, link: Link, visit: Visit, now: datetime) -> bool:
    """Take note that it was not the reader: the address is asked no more for a year, and forgotten if new.

    False where there is nothing to say no to.
    """
    row = _held(session, link)
    asked = question(session, link, now)
    if row is None or asked is None or asked.done:
        return False
    Limits(hand(session), now).close(UNCLICKED, row.address_key, NOT_ME_SECONDS)
    if row.state is SubscriberState.PENDING and row.confirmed_at is None:
        forget(session, [asked.subscriber.id])
        session.add(event("signup.refused", now))
    else:
        readermail.used(session, asked.mail.id, now, error="not the reader")
        session.add(event("signup.refused", now, subscriber_id=link.subscriber_id, visit=visit))
    session.flush()
    return True
