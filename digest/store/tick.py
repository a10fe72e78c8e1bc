"""The tick: one short transaction that records what came in and claims what goes out. The hot path.

A row is claimed before its bytes leave, and what came of it is recorded in the same transaction as the next
claim, so `submitting` is exactly what may be on the wire. An idle relay's tick holds but a few rows: what it
costs by itself counts for more than they do, and so its statements are prepared (`prepared.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from digest.model import DeliveryState, IssueState
from digest.store import bounces
from digest.store.bounces import Effect, Evidence
from digest.store.database import insert_for
from digest.store.ledger import Batch, Row, epoch, mailable
from digest.store.prepared import Hand, Prepared, hand
from digest.store.tables import BATCH, DELIVERY, DELIVERY_REPLY, ISSUE, SUBSCRIBER, Instant


class Result(NamedTuple):
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

    @property
    def is_plain(self) -> bool:
        """Whether it is of its row alone: neither a reply to keep nor a subscriber to touch."""
        return not self.reply and self.effect is Effect.NONE


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A batch's part in a tick: the results that came in and the rows to claim, contiguous and in order."""

    batch: Batch
    results: Sequence[Result] = ()
    claim: Sequence[Row] = ()
    cutoff: int = 0
    """Rows with a later `next_at` are not due; seconds since the epoch. 0 means now."""

    @property
    def is_plain(self) -> bool:
        """Whether its results touch nothing but their rows."""
        return all(result.is_plain for result in self.results)


@dataclass(frozen=True, kw_only=True)
class Ticked:
    """What a tick gave: the claimed rows by batch, and which batches have another holder now."""

    state: IssueState
    outdated: bool = False
    """Whether the issue was amended since this sender composed it: then nothing was claimed."""
    claimed: dict[int, list[Row]] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()


class _Statements:
    """What a tick runs, for one dialect."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self.record = Prepared(
            sa.update(DELIVERY)
            .where(*_ROW, DELIVERY.c.state == DeliveryState.SUBMITTING.value)
            .values(
                state=sa.bindparam("to"),
                code=sa.bindparam("reply_code"),
                attempts=DELIVERY.c.attempts + sa.bindparam("attempt"),
                losses=DELIVERY.c.losses + sa.bindparam("loss"),
                doubtful=sa.case((sa.bindparam("doubt") == 1, 1), else_=DELIVERY.c.doubtful),
                soft=sa.case((sa.bindparam("softly") == 1, 1), else_=DELIVERY.c.soft),
                next_at=sa.bindparam("later"),
                at=sa.bindparam("seconds"),
            ),
            dialect,
        )
        self.late = Prepared(
            sa.update(DELIVERY)
            .where(*_ROW, (DELIVERY.c.state == DeliveryState.SUBMITTING.value) | (DELIVERY.c.doubtful == 1))
            .values(
                state=DeliveryState.ACCEPTED.value,
                code=sa.bindparam("reply_code"),
                at=sa.bindparam("seconds"),
            ),
            dialect,
        )
        self.prove = Prepared(
            sa.update(BATCH)
            .where(
                BATCH.c.issue_id == sa.bindparam("issue"),
                BATCH.c.seq == sa.bindparam("batch"),
                BATCH.c.token == sa.bindparam("held"),
            )
            .values(token=BATCH.c.token),
            dialect,
        )
        issue = ISSUE.c.id == sa.bindparam("issue")
        self.state = Prepared(
            sa.select(ISSUE.c.state, ISSUE.c.reached, ISSUE.c.revision).where(issue), dialect
        )
        self.recount = Prepared(sa.update(ISSUE).where(issue).values(counts=sa.null()), dialect)
        self.reached = Prepared(
            sa.update(ISSUE).where(issue, ISSUE.c.reached.is_(False)).values(reached=True), dialect
        )
        self.address = Prepared(
            sa.select(SUBSCRIBER.c.email, SUBSCRIBER.c.name, SUBSCRIBER.c.address_version).where(
                SUBSCRIBER.c.id == sa.bindparam("subscriber")
            ),
            dialect,
        )
        self._claims: dict[int, tuple[Prepared, Prepared]] = {}

    def claim(self, size: int) -> tuple[Prepared, Prepared]:
        """Give what claims `size` rows, and what withdraws those of as many that cannot be mailed."""
        if size not in self._claims:
            self._claims[size] = (self._claim(size), self._withdraw(size))
        return self._claims[size]

    def _claim(self, size: int) -> Prepared:
        seconds: sa.BindParameter[int] = sa.bindparam("seconds")
        return Prepared(
            sa.update(DELIVERY)
            .where(*_wanted(size), DELIVERY.c.next_at <= sa.bindparam("cutoff"), _MAILABLE)
            .values(
                state=DeliveryState.SUBMITTING.value,
                revision=sa.bindparam("composed"),
                at=seconds,
                first_at=sa.case((DELIVERY.c.first_at == 0, seconds), else_=DELIVERY.c.first_at),
            )
            .returning(DELIVERY.c.subscriber_id, _VERSION),
            self._dialect,
        )

    def _withdraw(self, size: int) -> Prepared:
        return Prepared(
            sa.update(DELIVERY)
            .where(*_wanted(size), ~_MAILABLE)
            .values(state=DeliveryState.WITHDRAWN.value, at=sa.bindparam("seconds")),
            self._dialect,
        )


_ROW = (
    DELIVERY.c.issue_id == sa.bindparam("issue"),
    DELIVERY.c.subscriber_id == sa.bindparam("subscriber"),
)
_MAILABLE = mailable(
    DELIVERY.c.subscriber_id, sa.bindparam("newsletter"), sa.bindparam("now", type_=Instant())
)
_VERSION = (
    sa.select(SUBSCRIBER.c.address_version)
    .where(SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
    .scalar_subquery()
)


def _wanted(size: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        DELIVERY.c.issue_id == sa.bindparam("issue"),
        # The range leads into the index, the list picks from it.
        DELIVERY.c.subscriber_id.between(sa.bindparam("first"), sa.bindparam("last")),
        DELIVERY.c.subscriber_id.in_([sa.bindparam(f"wanted{number}") for number in range(size)]),
        DELIVERY.c.state == DeliveryState.PENDING.value,
    )


@lru_cache(maxsize=4)
def _statements(dialect: sa.Dialect) -> _Statements:
    return _Statements(dialect)


def tick(session: Session, issue_id: int, turns: Sequence[Turn], now: datetime) -> Ticked:
    """Do one tick: per batch in order, prove the token, record the results, claim the rows.

    Claims nothing where the issue is not `sending` any more, or was amended. A claim repeats freezing's
    conditions in its own statement; a row that fails them is withdrawn, final for this issue. In a cancelled
    issue, what would have been tried again is withdrawn too.
    """
    ticked = plain_tick(hand(session), issue_id, turns, now)
    results = [result for turn in turns if turn.batch.seq not in ticked.dropped for result in turn.results]
    # In the order of their ids, so that two processes never wait for each other's subscribers.
    for result in sorted(results, key=_by_subscriber):
        if result.reply:
            _keep_reply(session, issue_id, result, now)
        if result.effect is Effect.CLEAR:
            bounces.clear(session, result.subscriber_id)
        elif result.effect is not Effect.NONE:
            evidence = Evidence(reason=result.kind, text=result.reply, issue_id=issue_id)
            bounces.blame(session, result.subscriber_id, result.effect, evidence, now)
    return ticked


def plain_tick(ledger: Hand, issue_id: int, turns: Sequence[Turn], now: datetime) -> Ticked:
    """Do a tick as far as it concerns the delivery rows: all of it, where its results are plain."""
    run = _statements(ledger.dialect)
    ordered = sorted(turns, key=lambda turn: turn.batch.seq)
    mine = [turn for turn in ordered if _prove(run, ledger, turn.batch)]
    dropped = [turn for turn in ordered if turn not in mine] if len(mine) < len(ordered) else []
    # Read once the batches are proved: whoever ends an issue waits for their rows, or we for him.
    ((word, reached, revision),) = run.state.execute(ledger.cursor, {"issue": issue_id}).fetchall()
    state = IssueState(word)
    outdated = any(turn.batch.revision != revision for turn in mine)
    for turn in mine:
        _record(run, ledger, issue_id, turn.results, now, ended=state is IssueState.CANCELLED)
    late = [_record_late(run, ledger, issue_id, turn.results, now) for turn in dropped]
    if any(late):
        # It may have ended meanwhile: what was counted then is counted again.
        run.recount.execute(ledger.cursor, {"issue": issue_id})
    claimed = {
        turn.batch.seq: _claim(run, ledger, turn, now)
        for turn in mine
        if turn.claim and state is IssueState.SENDING and not outdated
    }
    if not reached and any(r.state is DeliveryState.ACCEPTED for turn in turns for r in turn.results):
        # From the first acceptance on, the issue's articles are spent.
        run.reached.execute(ledger.cursor, {"issue": issue_id})
    gone = frozenset(turn.batch.seq for turn in dropped)
    return Ticked(state=state, outdated=outdated, claimed=claimed, dropped=gone)


def _prove(run: _Statements, ledger: Hand, batch: Batch) -> bool:
    held = {"issue": batch.issue_id, "batch": batch.seq, "held": batch.token}
    return run.prove.execute(ledger.cursor, held).rowcount == 1


def _by_subscriber(result: Result) -> int:
    return result.subscriber_id


def _record(
    run: _Statements, ledger: Hand, issue_id: int, results: Sequence[Result], now: datetime, *, ended: bool
) -> None:
    """Write results into their rows. Only a claimed row has one."""
    if not results:
        return
    seconds = epoch(now)
    run.record.executemany(
        ledger.cursor,
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
                "seconds": seconds,
            }
            for result in sorted(results, key=_by_subscriber)
        ],
    )


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


def _record_late(
    run: _Statements, ledger: Hand, issue_id: int, results: Sequence[Result], now: datetime
) -> bool:
    """Record a former holder's acceptances, and say whether there were any: a sent mail is a fact."""
    accepted = [
        {
            "issue": issue_id,
            "subscriber": result.subscriber_id,
            "reply_code": result.code,
            "seconds": epoch(now),
        }
        for result in results
        if result.state is DeliveryState.ACCEPTED
    ]
    if accepted:
        run.late.executemany(ledger.cursor, accepted)
    return bool(accepted)


def _claim(run: _Statements, ledger: Hand, turn: Turn, now: datetime) -> list[Row]:
    wanted = {row.recipient.id: row for row in turn.claim}
    values: dict[str, Any] = {
        "issue": turn.batch.issue_id,
        "newsletter": turn.batch.newsletter,
        "first": min(wanted),
        "last": max(wanted),
        "now": now,
        "seconds": epoch(now),
        "composed": turn.batch.revision,
        "cutoff": turn.cutoff or epoch(now),
    }
    claim, withdraw = run.claim(_rounded(len(wanted)))
    values |= _listed(list(wanted))
    got: dict[int, int] = dict(claim.execute(ledger.cursor, values).fetchall())
    if missing := [row_id for row_id in wanted if row_id not in got]:
        _, withdraw = run.claim(_rounded(len(missing)))
        withdraw.execute(ledger.cursor, values | _listed(missing))
    return [
        row if row.recipient.address_version == got[row_id] else _readdressed(run, ledger, row)
        for row_id, row in wanted.items()
        if row_id in got
    ]


def _readdressed(run: _Statements, ledger: Hand, row: Row) -> Row:
    """Read a reader's address again, who has changed it since the batch was read."""
    found = run.address.execute(ledger.cursor, {"subscriber": row.recipient.id}).fetchall()
    ((email, name, version),) = found
    return replace(row, recipient=replace(row.recipient, email=email, name=name, address_version=version))


def _rounded(count: int) -> int:
    """Round up to a power of two: a handful of statements serves every number of rows."""
    return 1 << (count - 1).bit_length()


def _listed(ids: list[int]) -> dict[str, int]:
    """Spread ids over the places of such a list; the last stands in the places that are left."""
    return {f"wanted{number}": ids[min(number, len(ids) - 1)] for number in range(_rounded(len(ids)))}
