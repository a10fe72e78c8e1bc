"""Troubles that last, and what is still to be told, in the ledger: so that a restart forgets neither."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, select

from digest.store.tables import TroubleRow


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is wrong. `key` tells it from every other."""

    key: str
    subject: str
    since: datetime
    next_at: datetime
    """When it may be told again."""
    told: bool = False
    """Whether anybody has been told."""
    text: str | None = None
    """What is still to be told, where it happened once and reached nobody yet."""


def listing(session: Session) -> list[Trouble]:
    """Give every trouble that is open, oldest first."""
    found = session.exec(select(TroubleRow).order_by(col(TroubleRow.since), col(TroubleRow.key)))
    return [
        Trouble(
            key=row.key,
            subject=row.subject,
            since=row.since,
            next_at=row.next_at,
            told=row.told,
            text=row.text,
        )
        for row in found
    ]


def keep(session: Session, trouble: Trouble) -> None:
    """Write a trouble, in place of what is known of it."""
    session.merge(
        TroubleRow(
            key=trouble.key,
            subject=trouble.subject,
            since=trouble.since,
            next_at=trouble.next_at,
            told=trouble.told,
            text=trouble.text,
        )
    )
    session.flush()


def forget(session: Session, key: str) -> None:
    """Remove a trouble that is over."""
    session.connection().execute(delete(TroubleRow).where(col(TroubleRow.key) == key))


def purge(session: Session, before: datetime) -> None:
    """Remove what nobody has found, or said to be over, since then: what it was about is no more."""
    session.connection().execute(delete(TroubleRow).where(col(TroubleRow.next_at) < before))
