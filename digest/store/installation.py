"""Who this installation is."""

from functools import lru_cache

import sqlalchemy as sa
from sqlmodel import Session, col

from digest.store.prepared import Hand, Prepared, hand
from digest.store.tables import InstallationRow


def uid(session: Session) -> str:
    """Give the id that `/healthz` answers with."""
    return session.get_one(InstallationRow, 1).uid


def permanent_key(session: Session) -> bytes:
    """Give the key of Message-IDs and suppression hashes. It is never rotated."""
    return permanent_key_by(hand(session))


def permanent_key_by(hand: Hand) -> bytes:
    """Give the permanent key, on the driver's own cursor."""
    row = _key(hand.dialect).execute(hand.cursor, {}).fetchone()
    assert row is not None
    return bytes.fromhex(row[0])


@lru_cache(maxsize=8)
def _key(dialect: sa.Dialect) -> Prepared:
    return Prepared(sa.select(col(InstallationRow.permanent_key)).limit(1), dialect)
