"""Counts what came back: about issues, and in a span of time by recipient domain and by reason."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from digest.address import domain
from digest.bounce.report import Kind, Verdict
from digest.marks import MARKS, Proof
from digest.model import DeliveryState
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import DELIVERY, DELIVERY_REPLY, ISSUE, SUBSCRIBER


@dataclass(frozen=True, kw_only=True)
class Received:
    """How many readers' copies came back, each reader once an issue and once a column."""

    hard: int = 0
    soft: int = 0
    ours: int = 0
    """Because of our sender, content or reputation: they say nothing about the reader."""
    complained: int = 0

    def __add__(self, other: "Received") -> "Received":
        """Give both together."""
        return Received(
            hard=self.hard + other.hard,
            soft=self.soft + other.soft,
            ours=self.ours + other.ours,
            complained=self.complained + other.complained,
        )

    @property
    def total(self) -> int:
        """Give all together."""
        return self.hard + self.soft + self.ours + self.complained


NOTHING = Received()


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What a recipient domain sent back, and what it refused at once."""

    domain: str
    refused: int
    received: Received


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why, and how often. `what` is `refused`, a verdict, or `complained`."""

    what: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Returns:
    """A span of time by domain and by reason, the most first."""

    domains: tuple[Domain, ...] = ()
    reasons: tuple[Reason, ...] = ()


def is_bounce(verdict: Verdict) -> sa.ColumnElement[bool]:
    """Say which rows about an address are bounces of a verdict."""
    return (RETURNED.c.kind == Kind.BOUNCE.value) & (RETURNED_ABOUT.c.verdict == verdict.value)


IS = {
    "hard": is_bounce(Verdict.HARD),
    "soft": is_bounce(Verdict.SOFT),
    "ours": is_bounce(Verdict.OURS),
    "complained": RETURNED.c.kind == Kind.COMPLAINT.value,
}

IS_PROVED = RETURNED_ABOUT.c.proof.in_([proof.value for proof in (*MARKS, Proof.PROVIDER)])
"""What nobody can have forged: a stranger's mail must stop no newsletter."""

BOTH = RETURNED_ABOUT.join(RETURNED, RETURNED.c.id == RETURNED_ABOUT.c.returned_id)
"""What came back, with whom it was about."""


def _count(name: str) -> sa.ColumnElement[int]:
    reader = sa.case((IS[name], RETURNED_ABOUT.c.subscriber_id))
    return sa.func.count(sa.distinct(reader)).label(name)


def by_domain(
    session: Session, issue_ids: Collection[int], *, after: datetime | None = None
) -> dict[int, dict[str, Received]]:
    """Count what came back by issue and domain, with `after` only what came after that.

    Only what a mark of ours, or its provider, proves to be about that issue.
    """
    query = (
        sa.select(RETURNED_ABOUT.c.issue_id, RETURNED_ABOUT.c.domain, *map(_count, IS))
        .select_from(BOTH)
        .where(RETURNED_ABOUT.c.issue_id.in_(issue_ids), IS_PROVED)
        .group_by(RETURNED_ABOUT.c.issue_id, RETURNED_ABOUT.c.domain)
    )
    if after is not None:
        query = query.where(RETURNED.c.at > after)
    found: dict[int, dict[str, Received]] = {issue_id: {} for issue_id in issue_ids}
    for row in session.connection().execute(query):
        found[row.issue_id][row.domain] = Received(**{name: getattr(row, name) for name in IS})
    return found


def by_issue(session: Session, issue_ids: Collection[int]) -> dict[int, Received]:
    """Count what came back by issue."""
    counted = by_domain(session, issue_ids)
    return {issue_id: sum(domains.values(), NOTHING) for issue_id, domains in counted.items()}


def returns(session: Session, since: datetime, until: datetime, newsletter: str = "") -> Returns:
    """Count what came back, and what was refused at once, in since <= at < until."""
    of_it = () if not newsletter else (ISSUE.c.newsletter == newsletter,)
    refused, whys = _refusals(session, since, until, of_it)
    came, more = _came(session, since, until, of_it)
    domains = [
        Domain(domain=name, refused=refused[name], received=came.get(name, NOTHING))
        for name in {*refused, *came}
    ]
    reasons = [
        Reason(what=what, reason=reason, count=count) for (what, reason), count in (whys + more).items()
    ]
    return Returns(
        domains=tuple(sorted(domains, key=lambda one: (-one.refused - one.received.total, one.domain))),
        reasons=tuple(sorted(reasons, key=lambda one: (-one.count, one.what, one.reason))),
    )


def _came(
    session: Session, since: datetime, until: datetime, of_it: tuple[sa.ColumnElement[bool], ...]
) -> tuple[dict[str, Received], Counter[tuple[str, str]]]:
    """Count what came back: every address once for each mail, since not all are known to be readers'."""
    what = sa.case(*((test, sa.literal(name)) for name, test in IS.items()), else_=None).label("what")
    reason = sa.func.coalesce(sa.func.nullif(RETURNED_ABOUT.c.reason, ""), RETURNED.c.reason).label("reason")
    told = (
        sa.select(RETURNED_ABOUT.c.domain, what, reason)
        .select_from(BOTH.outerjoin(ISSUE, ISSUE.c.id == RETURNED_ABOUT.c.issue_id))
        .where(RETURNED.c.at >= since, RETURNED.c.at < until, *of_it)
        .where(RETURNED_ABOUT.c.proof.not_in((Proof.FORGED.value, Proof.CONTRADICTORY.value)))
        .subquery()
    )
    query = sa.select(*told.c, sa.func.count().label("mails")).where(told.c.what.is_not(None))
    domains: dict[str, Received] = {}
    whys: Counter[tuple[str, str]] = Counter()
    for row in session.connection().execute(query.group_by(*told.c)):
        domains[row.domain] = domains.get(row.domain, NOTHING) + Received(**{row.what: row.mails})
        whys[row.what, row.reason] += row.mails
    return domains, whys


def _refusals(
    session: Session, since: datetime, until: datetime, of_it: tuple[sa.ColumnElement[bool], ...]
) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Count what a relay refused for good. Domains are read here: the databases have no one way to it."""
    refused = DELIVERY_REPLY.join(
        DELIVERY,
        (DELIVERY.c.issue_id == DELIVERY_REPLY.c.issue_id)
        & (DELIVERY.c.subscriber_id == DELIVERY_REPLY.c.subscriber_id),
    ).join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY_REPLY.c.subscriber_id)
    query: sa.Select[Any] = (
        sa.select(SUBSCRIBER.c.address_key, DELIVERY_REPLY.c.kind)
        .select_from(refused.join(ISSUE, ISSUE.c.id == DELIVERY_REPLY.c.issue_id))
        .where(DELIVERY_REPLY.c.at >= since, DELIVERY_REPLY.c.at < until, *of_it)
        .where(DELIVERY.c.state == DeliveryState.REFUSED.value)
    )
    domains: Counter[str] = Counter()
    whys: Counter[tuple[str, str]] = Counter()
    for address, kind in session.connection().execute(query.execution_options(yield_per=1000)):
        domains[domain(address)] += 1
        whys["refused", kind] += 1
    return domains, whys
