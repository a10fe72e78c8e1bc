"""What a tick runs, prepared once a dialect. No statement is run more than once a tick and kind of result.

Each call into SQLite gives Python's lock away and has to get it back from the event loop, which composes
mails meanwhile: with a call for each row, a tick of twenty rows took three times as long.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor

from digest.model import DeliveryState
from digest.store.ledger import mailable
from digest.store.prepared import Prepared
from digest.store.tables import BATCH, DELIVERY, ISSUE, SUBSCRIBER, Instant

_MAILABLE = mailable(
    DELIVERY.c.subscriber_id, sa.bindparam("newsletter"), sa.bindparam("now", type_=Instant())
)


class Listed:
    """A statement about a list of ids, prepared for powers of two: the last id is repeated to fill one."""

    def __init__(
        self,
        make: Callable[[Sequence[sa.BindParameter[int]]], sa.UpdateBase | sa.Select[Any]],
        dialect: sa.Dialect,
    ) -> None:
        self._make, self._dialect = make, dialect
        self._prepared: dict[int, Prepared] = {}

    def execute(self, cursor: DBAPICursor, ids: Sequence[int], values: Mapping[str, Any]) -> DBAPICursor:
        """Run it for these ids, one at least; give the cursor."""
        size = 1 << (len(ids) - 1).bit_length()
        names = _names(size)
        if size not in self._prepared:
            places = [sa.bindparam(name, type_=sa.BigInteger()) for name in names]
            self._prepared[size] = Prepared(self._make(places), self._dialect)
        padded = [*ids, *[ids[-1]] * (size - len(ids))]
        # The range leads into the index, the list picks from it.
        listed = {"first": min(ids), "last": max(ids), **dict(zip(names, padded, strict=True))}
        return self._prepared[size].execute(cursor, {**values, **listed})


@lru_cache(maxsize=32)
def _names(size: int) -> tuple[str, ...]:
    return tuple(f"id{number}" for number in range(size))


class Statements:
    """What a tick runs, for one dialect."""

    def __init__(self, dialect: sa.Dialect) -> None:
        issue = ISSUE.c.id == sa.bindparam("issue")
        self.prove = Prepared(
            sa.update(BATCH)
            .where(
                BATCH.c.issue_id == sa.bindparam("issue"),
                BATCH.c.seq == sa.bindparam("batch"),
                BATCH.c.token == sa.bindparam("held"),
            )
            .values(token=BATCH.c.token),
            dialect,
        )
        self.state = Prepared(
            sa.select(ISSUE.c.state, ISSUE.c.reached, ISSUE.c.revision).where(issue), dialect
        )
        self.recount = Prepared(sa.update(ISSUE).where(issue).values(counts=sa.null()), dialect)
        self.reached = Prepared(
            sa.update(ISSUE).where(issue, ISSUE.c.reached.is_(False)).values(reached=True), dialect
        )
        self.record = Listed(_record, dialect)
        self.late = Listed(_late, dialect)
        self.claim = Listed(_claim, dialect)
        self.withdraw = Listed(_withdraw, dialect)
        self.versions = Listed(_versions, dialect)
        self.claimed = Listed(_claimed, dialect)


Ids = Sequence[sa.BindParameter[int]]


def _among(ids: Ids) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        DELIVERY.c.issue_id == sa.bindparam("issue"),
        DELIVERY.c.subscriber_id.between(sa.bindparam("first"), sa.bindparam("last")),
        DELIVERY.c.subscriber_id.in_(ids),
    )


def _record(ids: Ids) -> sa.Update:
    """Write one result into the rows to which it came. Only a claimed row has one."""
    return (
        sa.update(DELIVERY)
        .where(*_among(ids), DELIVERY.c.state == DeliveryState.SUBMITTING.value)
        .values(
            state=sa.bindparam("to"),
            code=sa.bindparam("reply_code"),
            attempts=DELIVERY.c.attempts + sa.bindparam("attempt"),
            losses=DELIVERY.c.losses + sa.bindparam("loss"),
            doubtful=sa.case((sa.bindparam("doubt") == 1, 1), else_=DELIVERY.c.doubtful),
            soft=sa.case((sa.bindparam("softly") == 1, 1), else_=DELIVERY.c.soft),
            next_at=sa.bindparam("later"),
            at=sa.bindparam("seconds"),
        )
    )


def _late(ids: Ids) -> sa.Update:
    """Record acceptances of a batch's former holder, where the row is still his, or in doubt."""
    his = (DELIVERY.c.state == DeliveryState.SUBMITTING.value) | (DELIVERY.c.doubtful == 1)
    return (
        sa.update(DELIVERY)
        .where(*_among(ids), his)
        .values(
            state=DeliveryState.ACCEPTED.value, code=sa.bindparam("reply_code"), at=sa.bindparam("seconds")
        )
    )


def _claim(ids: Ids) -> sa.Update:
    seconds: sa.BindParameter[int] = sa.bindparam("seconds")
    return (
        sa.update(DELIVERY)
        .where(
            *_among(ids),
            DELIVERY.c.state == DeliveryState.PENDING.value,
            DELIVERY.c.next_at <= sa.bindparam("cutoff"),
            _MAILABLE,
        )
        .values(
            state=DeliveryState.SUBMITTING.value,
            revision=sa.bindparam("composed"),
            at=seconds,
            first_at=sa.case((DELIVERY.c.first_at == 0, seconds), else_=DELIVERY.c.first_at),
        )
    )


def _withdraw(ids: Ids) -> sa.Update:
    return (
        sa.update(DELIVERY)
        .where(*_among(ids), DELIVERY.c.state == DeliveryState.PENDING.value, ~_MAILABLE)
        .values(state=DeliveryState.WITHDRAWN.value, at=sa.bindparam("seconds"))
    )


def _versions(ids: Ids) -> sa.Select[Any]:
    """Add up the versions of readers' addresses: they only rise, so that the sum tells of any change."""
    return sa.select(sa.func.sum(SUBSCRIBER.c.address_version)).where(
        SUBSCRIBER.c.id.between(sa.bindparam("first"), sa.bindparam("last")), SUBSCRIBER.c.id.in_(ids)
    )


def _claimed(ids: Ids) -> sa.Select[Any]:
    """Give those of these rows that are on the wire, with their readers' addresses as they are now."""
    return (
        sa.select(
            DELIVERY.c.subscriber_id, SUBSCRIBER.c.email, SUBSCRIBER.c.name, SUBSCRIBER.c.address_version
        )
        .select_from(DELIVERY.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id))
        .where(*_among(ids), DELIVERY.c.state == DeliveryState.SUBMITTING.value)
    )
