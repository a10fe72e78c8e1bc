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
from digest.store.tables import BATCH, DELIVERY, DELIVERY_REPLY, ISSUE, Instant


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
    soft: bool = False
    """Whether it counts as a soft bounce: once an issue, however often the row is tried again."""
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
    """Rows with a later `next_at` are not due; seconds since the epoch. 0 means now."""


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
        soft=sa.case((sa.bindparam("softly") == 1, 1), else_=DELIVERY.c.soft),
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


_PROVE = (
    sa.update(BATCH)
    .where(
        BATCH.c.issue_id == sa.bindparam("issue"),
        BATCH.c.seq == sa.bindparam("batch"),
        BATCH.c.token == sa.bindparam("held"),
    )
    .values(token=BATCH.c.token)
)

_STATE = sa.select(ISSUE.c.state, ISSUE.c.reached).where(ISSUE.c.id == sa.bindparam("issue"))

_REACHED = (
    sa.update(ISSUE)
    .where(ISSUE.c.id == sa.bindparam("issue"), ISSUE.c.reached.is_(False))
    .values(reached=True)
)

_MAILABLE = mailable(
    DELIVERY.c.subscriber_id, sa.bindparam("newsletter"), sa.bindparam("now", type_=Instant())
)
_WANTED = (
    DELIVERY.c.issue_id == sa.bindparam("issue"),
    # The range leads into the index, the list picks from it.
    DELIVERY.c.subscriber_id.between(sa.bindparam("first"), sa.bindparam("last")),
    DELIVERY.c.subscriber_id.in_(sa.bindparam("wanted", expanding=True)),
    DELIVERY.c.state == DeliveryState.PENDING.value,
)

_CLAIM = (
    sa.update(DELIVERY)
    .where(*_WANTED, DELIVERY.c.next_at <= sa.bindparam("cutoff"), _MAILABLE)
    .values(
        state=DeliveryState.SUBMITTING.value,
        at=sa.bindparam("seconds"),
        first_at=sa.case((DELIVERY.c.first_at == 0, sa.bindparam("seconds")), else_=DELIVERY.c.first_at),
    )
    .returning(DELIVERY.c.subscriber_id)
)

_WITHDRAW = (
    sa.update(DELIVERY)
    .where(*_WANTED, ~_MAILABLE)
    .values(state=DeliveryState.WITHDRAWN.value, at=sa.bindparam("seconds"))
)


def tick(session: Session, issue_id: int, turns: Sequence[Turn], now: datetime) -> Ticked:
    """Do one tick: per batch in order, prove the token, record the results, claim the rows.

    Claims nothing where the issue is not `sending` any more. A claim repeats freezing's conditions in its own
    statement; a row that fails them is withdrawn, final for this issue. In a cancelled issue, what would have
    been tried again is withdrawn too.
    """
    connection = session.connection()
    ordered = sorted(turns, key=lambda turn: turn.batch.seq)
    mine = [turn for turn in ordered if _prove(connection, turn.batch)]
    dropped = [turn for turn in ordered if turn not in mine]
    # Read once the batches are proved: whoever ends an issue waits for their rows, or we for him.
    state, reached = connection.execute(_STATE, {"issue": issue_id}).one()
    for turn in mine:
        _record(session, issue_id, turn.results, now, ended=state is IssueState.CANCELLED)
    late = [_record_late(connection, issue_id, turn.results, now) for turn in dropped]
    if any(late):
        # It may have ended meanwhile: what was counted then is counted again.
        connection.execute(sa.update(ISSUE).where(ISSUE.c.id == issue_id).values(counts=sa.null()))
    claimed = {
        turn.batch.seq: _claim(connection, turn, now)
        for turn in mine
        if turn.claim and state is IssueState.SENDING
    }
    if not reached and any(r.state is DeliveryState.ACCEPTED for turn in turns for r in turn.results):
        # From the first acceptance on, the issue's articles are spent.
        connection.execute(_REACHED, {"issue": issue_id})
    return Ticked(state=state, claimed=claimed, dropped=frozenset(turn.batch.seq for turn in dropped))


def _prove(connection: sa.Connection, batch: Batch) -> bool:
    held = {"issue": batch.issue_id, "batch": batch.seq, "held": batch.token}
    return connection.execute(_PROVE, held).rowcount == 1


def _record(
    session: Session, issue_id: int, results: Sequence[Result], now: datetime, *, ended: bool
) -> None:
    """Write results into their rows, and what they mean for their subscribers. Only a claimed row has one."""
    if not results:
        return
    # In the order of their ids, so that two processes never wait for each other's subscribers.
    in_order = sorted(results, key=lambda result: result.subscriber_id)
    session.connection().execute(
        _RECORD,
        [
            {
                "issue": issue_id,
                "subscriber": result.subscriber_id,
                "to": _settled(result.state, ended=ended),
                "reply_code": result.code,
                "attempt": int(result.attempt),
                "loss": int(result.lost),
                "doubt": int(result.doubtful),
                "softly": int(result.soft),
                "later": result.next_at,
                "now": epoch(now),
            }
            for result in in_order
        ],
    )
    for result in in_order:
        if result.reply:
            _keep_reply(session, issue_id, result, now)
        if result.effect is Effect.CLEAR:
            bounces.clear(session, result.subscriber_id)
        elif result.effect is not Effect.NONE:
            evidence = Evidence(reason=result.kind, text=result.reply, issue_id=issue_id)
            bounces.blame(session, result.subscriber_id, result.effect, evidence, now)


def _settled(state: DeliveryState, *, ended: bool) -> int:
    again = state is DeliveryState.PENDING
    return DeliveryState.WITHDRAWN.value if ended and again else state.value


def _keep_reply(session: Session, issue_id: int, result: Result, now: datetime) -> None:
    insert = insert_for(session)(DELIVERY_REPLY).values(
        issue_id=issue_id, subscriber_id=result.subscriber_id, kind=result.kind, reply=result.reply, at=now
    )
    told = {name: insert.excluded[name] for name in ("kind", "reply", "at")}
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["issue_id", "subscriber_id"], set_=told)
    )


def _record_late(connection: sa.Connection, issue_id: int, results: Sequence[Result], now: datetime) -> bool:
    """Record a former holder's acceptances, and say whether there were any: a sent mail is a fact."""
    accepted = [
        {
            "issue": issue_id,
            "subscriber": result.subscriber_id,
            "reply_code": result.code,
            "now": epoch(now),
        }
        for result in results
        if result.state is DeliveryState.ACCEPTED
    ]
    if accepted:
        connection.execute(_LATE, accepted)
    return bool(accepted)


def _claim(connection: sa.Connection, turn: Turn, now: datetime) -> list[Row]:
    wanted = {row.recipient.id: row for row in turn.claim}
    values = {
        "issue": turn.batch.issue_id,
        "newsletter": turn.batch.newsletter,
        "first": min(wanted),
        "last": max(wanted),
        "wanted": list(wanted),
        "now": now,
        "seconds": epoch(now),
    }
    got = set(connection.execute(_CLAIM, {**values, "cutoff": turn.cutoff or epoch(now)}).scalars())
    missing = [row_id for row_id in wanted if row_id not in got]
    if missing:
        connection.execute(_WITHDRAW, {**values, "wanted": missing})
    return [row for row_id, row in wanted.items() if row_id in got]
