"""What became of issues and of the audience, in figures, and the purge that leaves nothing but figures.

Counts what readers did by themselves: joined, left, were suppressed. Knows no opens and no clicks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, tzinfo

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import Counts, DeliveryState, Issue, IssueState, SubscriberState
from digest.store import issues, newaddress, received, subscribers
from digest.store.leavings import DEPARTURES, Leaving, Looks, leavings, looks
from digest.store.received import NOTHING, Received, Returns
from digest.store.tables import BATCH, DELIVERY, DELIVERY_REPLY, EVENT, ISSUE

_ARRIVALS = ("subscriber.added", "subscriber.joined", "subscriber.returned")

LOST_AFTER = timedelta(days=1)
"""A message on the wire for so long, in an issue that was cancelled meanwhile, has lost its sender."""


@dataclass(frozen=True, kw_only=True)
class IssueStats:
    """An issue, its deliveries by state, and what readers did with its links."""

    issue: Issue
    counts: Counts
    left: int = 0
    """Readers who left by a link of this issue."""
    views: int = 0
    """Readers whose unsubscribe page was fetched, which scanners do too: it means something in bulk only."""
    received: Received = NOTHING
    """How many readers' copies came back."""


@dataclass(frozen=True, kw_only=True)
class Day:
    """How many readers came and went on a local day."""

    day: date
    joined: int = 0
    left: int = 0


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The latest issues, newest first; subscribers by state; the last days, oldest first."""

    issues: tuple[IssueStats, ...]
    subscribers: Mapping[SubscriberState, int]
    days: tuple[Day, ...]
    leavings: tuple[Leaving, ...]
    """Who left in these days, the most first."""
    looks: Looks
    """How often the page of an unsubscribe link was only looked at in these days."""
    returns: Returns
    """What came back in these days, and what was refused at once."""


def summary(
    session: Session, now: datetime, zone: tzinfo, *, newsletter: str = "", latest: int = 30, days: int = 30
) -> Stats:
    """Sum up the `latest` issues and the last `days` local days of a zone, today among them.

    `newsletter` narrows issues, comings and goings; a subscriber's state is one for all newsletters.
    """
    shown = issues.listing(session, newsletter=newsletter, limit=latest)
    left = _readers(session, "subscriber.left", shown)
    views = _readers(session, "unsubscribe.viewed", shown)
    back = received.by_issue(session, [issue.id for issue in shown])
    starts = _starts(now.astimezone(zone).date(), zone, days)
    return Stats(
        issues=tuple(
            IssueStats(
                issue=issue,
                counts=issues.counts(session, issue.id),
                left=left.get(issue.id, 0),
                views=views.get(issue.id, 0),
                received=back[issue.id],
            )
            for issue in shown
        ),
        subscribers=subscribers.by_state(session),
        days=_days(session, starts, newsletter),
        leavings=leavings(session, starts[0], starts[-1], newsletter),
        looks=looks(session, starts[0], starts[-1], newsletter),
        returns=received.returns(session, starts[0], starts[-1], newsletter),
    )


def _readers(session: Session, kind: str, shown: Sequence[Issue]) -> dict[int, int]:
    """Count the readers of an act by issue."""
    query = (
        sa.select(EVENT.c.issue_id, sa.func.count(sa.distinct(EVENT.c.subscriber_id)).label("readers"))
        .where(EVENT.c.issue_id.in_([issue.id for issue in shown]), EVENT.c.kind == kind)
        .group_by(EVENT.c.issue_id)
    )
    return {row.issue_id: row.readers for row in session.connection().execute(query)}


def _starts(today: date, zone: tzinfo, days: int) -> list[datetime]:
    """Give the midnights at which the last days begin, and the one that ends them."""
    listed = [today - timedelta(days=back) for back in range(days - 1, -2, -1)]
    # Midnights are computed here, since neither database need know the zone's rules.
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in listed]


def _days(session: Session, starts: Sequence[datetime], newsletter: str) -> tuple[Day, ...]:
    nth = sa.case(*((EVENT.c.at < end, sa.literal(number)) for number, end in enumerate(starts[1:])))
    acts = (
        sa.select(nth.label("nth"), EVENT.c.kind.in_(_ARRIVALS).label("came"), EVENT.c.subscriber_id)
        .where(EVENT.c.at >= starts[0], EVENT.c.at < starts[-1])
        .where(EVENT.c.kind.in_((*_ARRIVALS, *DEPARTURES)))
    )
    if newsletter:
        # A suppression is of no newsletter, and of all.
        acts = acts.where(EVENT.c.newsletter.in_((newsletter, "")))
    by = acts.subquery()
    counted = session.connection().execute(
        sa.select(by.c.nth, by.c.came, sa.func.count(sa.distinct(by.c.subscriber_id))).group_by(
            by.c.nth, by.c.came
        )
    )
    tally = {(number, bool(came)): count for number, came, count in counted}
    return tuple(
        Day(day=start.date(), joined=tally.get((number, True), 0), left=tally.get((number, False), 0))
        for number, start in enumerate(starts[:-1])
    )


@dataclass(frozen=True, kw_only=True)
class Purged:
    """How many events lost their IP address, and how many issues their delivery rows."""

    events: int = 0
    issues: int = 0


def purge(session: Session, *, keep_ip_days: int, keep_deliveries_days: int, now: datetime) -> Purged:
    """Remove what is kept for a time only: IP addresses and agents, and the deliveries of old issues.

    With them go addresses that readers asked for and never confirmed. What remains of an issue are its
    counts. Deliveries that nobody can settle any more, because their issue was cancelled while they were on
    the wire and their sender then died, become unknown.
    """
    _settle_lost(session, now)
    newaddress.purge(session, now)
    traced = sa.update(EVENT).where(
        EVENT.c.at < now - timedelta(days=keep_ip_days), (EVENT.c.ip != "") | (EVENT.c.agent != "")
    )
    forgotten = session.connection().execute(traced.values(ip="", agent="")).rowcount
    old = _old_issues(session, now - timedelta(days=keep_deliveries_days))
    for issue_id in old:
        _reduce(session, issue_id)
    return Purged(events=forgotten, issues=len(old))


def _settle_lost(session: Session, now: datetime) -> None:
    cancelled = sa.select(ISSUE.c.id).where(
        ISSUE.c.state == IssueState.CANCELLED, ISSUE.c.finished_at < now - LOST_AFTER
    )
    connection = session.connection()
    for issue_id in connection.execute(cancelled.where(_has_deliveries())).scalars().all():
        connection.execute(
            sa.update(DELIVERY)
            .where(DELIVERY.c.issue_id == issue_id, DELIVERY.c.state == DeliveryState.SUBMITTING.value)
            .values(state=DeliveryState.UNKNOWN.value, doubtful=1)
        )


def _old_issues(session: Session, until: datetime) -> list[int]:
    query = sa.select(ISSUE.c.id).where(
        ISSUE.c.state.in_(issues.FINAL), ISSUE.c.finished_at < until, _has_deliveries()
    )
    return list(session.connection().execute(query).scalars())


def _has_deliveries() -> sa.ColumnElement[bool]:
    return sa.select(sa.literal(1)).where(BATCH.c.issue_id == ISSUE.c.id).exists()


def _reduce(session: Session, issue_id: int) -> None:
    """Reduce an issue's deliveries to their counts."""
    connection = session.connection()
    counts = asdict(issues.counts(session, issue_id))
    connection.execute(sa.update(ISSUE).where(ISSUE.c.id == issue_id).values(counts=counts))
    for table in (DELIVERY, DELIVERY_REPLY, BATCH):
        connection.execute(sa.delete(table).where(table.c.issue_id == issue_id))
