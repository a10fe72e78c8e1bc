"""Does to a reader what something that came back causes, and notes it. `whose.py` has decided what."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import address_key
from digest.bounce.report import Kind
from digest.model import Channel, SubscriberState
from digest.store import bounces, departures, ownlink, runs, subscribers
from digest.store.bounces import Evidence
from digest.store.prepared import hand
from digest.store.returned_tables import RETURNED_ABOUT
from digest.store.subscribers import Visit
from digest.store.tables import SUBSCRIBER, SUBSCRIPTION, EventRow, SubscriberRow
from digest.whose import About, Act

SUPPRESSED, REMEMBERED, UNSUBSCRIBED, LEFT, ASKED = (
    "suppressed",
    "remembered",
    "unsubscribed",
    "left",
    "asked",
)
"""The words for what was done, beside those of `runs.py`, as the ledger has them. Empty: nothing was."""

COMPLAINT = "complaint"

MAILED = (SubscriberState.ACTIVE, SubscriberState.PENDING)
"""What counts against the address of any other is late, and changes nobody."""


def do(session: Session, act: Act, one: About, newsletters: Sequence[str], now: datetime) -> str:
    """Do what was decided about one address; give the word for what it has caused.

    `newsletters` are the names of all that there are.
    """
    if one.is_proved or act is not Act.NOTHING:
        _note(session, one, now)
    if act is Act.NOTHING or one.subscriber_id is None:
        return ""
    row = subscribers.locked(session, one.subscriber_id)
    if row is None:
        return ""
    if act is Act.ASK:
        asked = ownlink.ask(session, one.subscriber_id, Visit(channel=Channel.MAILTO), now)
        return ASKED if asked else ""
    if act is Act.REMEMBER:
        return _remember(session, one, now)
    if act in {Act.LEAVE, Act.UNSUBSCRIBE}:
        return _leave(session, act, one, newsletters, now)
    return _complain(session, row, one, now) if act is Act.COMPLAIN else _blame(session, act, row, one, now)


def _note(session: Session, one: About, now: datetime) -> None:
    """Note what came back among the events: from whom, of which issue, and why in a few words of ours."""
    kinds = {Kind.BOUNCE: f"bounce.{one.recipient.verdict.value}", Kind.COMPLAINT: COMPLAINT}
    if one.kind in kinds:
        reason = one.recipient.reason
        event = EventRow(
            at=now,
            kind=kinds[one.kind],
            subscriber_id=one.subscriber_id,
            issue_id=one.issue_id,
            channel=_channel(one),
            detail="" if "@" in reason else reason,
        )
        session.add(event)
        session.flush()


def _channel(one: About) -> Channel:
    wish = Channel.API if one.by_provider else Channel.MAILTO
    return {Kind.BOUNCE: Channel.BOUNCE, Kind.COMPLAINT: Channel.COMPLAINT}.get(one.kind, wish)


def _evidence(one: About) -> Evidence:
    complains = one.kind is Kind.COMPLAINT
    return Evidence(
        reason=COMPLAINT if complains else one.recipient.reason or "bounced",
        text=one.recipient.evidence,
        issue_id=one.issue_id,
        channel=_channel(one),
    )


def _blame(session: Session, act: Act, row: SubscriberRow, one: About, now: datetime) -> str:
    """Count what is the address's own fault, and give the address up where that is enough."""
    if row.state not in MAILED:
        if act is not Act.SUPPRESS or row.state is SubscriberState.SUPPRESSED:
            return ""
        # No import shall bring a dead address back.
        bounces.remember(session, row.email, _evidence(one), now)
        return REMEMBERED
    enough, word = act is Act.SUPPRESS, ""
    if act is Act.SOFT and one.issue_id is not None and not _has(session, one, runs.SOFT):
        enough, word = runs.soft(session, row, one.issue_id, now), runs.SOFT
    elif act is Act.DISABLED and one.issue_id is not None:
        enough, word = runs.disabled(session, row, one.issue_id, now), runs.DISABLED
    if enough:
        bounces.suppress(session, row, _evidence(one), now)
        return SUPPRESSED
    return word


def _remember(session: Session, one: About, now: datetime) -> str:
    """Keep the hash of an address that the reader had before: of the one named, as far as that is believed.

    Nothing proves it but that it is nobody's now; so each message brings one at most. Its words are not kept:
    no erasure could find them.
    """
    address = one.recipient.address
    taken = sa.select(SUBSCRIBER.c.id).where(SUBSCRIBER.c.address_key == address_key(address))
    if not address or session.connection().execute(taken).first() or _has(session, one, REMEMBERED):
        return ""
    bounces.remember(session, address, Evidence(reason=_evidence(one).reason), now)
    return REMEMBERED


def _has(session: Session, one: About, effect: str) -> bool:
    """Tell whether what came back of the same issue has had an effect on this reader before."""
    same_issue = RETURNED_ABOUT.c.issue_id.is_not_distinct_from(one.issue_id)
    query = sa.select(RETURNED_ABOUT.c.place).where(
        RETURNED_ABOUT.c.subscriber_id == one.subscriber_id, same_issue, RETURNED_ABOUT.c.effect == effect
    )
    return session.connection().execute(query.limit(1)).first() is not None


def _complain(session: Session, row: SubscriberRow, one: About, now: datetime) -> str:
    """End every membership, and never mail the address again: one departure, and not one a newsletter."""
    if row.state is SubscriberState.SUPPRESSED:
        return ""
    still = (SUBSCRIPTION.c.subscriber_id == row.id) & SUBSCRIPTION.c.left_at.is_(None)
    session.connection().execute(sa.update(SUBSCRIPTION).where(still).values(left_at=now))
    bounces.suppress(session, row, _evidence(one), now)
    return SUPPRESSED


def _leave(session: Session, act: Act, one: About, newsletters: Sequence[str], now: datetime) -> str:
    """Have a reader leave: everything, or the newsletter of an issue, as a click on its link does."""
    beneath = hand(session)
    person = departures.person(beneath, one.subscriber_id or 0)
    if person is None:
        return ""
    leaving: Sequence[str] = sorted(person.newsletters)
    if act is Act.LEAVE:
        newsletter = departures.newsletter_of(beneath, one.issue_id) if one.issue_id else None
        leaving = [newsletter] if newsletter else sorted({*newsletters, *leaving})
    how = departures.Act(at=now, channel=_channel(one), issue_id=one.issue_id)
    if not departures.leave(beneath, person, leaving, how):
        return ""
    return LEFT if act is Act.LEAVE else UNSUBSCRIBED
