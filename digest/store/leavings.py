"""Who left, in figures: from which newsletter and issue, by which way, and why. Looks are counted apart."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import Channel
from digest.store.tables import EVENT, ISSUE

DEPARTURES = ("subscriber.left", "subscriber.suppressed")


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """How many left alike. What is not known is empty."""

    newsletter: str
    """Empty where an address is never mailed again: that is of all newsletters."""
    slot: str
    """Of the issue whose link was used, or whose mail came back."""
    extra: str
    channel: Channel | None
    reason: str
    """In one of the words that the page offers; the last one that a reader gave."""
    readers: int


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How often the pages of unsubscribe links were fetched, and of how many readers. Scanners do so too."""

    times: int
    readers: int


def leavings(session: Session, since: datetime, until: datetime, newsletter: str = "") -> tuple[Leaving, ...]:
    """Count who left in since <= at < until, the most first."""
    last = (
        sa.select(sa.func.max(EVENT.c.id))
        .where(EVENT.c.kind == "subscriber.reason", EVENT.c.at >= since)
        .group_by(EVENT.c.subscriber_id, EVENT.c.newsletter)
    )
    why = sa.select(EVENT.c.subscriber_id, EVENT.c.newsletter, EVENT.c.detail).where(EVENT.c.id.in_(last))
    reason, gone = why.subquery(), EVENT
    same = (reason.c.subscriber_id == gone.c.subscriber_id) & (
        # A link without an issue speaks of all newsletters.
        (reason.c.newsletter == gone.c.newsletter) | (reason.c.newsletter == "")
    )
    told = (gone.c.newsletter, ISSUE.c.slot, ISSUE.c.extra, gone.c.channel, reason.c.detail)
    readers = sa.func.count(sa.distinct(gone.c.subscriber_id)).label("readers")
    query = (
        sa.select(*told, readers)
        .select_from(gone.outerjoin(ISSUE, ISSUE.c.id == gone.c.issue_id).outerjoin(reason, same))
        .where(gone.c.kind.in_(DEPARTURES), gone.c.at >= since, gone.c.at < until)
        .group_by(*told)
        .order_by(readers.desc(), *told)
    )
    if newsletter:
        # A suppression is of no newsletter, and of all.
        query = query.where(gone.c.newsletter.in_((newsletter, "")))
    return tuple(
        Leaving(
            newsletter=row.newsletter,
            slot=row.slot or "",
            extra=row.extra or "",
            channel=row.channel,
            reason=row.detail or "",
            readers=row.readers,
        )
        for row in session.connection().execute(query)
    )


def looks(session: Session, since: datetime, until: datetime, newsletter: str = "") -> Looks:
    """Count the fetches of unsubscribe pages in since <= at < until."""
    query = sa.select(sa.func.count(), sa.func.count(sa.distinct(EVENT.c.subscriber_id))).where(
        EVENT.c.kind == "unsubscribe.viewed", EVENT.c.at >= since, EVENT.c.at < until
    )
    if newsletter:
        query = query.where(EVENT.c.newsletter.in_((newsletter, "")))
    times, readers = session.connection().execute(query).one()
    return Looks(times=times, readers=readers)
