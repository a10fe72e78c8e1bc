"""Counts what strangers do, so that there is an end to it. Survives a restart; knows nobody by name.

What is counted stands under a keyed hash of itself. A count begins with the first of its kind and ends after
its span; one statement counts and says how often it was.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from digest.store.installation import permanent_key_by
from digest.store.prepared import Hand, Prepared
from digest.store.reader_tables import HIT as _HIT

MINUTE, HOUR, DAY = 60, 3600, 86400
"""Seconds."""

_FULL = 1_000_000
"""More than any limit."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most `most` in `seconds`, counted by `what` it is a limit of; 0 for no limit."""

    what: str
    most: int
    seconds: int


class Limits:
    """The counts, within one transaction, at one instant."""

    def __init__(self, hand: Hand, now: datetime) -> None:
        self._cursor, self._statements = hand.cursor, _statements(hand.dialect)
        self._now = int(now.timestamp())
        self.key = permanent_key_by(hand)
        """Hashes what is counted; read once."""

    def count(self, limit: Limit, value: str) -> int:
        """Count one more; give how many it are in this span."""
        until = self._now + limit.seconds
        return self._put(limit, value, first=1, until=until)

    def within(self, limit: Limit, value: str) -> bool:
        """Count one more; say whether that is still within the limit."""
        return self.count(limit, value) <= limit.most or not limit.most

    def counted(self, limit: Limit, value: str) -> int:
        """Give how many it have been in this span, counting nothing."""
        values = {"key": self._hash(limit, value), "span": limit.seconds, "now": self._now}
        row = self._statements.looking.execute(self._cursor, values).fetchone()
        return int(row[0]) if row else 0

    def close(self, limit: Limit, value: str, seconds: int) -> None:
        """Let nothing more pass for so many seconds."""
        self.forget(limit, value)
        self._put(limit, value, first=_FULL, until=self._now + seconds)

    def forget(self, limit: Limit, value: str) -> None:
        """Begin to count anew."""
        one = {"key": self._hash(limit, value), "span": limit.seconds}
        self._statements.forgetting.execute(self._cursor, one)

    def _put(self, limit: Limit, value: str, *, first: int, until: int) -> int:
        values = {
            "key": self._hash(limit, value),
            "span": limit.seconds,
            "first": first,
            "until": until,
            "now": self._now,
        }
        counted = self._statements.counting.execute(self._cursor, values).fetchone()
        assert counted is not None
        return int(counted[0])

    def _hash(self, limit: Limit, value: str) -> str:
        said = f"digest limit\0{limit.what}\0{value}".encode("utf-8", "replace")
        return hmac.digest(self.key, said, "sha256")[:16].hex()


class _Statements:
    def __init__(self, dialect: sa.Dialect) -> None:
        insert: Any = (sqlite if dialect.name == "sqlite" else postgresql).insert(_HIT)
        key, span = sa.bindparam("key", type_=sa.String), sa.bindparam("span", type_=sa.BigInteger)
        first, until = sa.bindparam("first", type_=sa.BigInteger), sa.bindparam("until", type_=sa.BigInteger)
        over = _HIT.c.until <= sa.bindparam("now", type_=sa.BigInteger)
        counted = insert.values(key=key, span=span, count=first, until=until).on_conflict_do_update(
            index_elements=["key", "span"],
            set_={
                "count": sa.case((over, first), else_=_HIT.c.count + 1),
                "until": sa.case((over, until), else_=_HIT.c.until),
            },
        )
        self.counting = Prepared(counted.returning(_HIT.c.count), dialect)
        one = (_HIT.c.key == key) & (_HIT.c.span == span)
        self.forgetting = Prepared(sa.delete(_HIT).where(one), dialect)
        lasts = _HIT.c.until > sa.bindparam("now", type_=sa.BigInteger)
        self.looking = Prepared(sa.select(_HIT.c.count).where(one, lasts), dialect)


@lru_cache(maxsize=8)
def _statements(dialect: sa.Dialect) -> _Statements:
    return _Statements(dialect)


def purge(session: Session, now: datetime) -> int:
    """Remove the counts that have ended; give how many they were."""
    old = sa.delete(_HIT).where(_HIT.c.until <= int(now.timestamp()))
    return session.connection().execute(old).rowcount
