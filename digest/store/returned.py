"""What came back, booked: each mail or event once, and whom it was about."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.store.database import insert_for
from digest.store.returned_tables import RETURNED


@dataclass(frozen=True, kw_only=True)
class Booking:
    """A mail that came back, or an event of a hook, as it is booked."""

    key: str
    at: datetime
    source: str
    kind: str
    reason: str = ""
    raw: bytes | None = None


def book(session: Session, booking: Booking) -> tuple[int, bool]:
    """Book it; give its id, and whether it is new. Two who book the same wait for each other."""
    values = {name: getattr(booking, name) for name in ("key", "at", "source", "kind", "reason", "raw")}
    insert = insert_for(session)(RETURNED).values(values).on_conflict_do_nothing()
    made = session.connection().execute(insert.returning(RETURNED.c.id)).scalar_one_or_none()
    if made is not None:
        return int(made), True
    known = sa.select(RETURNED.c.id).where(RETURNED.c.key == booking.key)
    return int(session.connection().execute(known).scalar_one()), False
