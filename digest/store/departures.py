"""Ends memberships of newsletters, on the driver's own cursor: what mail providers post by the hundred.

With an entity a row, one leaving took 3 ms of processor; so it takes a quarter of one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from digest.model import Channel, SubscriberState
from digest.store.prepared import Hand, Prepared
from digest.store.tables import EVENT, ISSUE, SUBSCRIBER, SUBSCRIPTION, Instant

AGENT_CHARACTERS = 300
"""How much is kept of what a client says that it is."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A subscriber as far as a leaving has to know, locked until the end of the transaction."""

    id: int
    state: SubscriberState
    address_version: int
    newsletters: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Act:
    """Who acts, by which way and when."""

    at: datetime
    channel: Channel
    issue_id: int | None = None
    ip: str = ""
    agent: str = ""


class _Statements:
    def __init__(self, dialect: sa.Dialect) -> None:
        who, when = sa.bindparam("who", type_=sa.BigInteger()), sa.bindparam("when", type_=Instant())
        way = sa.bindparam("way", type_=EVENT.c.channel.type)
        edition = sa.bindparam("edition", type_=sa.Integer())
        paper = sa.bindparam("paper", type_=sa.String())
        person = sa.select(SUBSCRIBER.c.state, SUBSCRIBER.c.address_version).where(SUBSCRIBER.c.id == who)
        self.person = Prepared(person.with_for_update(), dialect)
        member = (SUBSCRIPTION.c.subscriber_id == who) & SUBSCRIPTION.c.left_at.is_(None)
        self.members = Prepared(sa.select(SUBSCRIPTION.c.newsletter).where(member), dialect)
        self.newsletter = Prepared(sa.select(ISSUE.c.newsletter).where(ISSUE.c.id == edition), dialect)
        ended = sa.update(SUBSCRIPTION).where(SUBSCRIPTION.c.newsletter == paper, member)
        self.ended = Prepared(ended.values(left_at=when), dialect)
        gone = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == who)
        self.gone = Prepared(
            gone.values(
                state=SubscriberState.UNSUBSCRIBED, left_at=when, left_channel=way, left_issue_id=edition
            ),
            dialect,
        )
        self.event = Prepared(
            sa.insert(EVENT).values(
                at=when,
                kind=sa.bindparam("what", type_=sa.String()),
                subscriber_id=who,
                issue_id=edition,
                newsletter=paper,
                channel=way,
                ip=sa.bindparam("from_ip", type_=sa.String()),
                agent=sa.bindparam("by_agent", type_=sa.String()),
                detail="",
            ),
            dialect,
        )


@lru_cache(maxsize=8)
def _statements(dialect: sa.Dialect) -> _Statements:
    return _Statements(dialect)


def person(hand: Hand, subscriber_id: int) -> Person | None:
    """Give a subscriber; None where it was erased."""
    prepared = _statements(hand.dialect)
    row = prepared.person.execute(hand.cursor, {"who": subscriber_id}).fetchone()
    if row is None:
        return None
    members = prepared.members.execute(hand.cursor, {"who": subscriber_id}).fetchall()
    return Person(
        id=subscriber_id,
        state=SubscriberState(row[0]),
        address_version=row[1],
        newsletters=frozenset(name for (name,) in members),
    )


def newsletter_of(hand: Hand, issue_id: int) -> str | None:
    """Give the newsletter of an issue; None where there is no such issue."""
    row = _statements(hand.dialect).newsletter.execute(hand.cursor, {"edition": issue_id}).fetchone()
    return None if row is None else str(row[0])


def leave(hand: Hand, one: Person, newsletters: Sequence[str], act: Act) -> Collection[str]:
    """End a subscriber's membership of some newsletters at once; give those that he had.

    One who has no newsletter left is unsubscribed. Idempotent: every call is an event all the same.
    """
    prepared, cursor = _statements(hand.dialect), hand.cursor
    values = {
        "who": one.id,
        "when": act.at,
        "way": act.channel,
        "edition": act.issue_id,
        "from_ip": act.ip,
        "by_agent": act.agent[:AGENT_CHARACTERS],
    }
    ended = one.newsletters.intersection(newsletters)
    for name in sorted(ended):
        prepared.ended.execute(cursor, {"paper": name, "who": one.id, "when": act.at})
    if ended and ended == one.newsletters and one.state is not SubscriberState.SUPPRESSED:
        told = ("who", "when", "way", "edition")
        prepared.gone.execute(cursor, {name: values[name] for name in told})
    for name in newsletters:
        what = "subscriber.left" if name in ended else "subscriber.left_again"
        prepared.event.execute(cursor, values | {"paper": name, "what": what})
    return ended
