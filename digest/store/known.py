"""What earlier looks at what came back have counted, so that not every look counts it anew.

Among a million deliveries the counting takes about a second for each domain.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import DeliveryState, Issue
from digest.rates import Rate, What, harmless_from
from digest.store import issues
from digest.store.received import Received, by_domain
from digest.store.returned_tables import RETURNED
from digest.store.tables import DELIVERY, SUBSCRIBER

KEPT = timedelta(minutes=5)
"""For so long holds what may have changed unseen."""

Back = Mapping[int, Mapping[str, Received]]
"""What came back, by issue and recipient domain."""


@dataclass(frozen=True, kw_only=True)
class _Counted:
    rate: Rate
    were_all: bool
    """Whether no more were accepted at that time."""
    at: datetime


@dataclass(frozen=True, kw_only=True)
class _Came:
    back: Back
    last: int | None
    """The latest that had come back."""
    at: datetime


class Known:
    """What was counted. Threads share it: what it holds is replaced, never changed."""

    def __init__(self) -> None:
        self._rates: dict[tuple[int, datetime | None, What, str, datetime | None], _Counted] = {}
        self._came: dict[tuple[frozenset[int], datetime | None], _Came] = {}

    def came(
        self, session: Session, issue_ids: Collection[int], now: datetime, after: datetime | None
    ) -> Back:
        """Count what came back about issues, with `after` only what came after that, where more has come."""
        last = session.connection().execute(sa.select(sa.func.max(RETURNED.c.id))).scalar_one()
        key = frozenset(issue_ids), after
        kept = self._came.get(key)
        # Ids may be seen out of their order on PostgreSQL.
        if kept is None or kept.last != last or not _is_fresh(kept.at, now):
            kept = _Came(back=by_domain(session, issue_ids, after=after), last=last, at=now)
            self._came = {one: came for one, came in self._came.items() if _is_fresh(came.at, now)}
            self._came |= {key: kept}
        return kept.back

    def rate(self, session: Session, issue: Issue, came: Rate, now: datetime, after: datetime | None) -> Rate:
        """Give what came back over how many were accepted; where those are enough, perhaps not over all.

        Since nothing that was accepted is taken back, there are no fewer now than there were: an old count
        of an issue that is being sent leads to nothing that it has not led to when it was new.
        """
        key = issue.id, issue.finished_at, came.what, came.domain, after
        enough = harmless_from(came.what, came.count)
        kept = self._rates.get(key)
        if kept is not None:
            rate = replace(came, accepted=kept.rate.accepted)
            if rate.accepted >= enough or (kept.were_all and issue.finished_at is not None):
                return rate
            if kept.were_all and _is_fresh(kept.at, now) and rate.level <= kept.rate.level:
                return rate
        if not came.domain and issue.finished_at is not None:
            accepted, most = issues.counts(session, issue.id).accepted, 0
        else:
            # Twice as many, so that not every further bounce has it counted anew.
            most = 2 * enough
            accepted = _accepted(session, issue.id, came.domain, most)
        rate = replace(came, accepted=accepted)
        self._rates[key] = _Counted(rate=rate, were_all=accepted != most, at=now)
        return rate


def _is_fresh(at: datetime, now: datetime) -> bool:
    return at <= now < at + KEPT


def _accepted(session: Session, issue_id: int, domain: str, most: int) -> int:
    """Count an issue's accepted deliveries, of all or of a domain, up to so many."""
    some = sa.select(sa.literal(1)).where(
        DELIVERY.c.issue_id == issue_id, DELIVERY.c.state == DeliveryState.ACCEPTED.value
    )
    if domain:
        some = some.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id).where(
            SUBSCRIBER.c.address_key.endswith(f"@{domain}", autoescape=True)
        )
    query = sa.select(sa.func.count()).select_from(some.limit(most).subquery())
    return int(session.connection().execute(query).scalar_one())
