"""Reads subscribers as values, a page at a time: one query a page, whatever their memberships."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import Subscriber
from digest.store.tables import ISSUE, SUBSCRIBER, SUBSCRIPTION

_TOLD = [
    SUBSCRIBER.c[name]
    for name in (
        "id",
        "email",
        "state",
        "name",
        "address_version",
        "created_at",
        "confirmed_at",
        "consent",
        "left_at",
        "left_issue_id",
        "left_channel",
    )
]


def page(session: Session, *where: sa.ColumnElement[bool], limit: int) -> list[Subscriber]:
    """Give the first subscribers by id that fulfil the conditions."""
    first = sa.select(*_TOLD).where(*where).order_by(SUBSCRIBER.c.id).limit(limit).subquery()
    member = (SUBSCRIPTION.c.subscriber_id == first.c.id) & SUBSCRIPTION.c.left_at.is_(None)
    query = (
        sa.select(first, ISSUE.c.slot, SUBSCRIPTION.c.newsletter)
        .outerjoin(ISSUE, ISSUE.c.id == first.c.left_issue_id)
        .outerjoin(SUBSCRIPTION, member)
        .order_by(first.c.id, SUBSCRIPTION.c.newsletter)
    )
    return list(_values(session.connection().execute(query)))


def _values(rows: sa.CursorResult[Any]) -> Iterator[Subscriber]:
    """Fold the rows of one subscriber, one a membership, into its value."""
    for _, memberships in groupby(rows, key=lambda row: row.id):
        row, *more = memberships
        yield Subscriber(
            id=row.id,
            email=row.email,
            state=row.state,
            name=row.name,
            newsletters=tuple(one.newsletter for one in (row, *more) if one.newsletter),
            address_version=row.address_version,
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
            consent=row.consent,
            left_at=row.left_at,
            left_issue=row.slot or "",
            left_channel=row.left_channel,
        )
