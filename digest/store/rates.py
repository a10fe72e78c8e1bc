"""About which of the latest issues too much came back, and whether an operator has taken note of it.

Every look of the service asks: of a million deliveries no more are counted than decide, none where little
came back, and none again where nothing has changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import Issue
from digest.rates import WATCHED, Level, Rate, What, beside, counts, worse
from digest.store import issues, rows
from digest.store.known import Known
from digest.store.received import BOTH, IS, IS_PROVED, Received
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import EVENT, IssueRow

MOST_DOMAINS = 10
"""How many domains of an issue are looked at: those from which most came back."""

SAID = 3
"""How many rates of an issue a sentence names."""

Came = Mapping[Issue, Mapping[str, Received]]
"""What came back, by issue and recipient domain."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An issue about which too much came back."""

    issue: Issue
    rates: tuple[Rate, ...]
    """What is told of or holds, the worst first."""

    @property
    def level(self) -> Level:
        """What the worst of it leads to."""
        return self.rates[0].level

    def __str__(self) -> str:
        """Say it: `daily 2026-11-24T07:00: 12 complaints of 3,900 accepted (0.31 %)`."""
        return f"{issues.name(self.issue)}: {'; '.join(map(str, self.rates[:SAID]))}"


def recent(session: Session, now: datetime, newsletter: str = "") -> list[Issue]:
    """Give the issues that were begun, frozen or ended within the time that is watched, and all open ones."""
    since = now - WATCHED
    query = select(IssueRow).where(
        (col(IssueRow.created_at) >= since)
        | (col(IssueRow.frozen_at) >= since)
        | (col(IssueRow.finished_at) >= since)
        | ~col(IssueRow.state).in_(issues.FINAL)
    )
    if newsletter:
        query = query.where(IssueRow.newsletter == newsletter)
    return [rows.issue(row) for row in session.exec(query.order_by(col(IssueRow.id)))]


def came(
    session: Session, among: Sequence[Issue], now: datetime, known: Known, *, after: datetime | None = None
) -> Came:
    """Count what came back about those issues that are watched; with `after` only what came after that."""
    watched = {one.id: one for one in among if _is_watched(one, now)}
    counted = known.came(session, watched, now, after)
    return {watched[issue_id]: domains for issue_id, domains in counted.items()}


def _is_watched(issue: Issue, now: datetime) -> bool:
    """Tell whether much may still come back: an issue that was held for long ends late."""
    if issue.frozen_at is None:
        return False
    return issue.state not in issues.FINAL or (issue.finished_at or issue.frozen_at) >= now - WATCHED


def standings(
    session: Session, back: Came, now: datetime, known: Known, *, after: datetime | None = None
) -> list[Standing]:
    """Give those issues about which too much came back, the worst first. `after` is that of `back`."""
    found = []
    for issue, domains in back.items():
        over = [known.rate(session, issue, one, now, after) for one in _to_weigh(domains)]
        if rates := [rate for rate in _weighed(over) if rate.level]:
            found.append(Standing(issue=issue, rates=tuple(sorted(rates, key=worse, reverse=True))))
    return sorted(found, key=lambda one: worse(one.rates[0]), reverse=True)


def holding(
    session: Session, among: Sequence[Issue], found: Sequence[Standing], now: datetime, known: Known
) -> Standing | None:
    """Give why no issue of a newsletter is to be sent now; None where nothing is against it.

    `among` are its latest issues and `found` are those about which too much came back. What an operator has
    taken note of counts no more.
    """
    worst = next((one for one in found if one.level is Level.HOLD), None)
    if worst is None:
        return None
    query = sa.select(sa.func.max(EVENT.c.at)).where(
        EVENT.c.issue_id.in_([issue.id for issue in among]), EVENT.c.kind == issues.RATES_CONFIRMED
    )
    noted_at = session.connection().execute(query).scalar_one()
    if noted_at is None:
        return worst
    since = standings(session, came(session, among, now, known, after=noted_at), now, known, after=noted_at)
    return next((one for one in since if one.level is Level.HOLD), None)


def _to_weigh(domains: Mapping[str, Received]) -> Iterator[Rate]:
    """Give what came back of an issue, over all and by domain, where it is enough to lead to anything."""
    for what in What:
        by_size = sorted(((_count(what, one), name) for name, one in domains.items() if name), reverse=True)
        total = sum(_count(what, one) for one in domains.values())
        for count, domain in [(total, ""), *by_size[:MOST_DOMAINS]]:
            if counts(what, count):
                yield Rate(what=what, count=count, accepted=0, domain=domain)


def _weighed(rates: Sequence[Rate]) -> Iterator[Rate]:
    """Judge each domain's rate beside that over all; where all are of one domain, it says nothing more."""
    whole = {rate.what: rate for rate in rates if not rate.domain}
    for rate in rates:
        if not rate.domain:
            yield rate
        elif replace(rate, domain="") != whole[rate.what]:
            yield beside(rate, whole[rate.what])


def _count(what: What, received: Received) -> int:
    return received.complained if what is What.COMPLAINTS else received.hard


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What came back about an issue because of us."""

    issue: Issue
    count: int
    domains: tuple[str, ...]
    """Where from, the most first."""
    evidence: str
    """What the last one said."""


def ours(session: Session, back: Came) -> list[Ours]:
    """Give what came back about issues because of us."""
    found = []
    for issue, domains in back.items():
        by_size = sorted(((one.ours, name) for name, one in domains.items() if one.ours), reverse=True)
        if by_size:
            query = sa.select(RETURNED_ABOUT.c.evidence).select_from(BOTH)
            query = query.where(RETURNED_ABOUT.c.issue_id == issue.id, IS["ours"], IS_PROVED)
            last = query.order_by(RETURNED.c.id.desc()).limit(1)
            found.append(
                Ours(
                    issue=issue,
                    count=sum(count for count, _ in by_size),
                    domains=tuple(name for _, name in by_size if name),
                    evidence=session.connection().execute(last).scalar_one(),
                )
            )
    return found
