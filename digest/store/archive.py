"""The archive: issues that have reached somebody, as their newest revision tells them. Reads alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import IssueState, Picture, Rendering
from digest.store import revisions, rows
from digest.store.tables import ISSUE, IssueRow, RenderingRow


@dataclass(frozen=True, kw_only=True)
class Past:
    """An issue that went out, as a list of them tells it."""

    newsletter: str
    slot: str
    extra: str | None
    subject: str
    preheader: str
    published_at: datetime
    """When the first messages left."""
    updated_at: datetime
    """When its newest revision was made, if that was later."""

    @property
    def name(self) -> str:
        """What its address ends in: its slot, or an extra's name."""
        return self.extra or self.slot


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An issue that went out, whole."""

    past: Past
    rendering: Rendering
    picture: Picture | None
    """The first of its stories' pictures."""


def page(session: Session, *, newsletter: str = "", before: str = "", size: int) -> tuple[list[Past], str]:
    """Give the latest issues, newest slot first, and the slot before which there are more; empty: no more.

    Of one newsletter or of all; of the slots before `before`. Slots of one name are never torn apart, so a
    page may hold a few more than `size`.
    """
    wanted = [_there(newsletter)] + ([col(IssueRow.slot) < before] if before else [])
    slots = select(IssueRow.slot).where(*wanted).order_by(col(IssueRow.slot).desc())
    first = session.exec(slots.limit(size + 1)).all()
    if len(first) <= size:
        return _past(session, wanted), ""
    last = first[size - 1]
    found = _past(session, [*wanted, col(IssueRow.slot) >= last])
    more = session.exec(slots.where(col(IssueRow.slot) < last).limit(1)).first()
    return found, last if more else ""


def find(session: Session, newsletter: str, name: str) -> Kept | None:
    """Give an issue by its slot, or an extra by its name."""
    named = sa.or_(col(IssueRow.slot) == name, col(IssueRow.extra) == name)
    # No extra can be called like a slot.
    query = _query([_there(newsletter), named]).add_columns(col(IssueRow.id), col(IssueRow.revision))
    row = session.connection().execute(query.limit(1)).mappings().first()
    if row is None:
        return None
    rendering = session.get_one(RenderingRow, (row["id"], row["revision"]))
    pictures = (article.picture for article in revisions.articles(session, row["id"]))
    return Kept(
        past=_one(row),
        rendering=rows.rendering(rendering),
        picture=next((picture for picture in pictures if picture is not None), None),
    )


def _there(newsletter: str) -> sa.ColumnElement[bool]:
    """Say what is in the archive: what reached anybody, and was not taken back after all."""
    there = sa.and_(col(IssueRow.reached).is_(True), col(IssueRow.state) != IssueState.CANCELLED)
    return sa.and_(there, col(IssueRow.newsletter) == newsletter) if newsletter else there


def _query(wanted: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    newest = sa.and_(
        col(RenderingRow.issue_id) == col(IssueRow.id), col(RenderingRow.revision) == col(IssueRow.revision)
    )
    told: list[sa.ColumnElement[Any]] = [
        *(ISSUE.c[name] for name in ("newsletter", "slot", "extra", "due_at", "started_at")),
        *(getattr(RenderingRow, name) for name in ("subject", "preheader", "at")),
    ]
    return sa.select(*told).join(RenderingRow, newest).where(*wanted)


def _past(session: Session, wanted: Sequence[sa.ColumnElement[bool]]) -> list[Past]:
    ordered = _query(wanted).order_by(
        col(IssueRow.slot).desc(), col(IssueRow.newsletter), col(IssueRow.id).desc()
    )
    return [_one(row) for row in session.connection().execute(ordered).mappings()]


def _one(row: sa.RowMapping) -> Past:
    published = row["started_at"] or row["due_at"]
    return Past(
        newsletter=row["newsletter"],
        slot=row["slot"],
        extra=row["extra"],
        subject=row["subject"],
        preheader=row["preheader"],
        published_at=published,
        updated_at=max(published, row["at"]),
    )
