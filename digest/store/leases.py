"""Leases of permits to send, from the one place that all processes share.

`delivery/lease.py` decides; this keeps until when each line is given away. A lease is never handed back: what
a process does not spend, some two seconds' worth at most, is lost.
"""

import sqlalchemy as sa
from sqlmodel import Session

from digest.delivery.lease import Lease, grant
from digest.store.database import insert_for
from digest.store.tables import PACE_LEASE


def lease(session: Session, name: str, *, rate: float, want: int, now: float) -> Lease:
    """Give up to `want` permits of a line, known by its name: a relay's, or `@` and a domain.

    `rate` is in messages a second, more than 0; `now` and the lease's times are seconds since the epoch. The
    line is this transaction's until it ends: lease last in it, and several in the order of their names, so
    that no two processes wait for each other.
    """
    given = grant(_locked(session, name), rate=rate, want=want, now=now)
    if given.count:
        session.connection().execute(
            sa.update(PACE_LEASE).where(PACE_LEASE.c.name == name).values(next_free_at=given.end_at)
        )
    return given


def _locked(session: Session, name: str) -> float:
    """Give until when a line is given away, and let nobody else give of it; 0 for a line that is new."""
    query = sa.select(PACE_LEASE.c.next_free_at).where(PACE_LEASE.c.name == name).with_for_update()
    found: float | None = session.connection().scalar(query)
    if found is not None:
        return found
    new = insert_for(session)(PACE_LEASE).values(name=name, next_free_at=0.0).on_conflict_do_nothing()
    session.connection().execute(new)
    return float(session.connection().execute(query).scalar_one())
