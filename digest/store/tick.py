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

from digest.model import DeliveryState, IssueState, Recipient
from digest.store import bounces
from digest.store.bounces import Effect, Evidence
from digest.store.database import insert_for
from digest.store.ledger import Batch, Row, epoch
from digest.store.prepared import Hand, hand
from digest.store.statements import Statements
from digest.store.tables import DELIVERY_REPLY


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
    asked: Recipient | None = None
    """Whom it is about, with the address that was asked; given where there is an effect."""

    @property
    def of_its_row(self) -> tuple[Any, ...]:
        """What is written into its row, whosever that is."""
        return self[1:8]

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


@lru_cache(maxsize=4)
def _statements(dialect: sa.Dialect) -> Statements:
    return Statements(dialect)


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
            bounces.clear(session, result.subscriber_id, result.asked)
        elif result.effect is not Effect.NONE:
            evidence = Evidence(reason=result.kind, text=result.reply, issue_id=issue_id, asked=result.asked)
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


def _prove(run: Statements, ledger: Hand, batch: Batch) -> bool:
    held = {"issue": batch.issue_id, "batch": batch.seq, "held": batch.token}
    return run.prove.execute(ledger.cursor, held).rowcount == 1


def _by_subscriber(result: Result) -> int:
    return result.subscriber_id


def _record(
    run: Statements, ledger: Hand, issue_id: int, results: Sequence[Result], now: datetime, *, ended: bool
) -> None:
    """Write results into their rows, those that are alike together."""
    alike: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        alike.setdefault(result.of_its_row, []).append(result)
    for group in alike.values():
        result = group[0]
        values = {
            "issue": issue_id,
            "to": _settled(result.state, ended=ended),
            "reply_code": result.code,
            "attempt": int(result.attempt),
            "loss": int(result.lost),
            "doubt": int(result.doubtful),
            "softly": int(result.soft),
            "later": result.next_at,
            "seconds": epoch(now),
        }
        run.record.execute(ledger.cursor, [result.subscriber_id for result in group], values)


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
    run: Statements, ledger: Hand, issue_id: int, results: Sequence[Result], now: datetime
) -> bool:
    """Record a former holder's acceptances, and say whether there were any: a sent mail is a fact."""
    accepted = [result for result in results if result.state is DeliveryState.ACCEPTED]
    for result in accepted:
        values = {"issue": issue_id, "reply_code": result.code, "seconds": epoch(now)}
        run.late.execute(ledger.cursor, [result.subscriber_id], values)
    return bool(accepted)


def _claim(run: Statements, ledger: Hand, turn: Turn, now: datetime) -> list[Row]:
    ids = [row.recipient.id for row in turn.claim]
    values: dict[str, Any] = {
        "issue": turn.batch.issue_id,
        "newsletter": turn.batch.newsletter,
        "now": now,
        "seconds": epoch(now),
        "composed": turn.batch.revision,
        "cutoff": turn.cutoff or epoch(now),
    }
    got = run.claim.execute(ledger.cursor, ids, values).rowcount
    if got == len(ids):
        ((versions,),) = run.versions.execute(ledger.cursor, ids, values).fetchall()
        if versions == sum([row.recipient.address_version for row in turn.claim]):
            return list(turn.claim)
    else:
        run.withdraw.execute(ledger.cursor, ids, values)
    claimed = {row[0]: row[1:] for row in run.claimed.execute(ledger.cursor, ids, values).fetchall()}
    return [_addressed(row, *claimed[row.recipient.id]) for row in turn.claim if row.recipient.id in claimed]


def _addressed(row: Row, email: str, name: str, version: int) -> Row:
    """Give a row with its reader's address as it is now: it may have changed since the batch was read."""
    return replace(row, recipient=replace(row.recipient, email=email, name=name, address_version=version))
