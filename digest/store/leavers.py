"""Takes in those who must not be mailed: they left, bounced or complained where an import is from.

A handful of statements a chunk, as for those who come. Nobody's mail begins by it; whoever gets mail here and
has stopped it there since, gets none from now on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import address_key, suppression_key
from digest.model import Channel, SubscriberState
from digest.store import intake, listed
from digest.store.database import insert_for
from digest.store.installation import permanent_key
from digest.store.signups import CONSENT
from digest.store.tables import EVENT, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION, Instant


@dataclass(frozen=True, kw_only=True)
class Leaver:
    """An address, in wire form, that must not be mailed, and how that is known."""

    email: str
    name: str = ""
    newsletter: str
    reason: str = ""
    """Why nobody ever writes to it again, in a word; empty for one who left and may come back."""
    evidence: str
    at: datetime | None = None
    """When it left, bounced or complained, where that is told."""
    confirmed_at: datetime | None = None


class Departure(Enum):
    """What taking one in comes to."""

    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    UNCHANGED = "unchanged"
    """Already so, or signed up here by a form after that."""


@dataclass(frozen=True, kw_only=True)
class _Here:
    """An address as the ledger has it."""

    id: int
    state: SubscriberState
    joined_at: datetime | None
    """When its reader signed up here, if it was by a form of ours."""
    members: dict[str, bool]


def depart(
    leaver: Leaver,
    *,
    state: SubscriberState | None,
    member: bool | None,
    joined_at: datetime | None,
    suppressed: bool,
) -> Departure:
    """Decide what becomes of one. `member` is whether it gets the newsletter; None: it never did.

    A reader's own sign-up here is the later word where the leaving is known to be older.
    """
    if suppressed or state is SubscriberState.SUPPRESSED:
        return Departure.UNCHANGED
    if joined_at is not None and leaver.at is not None and leaver.at < joined_at:
        return Departure.UNCHANGED
    if leaver.reason:
        return Departure.SUPPRESSED
    if state is SubscriberState.UNSUBSCRIBED or member is False:
        return Departure.UNCHANGED
    return Departure.UNSUBSCRIBED


def take_out(session: Session, leavers: Sequence[Leaver], now: datetime) -> list[Departure]:
    """Take in a chunk; give for each what it came to. The caller owns the transaction."""
    keys = [address_key(leaver.email) for leaver in leavers]
    here, banned = _here(session, keys), intake.suppressed(session, keys)
    ended: dict[str, Leaver] = {}
    stopped: dict[str, Leaver] = {}
    results = []
    for leaver, key in zip(leavers, keys, strict=True):
        person = here.get(key)
        member = person.members.get(leaver.newsletter) if person else None
        became = depart(
            leaver,
            state=person.state if person else None,
            member=member,
            joined_at=person.joined_at if person else None,
            suppressed=key in banned or key in stopped,
        )
        if key in ended and became is Departure.UNSUBSCRIBED:
            became = Departure.UNCHANGED
        if became is Departure.UNSUBSCRIBED:
            ended[key] = leaver
        elif became is Departure.SUPPRESSED:
            stopped[key] = leaver
        results.append(became)
    _end(session, ended, here, now)
    _stop(session, stopped, here, now)
    return results


def _here(session: Session, keys: Sequence[str]) -> dict[str, _Here]:
    if not keys:
        return {}
    known = intake.known(session, keys)
    columns = (SUBSCRIBER.c.id, SUBSCRIBER.c.confirmed_at)
    ids = [one.id for one in known.values()]
    by_form = sa.select(*columns).where(
        listed.among(session, SUBSCRIBER.c.id, ids), SUBSCRIBER.c.consent.startswith(CONSENT)
    )
    joined = {row.id: row.confirmed_at for row in session.connection().execute(by_form)} if ids else {}
    return {
        key: _Here(
            id=one.id,
            state=one.state,
            joined_at=joined.get(one.id),
            members={newsletter: not left for newsletter, left in one.members.items()},
        )
        for key, one in known.items()
    }


def _end(session: Session, ended: dict[str, Leaver], here: dict[str, _Here], now: datetime) -> None:
    """Make these unsubscribed; whom nobody knows yet is written down as such, so as to stay out."""
    if not ended:
        return
    fresh = {key: _row(leaver, key, now) for key, leaver in ended.items() if key not in here}
    made = _insert(session, list(fresh.values()), now)
    # With some another process was faster: they are known by now.
    known = here | _here(session, [key for key in fresh if key not in made])
    ids = made | {key: known[key].id for key in ended if key in known}
    # The subscriber before its memberships, as everywhere: writers that lock in one order never block.
    gone = [
        one
        for key, one in ids.items()
        if key in known and not _elsewhere(known[key].members, ended[key].newsletter)
    ]
    _mark(session, gone, SubscriberState.UNSUBSCRIBED, now)
    members = [
        {"newsletter": ended[key].newsletter, "subscriber_id": one, "left_at": ended[key].at or now}
        for key, one in ids.items()
    ]
    _leave(session, members, now)
    _note(session, "subscriber.left_elsewhere", {one: ended[key] for key, one in ids.items()}, now)


def _elsewhere(members: dict[str, bool], newsletter: str) -> bool:
    return any(reads for name, reads in members.items() if name != newsletter)


def _stop(session: Session, stopped: dict[str, Leaver], here: dict[str, _Here], now: datetime) -> None:
    """Never mail these again. Of whom nobody knows, a keyed hash is kept and no address."""
    if not stopped:
        return
    secret = permanent_key(session)
    rows = [
        {
            "address_hash": suppression_key(leaver.email, secret),
            "reason": leaver.reason,
            "evidence": leaver.evidence,
            "at": leaver.at or now,
        }
        for leaver in stopped.values()
    ]
    given = listed.table(session, rows, *SUPPRESSION.c)
    chosen = sa.select(*(given.c[column.name] for column in SUPPRESSION.c)).where(sa.true())
    insert = insert_for(session)(SUPPRESSION).from_select([column.name for column in SUPPRESSION.c], chosen)
    session.connection().execute(insert.on_conflict_do_nothing())
    known = {here[key].id: leaver for key, leaver in stopped.items() if key in here}
    _mark(session, list(known), SubscriberState.SUPPRESSED, now)
    _note(session, "subscriber.suppressed_elsewhere", known, now)


_TOLD = ("email", "address_key", "name", "consent", "confirmed_at", "left_at")


def _row(leaver: Leaver, key: str, now: datetime) -> dict[str, Any]:
    return {
        "email": leaver.email,
        "address_key": key,
        "name": leaver.name,
        "consent": leaver.evidence,
        "confirmed_at": leaver.confirmed_at,
        "left_at": leaver.at or now,
    }


def _insert(session: Session, rows: list[dict[str, Any]], now: datetime) -> dict[str, int]:
    """Write down new addresses as unsubscribed; give their ids by address key."""
    if not rows:
        return {}
    given = listed.table(session, rows, *(SUBSCRIBER.c[name] for name in _TOLD))
    constant: dict[str, sa.ColumnElement[Any]] = {
        **intake.BLANK,
        "state": sa.literal(SubscriberState.UNSUBSCRIBED, SUBSCRIBER.c.state.type),
        "left_channel": sa.literal(Channel.IMPORT, SUBSCRIBER.c.left_channel.type),
        "created_at": sa.literal(now, Instant()),
    }
    chosen = sa.select(*(given.c[name] for name in _TOLD), *constant.values()).where(sa.true())
    insert = insert_for(session)(SUBSCRIBER).from_select([*_TOLD, *constant], chosen)
    quiet = insert.on_conflict_do_nothing(index_elements=["address_key"])
    made = session.connection().execute(quiet.returning(SUBSCRIBER.c.address_key, SUBSCRIBER.c.id))
    return {row.address_key: row.id for row in made}


def _leave(session: Session, members: list[dict[str, Any]], now: datetime) -> None:
    """End these memberships, and write down as ended those that there were not."""
    told = ("newsletter", "subscriber_id", "left_at")
    given = listed.table(session, members, *(SUBSCRIPTION.c[name] for name in told))
    chosen = sa.select(*(given.c[name] for name in told), sa.literal(now, Instant())).where(sa.true())
    insert = insert_for(session)(SUBSCRIPTION).from_select([*told, "created_at"], chosen)
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=["newsletter", "subscriber_id"],
            set_={"left_at": sa.func.coalesce(SUBSCRIPTION.c.left_at, insert.excluded.left_at)},
        )
    )


def _mark(session: Session, ids: list[int], state: SubscriberState, now: datetime) -> None:
    """Bring subscribers into a state. One who had left before keeps when and how."""
    if not ids:
        return
    mine = SUBSCRIBER.c.left_at.is_(None)
    channel = sa.literal(Channel.IMPORT, SUBSCRIBER.c.left_channel.type)
    update = sa.update(SUBSCRIBER).where(listed.among(session, SUBSCRIBER.c.id, ids))
    session.connection().execute(
        update.values(
            state=state,
            left_at=sa.case((mine, sa.literal(now, Instant())), else_=SUBSCRIBER.c.left_at),
            left_channel=sa.case((mine, channel), else_=SUBSCRIBER.c.left_channel),
        )
    )


def _note(session: Session, kind: str, leavers: dict[int, Leaver], now: datetime) -> None:
    """Write one event a subscriber, of a kind of its own: they did not leave us."""
    if leavers:
        rows = [
            {
                "at": now,
                "kind": kind,
                "subscriber_id": one,
                "newsletter": leaver.newsletter,
                "channel": Channel.IMPORT,
                "ip": "",
                "agent": "",
                "detail": leaver.evidence,
            }
            for one, leaver in leavers.items()
        ]
        session.connection().execute(sa.insert(EVENT), rows)
