"""Writes what a chunk of incoming addresses came to: a handful of statements, however long the chunk.

With an entity a row, an import of a million took ten minutes; so it takes one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import suppression_key
from digest.model import Channel, SubscriberState
from digest.store import listed
from digest.store.database import insert_for
from digest.store.installation import permanent_key
from digest.store.tables import EVENT, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION, Instant

# What a newcomer tells of itself; the other columns begin alike for everybody.
_TOLD = ("email", "address_key", "name", "state", "confirmed_at", "consent")
BLANK: dict[str, sa.ColumnElement[Any]] = {
    "address_version": sa.literal(1),
    "soft_bounces": sa.literal(0),
    **dict.fromkeys(
        ("language", "consent_ip", "consent_agent", "consent_form", "consent_text", "confirmed_ip"),
        sa.literal(""),
    ),
}


@dataclass(kw_only=True)
class Known:
    """An address as the ledger has it, and as the chunk goes on changing it."""

    id: int = 0
    """0 until its row is written."""
    state: SubscriberState
    name: str
    members: dict[str, bool] = field(default_factory=dict)
    """Whether it has left, by newsletter."""


def known(session: Session, keys: Sequence[str]) -> dict[str, Known]:
    """Give what the ledger knows of these addresses, by their key."""
    both = SUBSCRIBER.outerjoin(SUBSCRIPTION, SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
    query = sa.select(
        SUBSCRIBER.c.id,
        SUBSCRIBER.c.address_key,
        SUBSCRIBER.c.state,
        SUBSCRIBER.c.name,
        SUBSCRIPTION.c.newsletter,
        SUBSCRIPTION.c.left_at.is_not(None).label("left"),
    ).select_from(both)
    found: dict[str, Known] = {}
    for row in session.connection().execute(
        query.where(listed.among(session, SUBSCRIBER.c.address_key, set(keys)))
    ):
        one = found.setdefault(row.address_key, Known(id=row.id, state=row.state, name=row.name))
        if row.newsletter:
            one.members[row.newsletter] = bool(row.left)
    return found


def suppressed(session: Session, keys: Sequence[str]) -> set[str]:
    """Give those of these addresses, by their key, that are never mailed again."""
    secret = permanent_key(session)
    by_hash = {suppression_key(key, secret): key for key in keys}
    query = sa.select(SUPPRESSION.c.address_hash).where(
        listed.among(session, SUPPRESSION.c.address_hash, by_hash)
    )
    return {by_hash[found] for found in session.connection().execute(query).scalars()}


def insert_subscribers(session: Session, rows: Sequence[dict[str, Any]], now: datetime) -> dict[str, int]:
    """Insert new subscribers; give their ids by address key, but for those that another was faster with."""
    if not rows:
        return {}
    given = listed.table(session, rows, *(SUBSCRIBER.c[name] for name in _TOLD))
    constant = {**BLANK, "created_at": sa.literal(now, Instant())}
    chosen = sa.select(*(given.c[name] for name in _TOLD), *constant.values()).where(sa.true())
    insert = insert_for(session)(SUBSCRIBER).from_select([*_TOLD, *constant], chosen)
    quiet = insert.on_conflict_do_nothing(index_elements=["address_key"])
    made = session.connection().execute(quiet.returning(SUBSCRIBER.c.address_key, SUBSCRIBER.c.id))
    return {row.address_key: row.id for row in made}


def join(session: Session, newsletter: str, ids: Sequence[int], now: datetime) -> None:
    """Insert memberships of a newsletter that do not exist yet."""
    if not ids:
        return
    columns = ["newsletter", "subscriber_id", "created_at"]
    chosen = _select(session, ids, sa.literal(newsletter), SUBSCRIBER.c.id, sa.literal(now, Instant()))
    insert = insert_for(session)(SUBSCRIPTION).from_select(columns, chosen)
    session.connection().execute(insert.on_conflict_do_nothing())


def _select(session: Session, ids: Sequence[int], *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where(listed.among(session, SUBSCRIBER.c.id, ids)).order_by(SUBSCRIBER.c.id)


def rename(session: Session, names: Mapping[int, str]) -> None:
    """Give subscribers other names."""
    if names:
        update = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == sa.bindparam("who"))
        session.connection().execute(
            update.values(name=sa.bindparam("called")),
            [{"who": one, "called": name} for one, name in names.items()],
        )


def confirm(session: Session, consents: Mapping[int, tuple[datetime, str]]) -> None:
    """Make subscribers active, with when and how they consented; one who is not pending stays as he is."""
    if consents:
        pending = sa.update(SUBSCRIBER).where(
            SUBSCRIBER.c.id == sa.bindparam("who"), SUBSCRIBER.c.state == SubscriberState.PENDING
        )
        session.connection().execute(
            pending.values(
                state=SubscriberState.ACTIVE,
                confirmed_at=sa.bindparam("when"),
                consent=sa.bindparam("how"),
            ),
            [{"who": one, "when": when, "how": how} for one, (when, how) in consents.items()],
        )


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What happened to some subscribers alike."""

    kind: str
    newsletter: str
    channel: Channel


def note(session: Session, event: Happened, ids: Sequence[int], now: datetime) -> None:
    """Write one event a subscriber."""
    if not ids:
        return
    values: dict[str, sa.ColumnElement[Any]] = {
        "at": sa.literal(now, Instant()),
        "kind": sa.literal(event.kind),
        "subscriber_id": SUBSCRIBER.c.id,
        "newsletter": sa.literal(event.newsletter),
        "channel": sa.literal(event.channel, EVENT.c.channel.type),
        "ip": sa.literal(""),
        "agent": sa.literal(""),
        "detail": sa.literal(""),
    }
    chosen = _select(session, ids, *values.values())
    session.connection().execute(sa.insert(EVENT).from_select(list(values), chosen))
