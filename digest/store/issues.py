"""Issues: their states, decisions and bytes. Every change of state is a compare-and-set."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.errors import IssueError
from digest.issue import Selection
from digest.model import Counts, Decision, DeliveryState, Issue, IssueState, Rendering, Slot
from digest.rates import RATES
from digest.store import rows
from digest.store.database import insert_for
from digest.store.tables import (
    BATCH,
    DELIVERY,
    ISSUE,
    ArticleRow,
    EventRow,
    IssueArticleRow,
    IssueRow,
    RenderingRow,
)

UNFROZEN = (IssueState.DRAFT, IssueState.APPROVED)
RUNNING = (IssueState.DRAFT, IssueState.APPROVED, IssueState.FROZEN, IssueState.SENDING)
FINAL = (IssueState.SENT, IssueState.SKIPPED, IssueState.CANCELLED)

RATES_CONFIRMED = "issue.rates_confirmed"
"""The event of an operator who has an issue sent though too much came back about its newsletter."""


def open_draft(session: Session, newsletter: str, slot: Slot, now: datetime) -> Issue:
    """Give the issue of a slot, as a draft where there is none yet. The slot is unique in the store."""
    issue = find(session, newsletter, slot.name)
    if issue is not None:
        return issue
    begin(session, newsletter, slot, now)
    issue = find(session, newsletter, slot.name)
    assert issue is not None
    return issue


def begin(session: Session, newsletter: str, slot: Slot, now: datetime, *, extra: str | None = None) -> bool:
    """Begin an issue as a draft; False where its slot, or an extra's name, is taken."""
    insert = insert_for(session)(ISSUE).values(
        newsletter=newsletter,
        slot=slot.name,
        extra=extra,
        due_at=slot.instant,
        state=IssueState.DRAFT,
        hold_code="",
        reason="",
        audience=0,
        audience_confirmed=False,
        reached=False,
        created_at=now,
    )
    if session.connection().execute(insert.on_conflict_do_nothing()).rowcount != 1:
        return False
    begun = find(session, newsletter, slot.name)
    assert begun is not None
    note(session, begun, "issue.drafted", now, extra or "")
    return True


def find(session: Session, newsletter: str, slot: str) -> Issue | None:
    """Give the issue of a newsletter's slot."""
    row = session.exec(
        select(IssueRow)
        .where(IssueRow.newsletter == newsletter, IssueRow.slot == slot)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return rows.issue(row) if row else None


def get(session: Session, issue_id: int) -> Issue:
    """Give an issue by its id."""
    return rows.issue(session.get_one(IssueRow, issue_id, populate_existing=True))


def listing(
    session: Session, *, newsletter: str = "", limit: int = 30, scheduled: bool = False
) -> list[Issue]:
    """Give the latest issues, newest slot first; with `scheduled` no extras."""
    query = select(IssueRow).order_by(col(IssueRow.due_at).desc(), col(IssueRow.id).desc()).limit(limit)
    if newsletter:
        query = query.where(IssueRow.newsletter == newsletter)
    if scheduled:
        query = query.where(col(IssueRow.extra).is_(None))
    return [rows.issue(row) for row in session.exec(query)]


def unfinished(session: Session) -> list[Issue]:
    """Give every issue that is not final, oldest slot first."""
    query = select(IssueRow).where(~col(IssueRow.state).in_(FINAL)).order_by(col(IssueRow.due_at))
    return [rows.issue(row) for row in session.exec(query)]


def before(session: Session, issue: Issue) -> Issue | None:
    """Give the last issue of the same newsletter's schedule that was sent before this one."""
    query = (
        select(IssueRow)
        .where(
            IssueRow.newsletter == issue.newsletter,
            IssueRow.state == IssueState.SENT,
            col(IssueRow.due_at) < issue.due_at,
            col(IssueRow.extra).is_(None),
        )
        .order_by(col(IssueRow.due_at).desc())
        .limit(1)
    )
    row = session.exec(query).one_or_none()
    return rows.issue(row) if row else None


def move(
    session: Session,
    issue: Issue,
    to: IssueState,
    now: datetime,
    *,
    allowed: Iterable[IssueState],
    **columns: Any,  # noqa: ANN401 - a row's columns differ in type
) -> Issue | None:
    """Bring an issue into a state if it is in one of `allowed` now; None where somebody was faster."""
    update = (
        sa.update(IssueRow)
        .where(col(IssueRow.id) == issue.id, col(IssueRow.state).in_(tuple(allowed)))
        .values(state=to, **columns)
    )
    if session.connection().execute(update).rowcount != 1:
        return None
    moved = get(session, issue.id)
    note(session, moved, f"issue.{to.value}", now, moved.reason if to not in RUNNING else "")
    return moved


def hold(session: Session, issue: Issue, code: str, reason: str, now: datetime) -> Issue:
    """Hold an issue that is not final, keeping the state it came from. `code` says what may lift it."""
    held = move(
        session,
        issue,
        IssueState.HELD,
        now,
        allowed=RUNNING,
        # The state it has in this very statement, and not the one that was read before it.
        held_from=col(IssueRow.state),
        held_at=now,
        hold_code=code,
        reason=reason,
    )
    here = held or get(session, issue.id)
    if here.state is not IssueState.HELD:
        raise _misfit(here, "held", "draft, approved, frozen or sending")
    return here


def resume(session: Session, issue: Issue, now: datetime, *, confirm_audience: bool = False) -> Issue:
    """Bring a held issue back to the state it came from. `confirm_audience`: somebody has looked at it.

    Then neither a shrunken audience nor what came back about its newsletter holds it again.
    """
    here = get(session, issue.id)
    resumed = move(
        session,
        here,
        here.held_from or IssueState.DRAFT,
        now,
        allowed=(IssueState.HELD,),
        held_from=None,
        held_at=None,
        hold_code="",
        reason="",
        audience_confirmed=here.audience_confirmed or confirm_audience,
    )
    if resumed is None:
        raise _misfit(here, "resumed", "held")
    if confirm_audience and here.hold_code == RATES:
        note(session, resumed, RATES_CONFIRMED, now)
    return resumed


def approve(session: Session, issue: Issue, now: datetime) -> Issue:
    """Approve a draft: what its rendering says now is what is sent."""
    if latest_rendering(session, issue.id) is None:
        raise IssueError(
            f"{name(issue)} has nothing to approve yet: it becomes a draft once it has articles."
        )
    approved = move(
        session, issue, IssueState.APPROVED, now, allowed=(IssueState.DRAFT,), approved_at=now, reason=""
    )
    if approved is None:
        raise _misfit(get(session, issue.id), "approved", "a draft")
    return approved


def lock_batches(session: Session, issue_id: int) -> None:
    """Let nobody tick in an issue's batches, or give one back, until this transaction ends. Before all else.

    A tick proves its batches before it looks at the issue, so it is either through or sees what is done here.
    """
    batches = sa.select(BATCH.c.seq).where(BATCH.c.issue_id == issue_id).order_by(BATCH.c.seq)
    session.connection().execute(batches.with_for_update())


def cancel(session: Session, issue: Issue, reason: str, now: datetime) -> Issue:
    """End an issue that is not final. What was accepted stays so; what was not on the wire is withdrawn."""
    connection = session.connection()
    lock_batches(session, issue.id)
    cancelled = move(
        session,
        issue,
        IssueState.CANCELLED,
        now,
        allowed=(*RUNNING, IssueState.HELD),
        reason=reason,
        held_from=None,
        held_at=None,
        hold_code="",
        finished_at=now,
    )
    if cancelled is None:
        raise _misfit(get(session, issue.id), "cancelled", "not final")
    connection.execute(
        sa.update(DELIVERY)
        .where(DELIVERY.c.issue_id == issue.id, DELIVERY.c.state == DeliveryState.PENDING.value)
        .values(state=DeliveryState.WITHDRAWN.value, at=int(now.timestamp()))
    )
    connection.execute(
        sa.update(BATCH).where(BATCH.c.issue_id == issue.id).values(done=sa.true(), not_before=0)
    )
    return cancelled


def name(issue: Issue) -> str:
    """Call an issue as people do: `daily 2026-11-24T07:00`, and `daily 2026-11-24T09:12 (correction)`."""
    named = f"{issue.newsletter} {issue.slot}"
    return f"{named} ({issue.extra})" if issue.extra else named


def _misfit(issue: Issue, what: str, needed: str) -> IssueError:
    return IssueError(
        f"{name(issue)} is {issue.state.value} and cannot be {what}: it would have to be {needed}."
    )


def note(session: Session, issue: Issue, kind: str, now: datetime, detail: str = "") -> None:
    """Write an event about an issue."""
    session.add(EventRow(at=now, kind=kind, issue_id=issue.id, newsletter=issue.newsletter, detail=detail))
    session.flush()


def save_decisions(session: Session, issue_id: int, selection: Selection) -> None:
    """Replace what an issue decided about each article."""
    connection = session.connection()
    connection.execute(sa.delete(IssueArticleRow).where(col(IssueArticleRow.issue_id) == issue_id))
    if selection.decided:
        connection.execute(
            sa.insert(IssueArticleRow),
            [
                {
                    "issue_id": issue_id,
                    "article_id": decided.article.id,
                    "position": position,
                    "decision": decided.decision,
                    "reason": decided.reason,
                    "fingerprint": decided.article.fingerprint,
                }
                for position, decided in enumerate(selection.decided)
            ],
        )


def decisions(session: Session, issue_id: int) -> list[tuple[ArticleRow, IssueArticleRow]]:
    """Give what an issue decided, in its order."""
    found = session.exec(
        select(ArticleRow, IssueArticleRow)
        .join(IssueArticleRow, col(IssueArticleRow.article_id) == col(ArticleRow.id))
        .where(IssueArticleRow.issue_id == issue_id)
        .order_by(col(IssueArticleRow.position))
        .execution_options(populate_existing=True)
    )
    return list(found)


def included(session: Session, issue_id: int) -> int:
    """Count the articles that an issue holds."""
    query = select(sa.func.count()).where(
        IssueArticleRow.issue_id == issue_id, IssueArticleRow.decision == Decision.INCLUDED
    )
    return session.exec(query).one()


def overtaken(session: Session, issue_id: int) -> list[str]:
    """Give the titles of included articles that were edited or trashed since they were decided on."""
    return [
        article.title
        for article, link in decisions(session, issue_id)
        if link.decision is Decision.INCLUDED
        and (article.vanished_at is not None or article.fingerprint != link.fingerprint)
    ]


def save_rendering(session: Session, issue_id: int, rendering: Rendering, now: datetime) -> None:
    """Keep the bytes of a draft as its first revision, in place of the ones before."""
    session.merge(rows.rendering_row(rendering, issue_id, 1, now))
    session.flush()


def latest_rendering(session: Session, issue_id: int) -> Rendering | None:
    """Give the newest revision of an issue's bytes."""
    query = select(RenderingRow).where(RenderingRow.issue_id == issue_id)
    row = session.exec(query.order_by(col(RenderingRow.revision).desc()).limit(1)).one_or_none()
    return rows.rendering(row) if row else None


def counts(session: Session, issue_id: int) -> Counts:
    """Count an issue's deliveries by state: as kept when it ended, else from the rows."""
    kept = session.connection().execute(sa.select(ISSUE.c.counts).where(ISSUE.c.id == issue_id)).scalar_one()
    if kept:
        return Counts(**kept)
    query = sa.select(DELIVERY.c.state, sa.func.count(), sa.func.sum(DELIVERY.c.doubtful))
    found = session.connection().execute(
        query.where(DELIVERY.c.issue_id == issue_id).group_by(DELIVERY.c.state)
    )
    by_state = {DeliveryState(state).name.lower(): (count, doubtful) for state, count, doubtful in found}
    return Counts(
        doubtful=sum(int(doubtful or 0) for _, doubtful in by_state.values()),
        **{state: count for state, (count, _) in by_state.items()},
    )


def left(session: Session, issue_id: int) -> int:
    """Count the readers who left by an issue's links."""
    query = select(sa.func.count(sa.distinct(col(EventRow.subscriber_id)))).where(
        EventRow.issue_id == issue_id, EventRow.kind == "subscriber.left"
    )
    return session.exec(query).one()
