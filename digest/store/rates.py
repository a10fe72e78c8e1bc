"""About which of the latest issues too much came back, and whether an operator has taken note of it.

Every look of the service asks: of a million deliveries no more are counted than decide, and none where
little came back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import DeliveryState, Issue
from digest.rates import WATCHED, Level, Rate, What, beside, counts, harmless_from, worse
from digest.store import issues, rows
from digest.store.received import BOTH, IS, IS_PROVED, Received, by_domain
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import DELIVERY, EVENT, SUBSCRIBER, IssueRow

MOST_DOMAINS = 10
"""How many domains of an issue are looked at: those from which most came back."""

SAID = 3
"""How many rates of an issue a sentence names."""

Known = dict[tuple[int, datetime | None, str], tuple[int, bool]]
"""How many were accepted, by issue, its end and domain, as last counted; and whether those were all.

Since nothing that was accepted is taken back, there are no fewer now.
"""

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


def came(session: Session, among: Sequence[Issue], now: datetime, *, after: datetime | None = None) -> Came:
    """Count what came back about those issues that are watched; with `after` only what came after that."""
    watched = {one.id: one for one in among if _is_watched(one, now)}
    counted = by_domain(session, watched, after=after)
    return {watched[issue_id]: domains for issue_id, domains in counted.items()}


def _is_watched(issue: Issue, now: datetime) -> bool:
    """Tell whether much may still come back: an issue that was held for long ends late."""
    if issue.frozen_at is None:
        return False
    return issue.state not in issues.FINAL or (issue.finished_at or issue.frozen_at) >= now - WATCHED


def standings(session: Session, back: Came, known: Known) -> list[Standing]:
    """Give those issues about which too much came back, the worst first."""
    found = []
    for issue, domains in back.items():
        if rates := [rate for rate in _rates(session, issue, domains, known) if rate.level]:
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
    since = standings(session, came(session, among, now, after=noted_at), known)
    return next((one for one in since if one.level is Level.HOLD), None)


def _rates(session: Session, issue: Issue, domains: Mapping[str, Received], known: Known) -> list[Rate]:
    """Give an issue's rates, over all and by domain, as far as there are enough to lead to anything."""
    found: list[Rate] = []
    for what in What:
        by_size = sorted(((_count(what, one), name) for name, one in domains.items() if name), reverse=True)
        total = sum(_count(what, one) for one in domains.values())
        of_what: list[Rate] = []
        for count, domain in [(total, ""), *by_size[:MOST_DOMAINS]]:
            if counts(what, count):
                accepted = _accepted(session, issue, domain, harmless_from(what, count), known)
                rate = Rate(what=what, count=count, accepted=accepted, domain=domain)
                # Where all are of one domain, it says nothing more.
                if replace(rate, domain="") not in of_what:
                    of_what.append(beside(rate, of_what[0]) if of_what else rate)
        found += of_what
    return found


def _count(what: What, received: Received) -> int:
    return received.complained if what is What.COMPLAINTS else received.hard


def _accepted(session: Session, issue: Issue, domain: str, enough: int, known: Known) -> int:
    """Count an issue's accepted deliveries, of all or of a domain; where there are `enough`, perhaps not all.

    A million take 0.3 s on SQLite, and 0.8 s by domain: a great domain has enough within the first thousand,
    and what has ended is counted once.
    """
    key = issue.id, issue.finished_at, domain
    before, were_all = known.get(key, (0, False))
    if before >= enough or (were_all and issue.finished_at is not None):
        return before
    if not domain and issue.finished_at is not None:
        accepted, most = issues.counts(session, issue.id).accepted, 0
    else:
        # Twice as many, so that not every further bounce has it counted anew.
        most = 2 * enough
        accepted = _counted(session, issue.id, domain, most)
    known[key] = accepted, accepted != most
    return accepted


def _counted(session: Session, issue_id: int, domain: str, most: int) -> int:
    some = sa.select(sa.literal(1)).where(
        DELIVERY.c.issue_id == issue_id, DELIVERY.c.state == DeliveryState.ACCEPTED.value
    )
    if domain:
        some = some.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id).where(
            SUBSCRIBER.c.address_key.endswith(f"@{domain}", autoescape=True)
        )
    query = sa.select(sa.func.count()).select_from(some.limit(most).subquery())
    return int(session.connection().execute(query).scalar_one())


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
