"""What a sign-up form leads to, on the driver's own cursor: a list's robots come by the hundred.

Every way through `ask` reads and writes as much: neither what it answers nor how long it takes tells whether
an address is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from digest.address import address_key, suppression_key
from digest.errors import StoreError
from digest.model import Channel, SubscriberState
from digest.signup import Lead, lead, network
from digest.store import readermail
from digest.store.departures import AGENT_CHARACTERS
from digest.store.limits import DAY, HOUR, Limit, Limits
from digest.store.prepared import Hand, Prepared
from digest.store.signups import ASKED, proof
from digest.store.subscribers import Visit
from digest.store.tables import EVENT, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION

A_DAY = Limit(what="mail of a sign-up, a day", most=1, seconds=DAY)
UNCLICKED = Limit(what="mail of a sign-up, without a click", most=2, seconds=30 * DAY)
"""What one address gets: one mail a day, and no third one without a click. A click begins anew."""

NOBODYS = Limit(what="sign-ups of nobody", most=0, seconds=HOUR)
"""Counted where there is no subscriber to write to, so that as many rows are written."""

NOT_MAILED = "signup.not_mailed"
ALL = "all"
TRIES = 3
NOBODY = 0
"""The id that no subscriber has."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How many sign-ups an hour; 0 for no limit."""

    per_ip: int
    per_network: int
    in_all: int


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for, and all that proves it: an address in wire form, newsletters, and the form."""

    email: str
    newsletters: tuple[str, ...]
    language: str = ""
    ip: str = ""
    agent: str = ""
    form: str = ""
    """The URL of the page that the form stands on."""
    text: str = ""
    """The version of the words that it showed."""

    @property
    def visit(self) -> Visit:
        """Who asked, and by which way."""
        return Visit(channel=Channel.PAGE, ip=self.ip, agent=self.agent)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What became of a wish; the visitor is told nothing of it."""

    lead: Lead
    over: str = ""
    """The limit that kept us from mailing: `ip`, `network`, `all` or `address`."""


@dataclass(frozen=True, kw_only=True)
class _Person:
    """A subscriber as far as a sign-up has to know, locked until the end of the transaction."""

    id: int
    state: SubscriberState | None
    email: str
    language: str
    newsletters: tuple[str, ...]


class _Statements:
    def __init__(self, dialect: sa.Dialect) -> None:
        key, who = sa.bindparam("key", type_=sa.String), sa.bindparam("who", type_=sa.BigInteger)
        found = sa.select(SUBSCRIBER.c.id, SUBSCRIBER.c.state, SUBSCRIBER.c.email, SUBSCRIBER.c.language)
        self.person = Prepared(found.where(SUBSCRIBER.c.address_key == key).with_for_update(), dialect)
        member = (SUBSCRIPTION.c.subscriber_id == who) & SUBSCRIPTION.c.left_at.is_(None)
        self.members = Prepared(sa.select(SUBSCRIPTION.c.newsletter).where(member), dialect)
        suppressed = sa.select(SUPPRESSION.c.reason).where(SUPPRESSION.c.address_hash == key)
        self.suppressed = Prepared(suppressed, dialect)
        touched = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == who)
        self.touched = Prepared(touched.values(language=SUBSCRIBER.c.language), dialect)
        insert = (sqlite if dialect.name == "sqlite" else postgresql).insert(SUBSCRIBER)
        made = insert.values(
            state=SubscriberState.PENDING, address_version=1, name="", confirmed_ip="", soft_bounces=0
        )
        said = ("email", "address_key", "language", "created_at")
        proven = ("consent", "consent_ip", "consent_agent", "consent_form", "consent_text")
        self.newcomer = Prepared(
            made.on_conflict_do_nothing(index_elements=["address_key"]).returning(SUBSCRIBER.c.id),
            dialect,
            columns=[*said, *proven],
        )
        columns = ("at", "kind", "subscriber_id", "newsletter", "ip", "agent", "detail")
        self.event = Prepared(sa.insert(EVENT).values(channel=Channel.PAGE), dialect, columns=columns)


@lru_cache(maxsize=8)
def _statements(dialect: sa.Dialect) -> _Statements:
    return _Statements(dialect)


def ask(hand: Hand, wish: Wish, rates: Rates, now: datetime) -> Asked:
    """Take in a wish: queue the mail that it leads to, if any. Nobody is signed up before the click."""
    limits = Limits(hand, now)
    ip, net = network(wish.ip)
    for over, most, value in (
        ("ip", rates.per_ip, ip),
        ("network", rates.per_network, net),
        (ALL, rates.in_all, ""),
    ):
        if not limits.within(_an_hour(over, most), value):
            return Asked(lead=Lead.NOTHING, over=over)
    key = address_key(wish.email)
    # The subscriber before the address's counts, as in every other transaction: else two block each other.
    one = _person(hand, key)
    # What the first one stops is no mail, and so does not count for the second; but it is as much work.
    free = limits.within(A_DAY, key)
    free = limits.within(UNCLICKED, key if free else f"{key} again") and free
    suppressed = _reason(hand, suppression_key(wish.email, limits.key)) not in (None, "erased")
    leads, newsletters = lead(
        state=one.state, has=one.newsletters, wanted=wish.newsletters, suppressed=suppressed
    )
    if not free:
        _not_mailed(hand, limits, one, wish, why="limit", now=now)
        return Asked(lead=Lead.NOTHING, over="address")
    if leads is Lead.NOTHING:
        _not_mailed(hand, limits, one, wish, why="suppressed", now=now)
        return Asked(lead=leads)
    subscriber_id = _touched(hand, one.id) if one.id else _newcomer(hand, wish, key, now)
    mail_id = readermail.queue(
        hand,
        kind=leads.value,
        subscriber_id=subscriber_id,
        email=one.email or wish.email,
        newsletters=newsletters,
        language=wish.language or one.language,
        now=now,
    )
    proven = f"mail={mail_id} text={wish.text} form={wish.form}"
    _note(hand, ASKED, wish, now, subscriber_id=subscriber_id, newsletters=newsletters, detail=proven)
    return Asked(lead=leads)


def _an_hour(over: str, most: int) -> Limit:
    return Limit(what=f"sign-ups by {over}", most=most, seconds=HOUR)


def refused(hand: Hand, in_all: int, now: datetime) -> int:
    """Give how many sign-ups of the running hour went over the limit of `in_all`."""
    limit = _an_hour(ALL, in_all)
    return max(0, Limits(hand, now).counted(limit, "") - in_all) if in_all else 0


def _person(hand: Hand, key: str) -> _Person:
    """Give the subscriber of an address, or nobody, after as much work."""
    prepared = _statements(hand.dialect)
    row = prepared.person.execute(hand.cursor, {"key": key}).fetchone()
    who, state, email, language = row or (NOBODY, None, "", "")
    members = prepared.members.execute(hand.cursor, {"who": who}).fetchall()
    return _Person(
        id=who,
        state=SubscriberState(state) if state else None,
        email=email,
        language=language,
        newsletters=tuple(name for (name,) in members),
    )


def _reason(hand: Hand, address_hash: str) -> str | None:
    """Give why an address is never mailed, None where it may be."""
    found = _statements(hand.dialect).suppressed.execute(hand.cursor, {"key": address_hash}).fetchone()
    return None if found is None else str(found[0])


def _not_mailed(hand: Hand, limits: Limits, one: _Person, wish: Wish, *, why: str, now: datetime) -> None:
    """Do as much work as where a mail is queued, and keep nothing of the address."""
    if one.id:
        _touched(hand, one.id)
    else:
        limits.count(NOBODYS, address_key(wish.email))
    readermail.unsent(hand, kind=readermail.CONFIRM, subscriber_id=one.id, error=why, now=now)
    _note(hand, NOT_MAILED, wish, now, subscriber_id=one.id or None, newsletters=wish.newsletters, detail=why)


def _note(
    hand: Hand,
    kind: str,
    wish: Wish,
    now: datetime,
    *,
    subscriber_id: int | None,
    newsletters: Sequence[str],
    detail: str,
) -> None:
    """Write a line of the audit log; one that is about several newsletters names none."""
    row = {
        "at": now,
        "kind": kind,
        "subscriber_id": subscriber_id,
        "newsletter": newsletters[0] if len(newsletters) == 1 else "",
        "ip": wish.ip,
        "agent": wish.agent[:AGENT_CHARACTERS],
        "detail": detail,
    }
    _statements(hand.dialect).event.execute(hand.cursor, row)


def _touched(hand: Hand, subscriber_id: int) -> int:
    _statements(hand.dialect).touched.execute(hand.cursor, {"who": subscriber_id})
    return subscriber_id


def _newcomer(hand: Hand, wish: Wish, key: str, now: datetime) -> int:
    """Insert one who is pending, with the proof of the form; another request may have been faster."""
    row = {"email": wish.email, "address_key": key, "language": wish.language, "created_at": now}
    row |= proof(now, wish.visit, wish.form, wish.text)
    for _ in range(TRIES):
        if made := _statements(hand.dialect).newcomer.execute(hand.cursor, row).fetchone():
            return int(made[0])
        # Another's, who may be forgotten before we look.
        if found := _person(hand, key).id:
            return found
    raise StoreError("The address came and went while it signed up: please try again.")
