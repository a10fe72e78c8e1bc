"""Mail to single readers: queued by an act of theirs, claimed to be sent, sent or given up.

A kind is the name of its templates. Once a mail is sent or given up its address is emptied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.store.prepared import Hand, Prepared
from digest.store.reader_tables import ReaderMailRow

CONFIRM, ALREADY, WELCOME, ISSUE = "confirm", "already", "welcome", "issue"
"""Asks whether it was the reader; says that there is nothing to ask; welcomes; brings the last issue."""

GIVE_UP = timedelta(days=1)
"""How long a mail is tried, from when it was queued."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""When a mail is tried again: the pause doubles with every attempt."""

KEEP = timedelta(days=30)
"""How long what is done is kept: longer than any link of it works."""


@dataclass(frozen=True, kw_only=True)
class ReaderMail:
    """A mail to one reader, as the ledger has it."""

    id: int
    kind: str
    subscriber_id: int
    email: str
    newsletters: tuple[str, ...] = ()
    language: str = ""
    """The reader's (BCP 47); empty: the site's."""
    created_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    used_at: datetime | None = None
    """When its link did what it is for."""
    error: str = ""


def queue(
    hand: Hand,
    *,
    kind: str,
    subscriber_id: int,
    email: str,
    newsletters: Sequence[str] = (),
    language: str = "",
    now: datetime,
) -> int:
    """Queue a mail that is due at once; give its id, which its link carries."""
    return _add(
        hand,
        kind=kind,
        subscriber_id=subscriber_id,
        email=email,
        newsletters=newsletters,
        language=language,
        now=now,
        next_at=now,
    )


def unsent(hand: Hand, *, kind: str, subscriber_id: int, error: str, now: datetime) -> int:
    """Note a mail that is not sent, and why: as much work as one that is. Give its id."""
    return _add(hand, kind=kind, subscriber_id=subscriber_id, error=error, now=now)


def _add(
    hand: Hand,
    *,
    kind: str,
    subscriber_id: int,
    email: str = "",
    newsletters: Sequence[str] = (),
    language: str = "",
    now: datetime,
    next_at: datetime | None = None,
    error: str = "",
) -> int:
    row = {
        "kind": kind,
        "subscriber_id": subscriber_id,
        "email": email,
        "newsletters": list(newsletters),
        "language": language,
        "created_at": now,
        "next_at": next_at,
        "error": error,
    }
    made = _adding(hand.dialect).execute(hand.cursor, row).fetchone()
    assert made is not None
    return int(made[0])


@lru_cache(maxsize=8)
def _adding(dialect: sa.Dialect) -> Prepared:
    """Give the statement that adds a mail, made once: a flush costs more than all the rest of a sign-up."""
    columns = [
        "kind",
        "subscriber_id",
        "email",
        "newsletters",
        "language",
        "created_at",
        "next_at",
        "error",
    ]
    insert = sa.insert(ReaderMailRow).values(attempts=0).returning(col(ReaderMailRow.id))
    return Prepared(insert, dialect, columns=columns)


def get(session: Session, mail_id: int) -> ReaderMail | None:
    """Give a mail by its id, as it is now."""
    row = session.get(ReaderMailRow, mail_id, populate_existing=True)
    return None if row is None else _value(row)


def claim(session: Session, now: datetime, *, limit: int = 100) -> list[ReaderMail]:
    """Give mails that are due, oldest first. Each is due again after a pause, whatever becomes of us."""
    query = (
        select(ReaderMailRow)
        .where(col(ReaderMailRow.next_at) <= now)
        .order_by(col(ReaderMailRow.next_at), col(ReaderMailRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    for row in session.exec(query).all():
        row.next_at = now + min(FIRST_PAUSE * 2 ** min(row.attempts, 10), LONGEST_PAUSE)
        row.attempts += 1
        session.add(row)
        claimed.append(_value(row))
    session.flush()
    return claimed


def sent(session: Session, mail_id: int, now: datetime) -> None:
    """Note that the relay took a mail."""
    _change(session, mail_id, email="", next_at=None, sent_at=now, error="")


def given_up(session: Session, mail_id: int, error: str) -> None:
    """Note that a mail is not tried any more, and why."""
    _change(session, mail_id, email="", next_at=None, error=error)


def failed(session: Session, mail: ReaderMail, error: str, now: datetime) -> bool:
    """Note why an attempt failed; True where it was the last."""
    last = now - mail.created_at >= GIVE_UP
    if last:
        given_up(session, mail.id, error)
    else:
        _change(session, mail.id, error=error)
    return last


def used(session: Session, mail_id: int, now: datetime, *, error: str = "") -> None:
    """Note that the link of a mail did what it is for; with `error` that it said so and is good no more."""
    _change(session, mail_id, used_at=now, error=error)


def _change(session: Session, mail_id: int, **values: object) -> None:
    session.connection().execute(
        sa.update(ReaderMailRow).where(col(ReaderMailRow.id) == mail_id).values(**values)
    )


def forget(session: Session, subscriber_id: int) -> None:
    """Remove every mail of a subscriber who is erased."""
    session.connection().execute(
        sa.delete(ReaderMailRow).where(col(ReaderMailRow.subscriber_id) == subscriber_id)
    )


def waiting(session: Session, now: datetime) -> int:
    """Count the mails that are due."""
    counted = sa.select(sa.func.count()).where(col(ReaderMailRow.next_at) <= now)
    return int(session.connection().execute(counted).scalar_one())


def purge(session: Session, now: datetime) -> int:
    """Remove what is done for long enough; give how many they were."""
    old = sa.delete(ReaderMailRow).where(
        col(ReaderMailRow.created_at) < now - KEEP, col(ReaderMailRow.next_at).is_(None)
    )
    return session.connection().execute(old).rowcount


def _value(row: ReaderMailRow) -> ReaderMail:
    assert row.id is not None
    return ReaderMail(
        id=row.id,
        kind=row.kind,
        subscriber_id=row.subscriber_id,
        email=row.email,
        newsletters=tuple(row.newsletters),
        language=row.language,
        created_at=row.created_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
        used_at=row.used_at,
        error=row.error,
    )
