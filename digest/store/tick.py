"""The tick: one short transaction that records what came in and claims what goes out. The hot path.

A row is claimed before its bytes leave, and what came of it is recorded in the same transaction as the next
claim, so `submitting` is exactly what may be on the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import DeliveryState, IssueState
from digest.store import bounces
from digest.store.bounces import Effect, Evidence
from digest.store.database import insert_for
from digest.store.ledger import Batch, Row, epoch, mailable
from digest.store.tables import BATCH, DELIVERY, DELIVERY_REPLY, ISSUE


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one claimed delivery. `next_at` is in seconds since the epoch."""

    subscriber_id: int
    state: DeliveryState
    code: int = 0
    attempt: bool = True
    """Whether this was an attempt of the row's own, or the relay's trouble."""
    lost: bool = False
    doubtful: bool = False
    next_at: int = 0
    kind: str = ""
    reply: str = ""
    effect: Effect = Effect.NONE


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A batch's part in a tick: the results that came in and the rows to claim, contiguous and in order."""

    batch: Batch
    results: Sequence[Result] = ()
    claim: Sequence[Row] = ()
    cutoff: int = 0
    """Rows with a later `next_at` are not due; seconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class Ticked:
    """What a tick gave: the claimed rows by batch, and which batches have another holder now."""

    state: IssueState
    claimed: dict[int, list[Row]] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()


_RECORD = (
    sa.update(DELIVERY)
    .where(
        DELIVERY.c.issue_id == sa.bindparam("issue"),
        DELIVERY.c.subscriber_id == sa.bindparam("subscriber"),
        DELIVERY.c.state == DeliveryState.SUBMITTING.value,
    )
    .values(
        state=sa.bindparam("to"),
        code=sa.bindparam("reply_code"),
        attempts=DELIVERY.c.attempts + sa.bindparam("attempt"),
        losses=DELIVERY.c.losses + sa.bindparam("loss"),
        doubtful=sa.case((sa.bindparam("doubt") == 1, 1), else_=DELIVERY.c.doubtful),
        next_at=sa.bindparam("later"),
        at=sa.bindparam("now"),
    )
)

_LATE = (
    sa.update(DELIVERY)
    .where(
        DELIVERY.c.issue_id == sa.bindparam("issue"),
        DELIVERY.c.subscriber_id == sa.bindparam("subscriber"),
        (DELIVERY.c.state == DeliveryState.SUBMITTING.value) | (DELIVERY.c.doubtful == 1),
    )
    .values(state=DeliveryState.ACCEPTED.value, code=sa.bindparam("reply_code"), at=sa.bindparam("now"))
)


def tick(session: Session, issue_id: int, turns: Sequence[Turn], now: datetime) -> Ticked:
    """Do one tick: per batch in order, prove the token, record the results, claim the rows.

    Claims nothing where the issue is not `sending` any more. A claim repeats freezing's conditions in its own
    statement; a row that fails them is withdrawn, final for this issue.
    """
    connection = session.connection()
    state = connection.execute(sa.select(ISSUE.c.state).where(ISSUE.c.id == issue_id)).scalar_one()
    claimed: dict[int, list[Row]] = {}
    dropped: set[int] = set()
    for turn in sorted(turns, key=lambda t: t.batch.seq):
        batch = turn.batch
        held = connection.execute(
            sa.update(BATCH)
            .where(BATCH.c.issue_id == issue_id, BATCH.c.seq == batch.seq, BATCH.c.token == batch.token)
            .values(token=batch.token)
        )
        if held.rowcount != 1:
            dropped.add(batch.seq)
            _record_late(session, issue_id, turn.results, now)
            continue
        _record(session, issue_id, turn.results, now)
        if turn.claim and state is IssueState.SENDING:
            claimed[batch.seq] = _claim(connection, turn, now)
    if any(result.state is DeliveryState.ACCEPTED for turn in turns for result in turn.results):
        # From the first acceptance on, the issue's articles are spent.
        connection.execute(
            sa.update(ISSUE).where(ISSUE.c.id == issue_id, ISSUE.c.reached.is_(False)).values(reached=True)
        )
    return Ticked(state=state, claimed=claimed, dropped=frozenset(dropped))


def _record(session: Session, issue_id: int, results: Sequence[Result], now: datetime) -> None:
    """Write results into their rows, and what they mean for their subscribers. Only a claimed row has one."""
    if not results:
        return
    connection = session.connection()
    connection.execute(
        _RECORD,
        [
            {
                "issue": issue_id,
                "subscriber": result.subscriber_id,
                "to": result.state.value,
                "reply_code": result.code,
                "attempt": int(result.attempt),
                "loss": int(result.lost),
                "doubt": int(result.doubtful),
                "later": result.next_at,
                "now": epoch(now),
            }
            for result in results
        ],
    )
    for result in results:
        if result.reply:
            _keep_reply(session, issue_id, result, now)
        if result.effect is Effect.CLEAR:
            bounces.clear(session, result.subscriber_id)
        elif result.effect is not Effect.NONE:
            evidence = Evidence(reason=result.kind, text=result.reply, issue_id=issue_id)
            bounces.blame(session, result.subscriber_id, result.effect, evidence, now)


def _keep_reply(session: Session, issue_id: int, result: Result, now: datetime) -> None:
    insert = insert_for(session)(DELIVERY_REPLY).values(
        issue_id=issue_id, subscriber_id=result.subscriber_id, kind=result.kind, reply=result.reply, at=now
    )
    told = {name: insert.excluded[name] for name in ("kind", "reply", "at")}
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["issue_id", "subscriber_id"], set_=told)
    )


def _record_late(session: Session, issue_id: int, results: Sequence[Result], now: datetime) -> None:
    """Record a former holder's acceptances: a sent mail is a fact."""
    for result in results:
        if result.state is DeliveryState.ACCEPTED:
            session.connection().execute(
                _LATE,
                {
                    "issue": issue_id,
                    "subscriber": result.subscriber_id,
                    "reply_code": result.code,
                    "now": epoch(now),
                },
            )


def _claim(connection: sa.Connection, turn: Turn, now: datetime) -> list[Row]:
    batch, at = turn.batch, epoch(now)
    wanted = {row.recipient.id: row for row in turn.claim}
    claim = (
        sa.update(DELIVERY)
        .where(
            DELIVERY.c.issue_id == batch.issue_id,
            DELIVERY.c.subscriber_id.between(turn.claim[0].recipient.id, turn.claim[-1].recipient.id),
            DELIVERY.c.subscriber_id.in_(wanted),
            DELIVERY.c.state == DeliveryState.PENDING.value,
            mailable(DELIVERY.c.subscriber_id, batch.newsletter, now),
        )
        .values(
            state=DeliveryState.SUBMITTING.value,
            at=at,
            first_at=sa.case((DELIVERY.c.first_at == 0, at), else_=DELIVERY.c.first_at),
        )
        .returning(DELIVERY.c.subscriber_id)
    )
    got = set(connection.execute(claim).scalars())
    missing = [row_id for row_id in wanted if row_id not in got]
    if missing:
        connection.execute(
            sa.update(DELIVERY)
            .where(
                DELIVERY.c.issue_id == batch.issue_id,
                DELIVERY.c.subscriber_id.in_(missing),
                DELIVERY.c.state == DeliveryState.PENDING.value,
                ~mailable(DELIVERY.c.subscriber_id, batch.newsletter, now),
            )
            .values(state=DeliveryState.WITHDRAWN.value, at=at)
        )
    return [row for row_id, row in wanted.items() if row_id in got]
