"""What the site's software does to subscribers, and what it is told of them. It revives nobody."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import address_key
from digest.errors import DigestError
from digest.model import Channel, Subscriber, SubscriberState
from digest.signup import Lead
from digest.store import asking, intake, subscribers
from digest.store.asking import Rates, Wish
from digest.store.prepared import hand
from digest.store.subscribers import Newcomer
from digest.store.tables import EVENT, SUBSCRIBER
from digest.subscription import Arrival, arrive

CHANNEL = Channel.API
"""By which way the software acts."""

TOLD = (
    "subscriber.added",
    "subscriber.joined",
    "subscriber.confirmed",
    "subscriber.left",
    "subscriber.returned",
    "subscriber.suppressed",
    "subscriber.address_changed",
    "subscriber.paused",
    "subscriber.resumed",
    "subscriber.language",
    "subscriber.erased",
)
"""The events that change what a subscriber is."""


class RefusedError(DigestError):
    """The address is not added; nothing has changed. Says why."""


class TooManyError(DigestError):
    """More sign-ups than the settings allow."""


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What proves that a reader has asked for it: when, where, and by which words."""

    at: datetime
    how: str
    ip: str = ""
    agent: str = ""
    form: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What became of an address, and whether a mail asks the reader for the confirmation."""

    subscriber: Subscriber
    arrival: Arrival
    asks: bool = False


def bring(
    session: Session,
    email: str,
    newsletters: tuple[str, ...],
    consent: Consent,
    now: datetime,
    *,
    name: str = "",
) -> Brought:
    """Add an address, in wire form, with the consent that the software vouches for: mailed from now on.

    Raises RefusedError where it is suppressed or its reader has left one of the newsletters.
    """
    before = subscribers.find(session, email)
    newcomers = [
        Newcomer(
            email=email,
            name=name,
            newsletter=newsletter,
            consent=consent.how,
            channel=CHANNEL,
            confirmed_at=consent.at,
        )
        for newsletter in newsletters
    ]
    arrivals = subscribers.add(session, newcomers, now)
    for arrival, reason in arrivals:
        if arrival is Arrival.REFUSED:
            raise RefusedError(_sentence(reason))
    found = _found(session, email)
    if before is None or before.state is SubscriberState.PENDING:
        proof = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == found.id)
        session.connection().execute(
            proof.values(
                consent_ip=consent.ip,
                consent_agent=consent.agent,
                consent_form=consent.form,
                consent_text=consent.text,
            )
        )
    changed = any(arrival is not Arrival.UNCHANGED for arrival, _ in arrivals)
    if before is None:
        return Brought(subscriber=found, arrival=Arrival.ADDED)
    return Brought(subscriber=found, arrival=Arrival.UPDATED if changed else Arrival.UNCHANGED)


def ask(session: Session, wish: Wish, rates: Rates, now: datetime) -> Brought:
    """Ask a reader by mail for the confirmation, as the sign-up page does, and with its limits.

    One who gets all of it already is not mailed. Raises RefusedError as `bring` does, and TooManyError.
    """
    before = subscribers.find(session, wish.email)
    known = intake.known(session, [address_key(wish.email)]).get(address_key(wish.email))
    for newsletter in wish.newsletters:
        arrival, reason = arrive(
            state=known.state if known else None,
            subscribed=known is not None and newsletter in known.members,
            left=known is not None and known.members.get(newsletter, False),
            # Whether the address is suppressed, `asking` asks: one that was erased may sign up again.
            suppressed=False,
            same_name=True,
            confirmed=False,
        )
        if arrival is Arrival.REFUSED:
            raise RefusedError(_sentence(reason))
    active = before is not None and before.state is SubscriberState.ACTIVE
    if before is not None and active and set(wish.newsletters) <= set(before.newsletters):
        return Brought(subscriber=before, arrival=Arrival.UNCHANGED)
    asked = asking.ask(hand(session), wish, rates, now)
    if asked.over and asked.over != "address":
        raise TooManyError("There have been too many sign-ups in the last hour: try again in one.")
    if asked.lead is Lead.NOTHING and not asked.over:
        raise RefusedError("The address is suppressed and is never mailed.")
    found = subscribers.find(session, wish.email)
    if found is None:
        raise TooManyError("The address has been mailed about this lately, and is forgotten: try tomorrow.")
    arrival = Arrival.ADDED if before is None else Arrival.UPDATED if not asked.over else Arrival.UNCHANGED
    return Brought(subscriber=found, arrival=arrival, asks=not asked.over)


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that happened to a subscriber. `email` is the present one, empty once he is erased."""

    id: int
    at: datetime
    kind: str
    subscriber_id: int | None
    email: str
    newsletter: str
    channel: Channel | None
    issue_id: int | None


def changes(session: Session, since: int, limit: int) -> tuple[list[Change], int]:
    """Give what has happened after the event `since`, in the order of ids, and the last event looked at.

    On PostgreSQL a number may be given out before another and be committed after it. So nothing is told that
    is younger than the oldest transaction under way, or a reader that goes on from there would miss it.
    """
    query = (
        sa.select(
            *(EVENT.c[name] for name in ("id", "at", "kind", "newsletter", "channel", "issue_id")),
            EVENT.c.subscriber_id,
            SUBSCRIBER.c.email,
        )
        .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == EVENT.c.subscriber_id)
        .where(EVENT.c.id > since, EVENT.c.kind.in_(TOLD))
        .order_by(EVENT.c.id)
        .limit(limit)
    )
    if session.get_bind().dialect.name == "postgresql":
        settled = "age(event.xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)"
        query = query.where(sa.text(settled))
    rows = session.connection().execute(query).all()
    told = [
        Change(
            id=row.id,
            at=row.at,
            kind=row.kind,
            subscriber_id=row.subscriber_id,
            email=row.email or "",
            newsletter=row.newsletter,
            channel=row.channel,
            issue_id=row.issue_id,
        )
        for row in rows
    ]
    return told, told[-1].id if told else since


def _found(session: Session, email: str) -> Subscriber:
    found = subscribers.find(session, email)
    assert found is not None
    return found


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
