"""Turns a relay's reply about an order into what the ledger records. Pure but for the values it is handed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from digest.delivery.outcome import Kind, Outcome, Whose
from digest.delivery.reply import classify
from digest.delivery.retry import PLAIN, Attempts, Next, decide
from digest.engine.job import Running
from digest.model import DeliveryState, Phase, Reply
from digest.store.bounces import Effect
from digest.store.ledger import Row, epoch
from digest.store.tick import Result

TAKEN = Outcome(kind=Kind.ACCEPTED, whose=Whose.NOBODY, evidence="")
"""What nearly every message comes to."""
_ACCEPTED = Kind.ACCEPTED.value


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What `[delivery]` says about doubt and time."""

    expire_after: timedelta = timedelta(hours=24)
    on_unknown: Literal["resend", "ask"] = "resend"


class Judged(NamedTuple):
    """What a reply was, what follows, and what the ledger records of it."""

    outcome: Outcome
    next: Next
    result: Result


def judge(
    reply: Reply,
    row: Row,
    running: Running,
    *,
    policy: Policy,
    now: datetime,
    jitter: float,
    relay_failures: int,
    fresh: bool = False,
) -> Judged:
    """Classify a reply, decide what follows, and count it for the issue's breaker.

    `fresh` tells that the connection had taken no message before this one.
    """
    if reply.is_positive and reply.phase is Phase.BODY and running.breaker.is_calm and not row.blemished:
        # Thousands a second are this and no more: neither the breaker nor the decision could differ.
        return Judged(outcome=TAKEN, next=PLAIN[Kind.ACCEPTED], result=_accepted(row, reply))
    outcome = classify(reply)
    running.breaker = running.breaker.record(outcome)
    decided = decide(
        outcome,
        state=_attempts(row),
        now=now,
        expire_after=policy.expire_after,
        on_unknown=policy.on_unknown,
        jitter=jitter,
        # What an earlier run has seen counts too: a later one may have but this row to ask about.
        relay_takes=running.breaker.relay_takes or running.job.issue.reached,
        relay_failures=relay_failures,
        fresh=fresh,
    )
    effect = _effect(outcome, decided, row)
    result = Result(
        subscriber_id=row.recipient.id,
        state=decided.state,
        code=reply.code,
        attempt=decided.counts_attempt,
        lost=decided.counts_loss,
        doubtful=decided.doubtful,
        soft=decided.soft,
        next_at=epoch(decided.next_at) if decided.next_at else 0,
        kind=outcome.kind.value,
        reply="" if outcome.kind is Kind.ACCEPTED else outcome.evidence,
        effect=effect,
        asked=None if effect is Effect.NONE else row.recipient,
    )
    return Judged(outcome=outcome, next=decided, result=result)


def _accepted(row: Row, reply: Reply) -> Result:
    return Result(
        subscriber_id=row.recipient.id, state=DeliveryState.ACCEPTED, code=reply.code, kind=_ACCEPTED
    )


def unsent(row: Row) -> Result:
    """Say of a claimed row that nothing of it has left: it is pending again, as if never claimed."""
    return Result(subscriber_id=row.recipient.id, state=DeliveryState.PENDING, attempt=False)


def _attempts(row: Row) -> Attempts:
    return Attempts(
        attempts=row.attempts,
        losses=row.losses,
        soft=row.soft,
        first_attempt_at=datetime.fromtimestamp(row.first_at, UTC) if row.first_at else None,
    )


def _effect(outcome: Outcome, decided: Next, row: Row) -> Effect:
    if outcome.kind is Kind.ACCEPTED:
        return Effect.CLEAR if row.blemished else Effect.NONE
    if outcome.kind is Kind.DISABLED:
        return Effect.DISABLED
    if decided.suppress:
        return Effect.SUPPRESS
    return Effect.SOFT if decided.soft else Effect.NONE
