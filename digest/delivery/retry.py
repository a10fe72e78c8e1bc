"""Decides what an outcome causes: for its row, its subscriber, its connection, the relay and the issue.

Pure: `now`, the row's past and the jitter come in, a `Next` comes out, and the caller does it. Whether
refusals add up to hold the issue, `delivery/breaker.py` says.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from digest.delivery.outcome import Kind, Outcome, Whose
from digest.model import DeliveryState

OnUnknown = Literal["resend", "ask"]

# Greylisting mostly opens after five minutes; a full mailbox or a broken host is not mended within the hour.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))
# A rate is counted by the minute almost everywhere.
SLOWED = timedelta(minutes=1)
# Quotas renew in a sliding window (SES) or at midnight; asking hourly costs one message.
QUOTA_PAUSE = timedelta(hours=1)
# Delays grow by up to this share, so that what failed together does not come back together.
JITTER = 0.25
RELAY_BACKOFF_FIRST = timedelta(seconds=1)
# A relay that restarts is back within a minute; longer steps would only lengthen the issue.
RELAY_BACKOFF_LONGEST = timedelta(seconds=60)
# A row on which the connection was lost this often, while others pass, may be what breaks it.
LOSSES = 3

SOFT_BOUNCES = 5
SOFT_SPAN = timedelta(days=14)
"""Longer than a holiday's full mailbox is long, or an outage at a provider."""
DISABLED_SPAN = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """A row's past, before the outcome that is being decided about."""

    attempts: int = 0
    """How many counted."""
    first_attempt_at: datetime | None = None
    """When the row was first on the wire, counted or not: its expiry runs from here."""
    losses: int = 0
    """How often the connection was lost with this row on it."""
    soft: bool = False
    """Whether the row has counted as a soft bounce: one issue counts once, however often it is retried."""
    disabled_since: datetime | None = None
    """The first "mailbox disabled" about this subscriber with no acceptance since."""


@dataclass(frozen=True, kw_only=True)
class Next:
    """What to do. Nothing is meant that is not said."""

    state: DeliveryState
    next_at: datetime | None = None
    """When a pending row may be claimed again; None is at once."""
    counts_attempt: bool = False
    counts_loss: bool = False
    doubtful: bool = False
    """Set the row's mark: it may be mailed twice. A mark is never taken back."""
    soft: bool = False
    """Count a soft bounce against the subscriber; then ask `suppress_after_soft`."""
    suppress: bool = False
    close_connection: bool = False
    relay_backoff: timedelta | None = None
    """Open no connection to the relay for so long."""
    halve_rate: bool = False
    hold: str | None = None
    """Hold the issue and alert, for this reason."""
    hold_for: timedelta | None = None
    """Resume a held issue by itself after so long; None is by hand."""
    breaker: bool = False
    """A refusal that is not the subscriber's fault."""


# What needs nothing but its kind.
PLAIN = {
    Kind.ACCEPTED: Next(state=DeliveryState.ACCEPTED, counts_attempt=True),
    Kind.CONNECTION_USED_UP: Next(state=DeliveryState.PENDING, close_connection=True),
    Kind.REFUSED_OURS: Next(state=DeliveryState.REFUSED, counts_attempt=True, breaker=True),
    Kind.REFUSED_POLICY: Next(state=DeliveryState.REFUSED, counts_attempt=True, breaker=True),
    Kind.DEAD_ADDRESS: Next(state=DeliveryState.REFUSED, counts_attempt=True, suppress=True),
    Kind.DISABLED: Next(state=DeliveryState.REFUSED, counts_attempt=True),
    Kind.QUOTA: Next(
        state=DeliveryState.PENDING,
        hold="our account's quota at the relay is used up",
        hold_for=QUOTA_PAUSE,
    ),
    Kind.SETUP: Next(
        state=DeliveryState.PENDING,
        hold="the relay refuses our set-up",
        close_connection=True,
    ),
}


def decide(
    outcome: Outcome,
    *,
    state: Attempts,
    now: datetime,
    expire_after: timedelta,
    on_unknown: OnUnknown,
    jitter: float,
    relay_takes: bool = True,
    relay_failures: int = 0,
    fresh: bool = False,
) -> Next:
    """Decide what an outcome causes. `jitter` lies in [0, 1); `now` is aware.

    `relay_takes` is False as long as the relay takes nothing from us at all (`Breaker.relay_takes`): then
    neither a lost connection nor a soft refusal says anything about this row. `relay_failures` is how often
    in succession the relay was in trouble before this. `fresh` tells that the connection had taken no message
    before: one that is used up all the same is as good as lost, and it may be this row that does it.
    """
    used_up = fresh and outcome.kind is Kind.CONNECTION_USED_UP
    if used_up or outcome.kind in {Kind.UNKNOWN, Kind.RELAY_TROUBLE}:
        decided = _lost(outcome, state, now, on_unknown, jitter, relay_takes=relay_takes)
    elif outcome.kind in PLAIN:
        plain = PLAIN[outcome.kind]
        disabled = outcome.kind is Kind.DISABLED and suppress_after_disabled(state.disabled_since, now)
        hold = plain.hold and f"{plain.hold}: {outcome.evidence}"
        decided = replace(plain, suppress=plain.suppress or disabled, hold=hold)
    else:
        decided = _deferred(outcome, state, now, jitter, relay_takes=relay_takes)
    # Only what the row itself ran into makes it expire: never a relay's trouble, a quota or our set-up.
    if decided.next_at is not None and _expired(state, now, expire_after):
        decided = replace(decided, state=DeliveryState.EXPIRED, next_at=None)
    if outcome.closes:
        backoff = relay_backoff(relay_failures + 1, jitter)
        decided = replace(decided, close_connection=True, relay_backoff=backoff)
    elif outcome.kind is Kind.RELAY_TROUBLE:
        decided = replace(decided, relay_backoff=relay_backoff(relay_failures + 1, jitter))
    return decided


def row_backoff(attempts: int, jitter: float) -> timedelta:
    """Give the delay after the n-th deferral, counted from 0: 5, 15, 30, 60, 60 … minutes."""
    return _spread(BACKOFF[min(attempts, len(BACKOFF) - 1)], jitter)


def relay_backoff(failures: int, jitter: float) -> timedelta:
    """Give the delay after a relay's n-th trouble in a row, counted from 1: 1, 2, 4 … 60 seconds."""
    doublings = min(failures - 1, 6)  # 2^6 is past the longest already.
    return _spread(min(RELAY_BACKOFF_FIRST * 2**doublings, RELAY_BACKOFF_LONGEST), jitter)


def suppress_after_soft(count: int, first_soft_at: datetime, now: datetime) -> bool:
    """Whether soft bounces with no acceptance between are enough: five over 14 days or more."""
    return count >= SOFT_BOUNCES and now - first_soft_at >= SOFT_SPAN


def suppress_after_disabled(first_at: datetime | None, now: datetime) -> bool:
    """Whether a "mailbox disabled" is the second in three days or more."""
    return first_at is not None and now - first_at >= DISABLED_SPAN


def _lost(
    outcome: Outcome,
    state: Attempts,
    now: datetime,
    on_unknown: OnUnknown,
    jitter: float,
    *,
    relay_takes: bool,
) -> Next:
    unknown, used_up = outcome.kind is Kind.UNKNOWN, outcome.kind is Kind.CONNECTION_USED_UP
    if unknown and on_unknown == "ask":
        return Next(state=DeliveryState.UNKNOWN, counts_attempt=True, counts_loss=True)
    lost, losses = outcome.closes or used_up, state.losses + 1
    breaks_it = lost and relay_takes and losses >= LOSSES
    return Next(
        state=DeliveryState.PENDING,
        next_at=now + row_backoff(losses - LOSSES, jitter) if breaks_it else None,
        counts_attempt=unknown,
        counts_loss=lost,
        doubtful=unknown,
        close_connection=used_up,
    )


def _deferred(outcome: Outcome, state: Attempts, now: datetime, jitter: float, *, relay_takes: bool) -> Next:
    if outcome.kind is Kind.SLOW_DOWN:
        return Next(state=DeliveryState.PENDING, next_at=now + _spread(SLOWED, jitter), halve_rate=True)
    if outcome.kind is Kind.GREYLISTED:
        return Next(state=DeliveryState.PENDING, next_at=now + row_backoff(0, jitter))
    return Next(
        state=DeliveryState.PENDING,
        next_at=now + row_backoff(state.attempts, jitter),
        counts_attempt=True,
        soft=outcome.whose is Whose.SUBSCRIBER and relay_takes and not state.soft,
    )


def _expired(state: Attempts, now: datetime, expire_after: timedelta) -> bool:
    return state.first_attempt_at is not None and now - state.first_attempt_at >= expire_after


def _spread(delay: timedelta, jitter: float) -> timedelta:
    return delay * (1 + JITTER * jitter)
