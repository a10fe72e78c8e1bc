"""How fast a relay may be fed: the configured rate, halved when the relay says so, and its recovery.

Pure arithmetic on a clock that is handed in: seconds of any monotonic clock.
"""

import math
from collections import deque

from digest.delivery.lease import Lease, most, span

BURST_SECONDS = 0.1
"""Permits that may be saved up: a tenth of a second's, so that a rate holds at the scale of a relay's own."""

MEASURED_SECONDS = 5.0
"""The span over which the rate that was reached is measured, and between two halvings."""

RECOVERY_SECONDS = 60.0
"""A halved rate grows by half after every minute in which the relay did not complain (AIMD's slow return)."""

SLOWEST = 0.2
"""Messages a second below which nothing is slowed: an issue has to end."""

LOW = 0.5
"""The next lease is asked for when half of the last one is left: time enough for a busy ledger."""

CLOSE = 1e-9
"""Of an interval: what floating point may miss an instant by."""


class Pace:
    """Permits to send. `rate` is in messages a second, 0 for no limit.

    With `leased` the rate is shared with other processes: permits are those of leases alone. Ask `wanted` in
    each round that has something to send; if it is more than 0, lease as many at `limit` and hand the lease
    to `granted`.
    """

    def __init__(self, rate: float, now: float, *, leased: bool = False) -> None:
        self._rate = rate or math.inf
        self._limit = self._rate
        self._permits = 1.0
        self._filled_at = now
        self._halved_at = self._grown_at = -math.inf
        self._window_at = now
        self._window_count = 0
        self._reached = 0.0
        # Without a rate there is nothing to share: what a halving leaves is this process's own.
        self._stock = _Stock(now) if leased and rate else None

    @property
    def limit(self) -> float:
        """Give what is kept to now, in messages a second; infinite where nothing limits."""
        return self._limit

    def permits(self, now: float) -> float:
        """Give how many messages may leave now, a whole number; infinite where nothing limits."""
        self._recover(now)
        if self._limit == math.inf:
            return math.inf
        if self._stock is not None:
            return self._stock.ripe(now, max(BURST_SECONDS, 1 / self._limit))
        capacity = max(1.0, self._limit * BURST_SECONDS)
        self._permits = min(capacity, self._permits + (now - self._filled_at) * self._limit)
        self._filled_at = now
        return max(0, math.floor(self._permits))

    def spend(self, count: int, now: float) -> None:
        """Take permits for messages that leave now."""
        if self._stock is not None:
            self._stock.take(count)
        elif self._limit != math.inf:
            self._permits -= count
        self._window_count += count
        if now - self._window_at >= MEASURED_SECONDS:
            self._reached = self._window_count / (now - self._window_at)
            self._window_at, self._window_count = now, 0

    def wait(self, now: float) -> float:
        """Give the seconds until a message may leave, or until a lease is to be asked for."""
        permits = self.permits(now)
        if self._stock is not None:
            return 0.0 if permits else self._stock.wait(now)
        return 0.0 if self._limit == math.inf else max(0.0, (1 - self._permits) / self._limit)

    def wanted(self, now: float) -> int:
        """Give how many permits to lease now; 0 where enough are in hand, or none are leased at all."""
        self._recover(now)
        if self._stock is None or not self._stock.is_low(now + LOW * span(self._limit), now):
            return 0
        return most(self._limit)

    def granted(self, lease: Lease, now: float) -> None:
        """Take a lease, its times on this pace's own clock. What is not spent in time is lost.

        A lease without permits says when to ask again.
        """
        if self._stock is not None:
            self._recover(now)
            # Asked for before a halving, it is thinned, not stretched: what follows it is somebody else's.
            interval = max(lease.interval, 1 / self._limit)
            self._stock.put(lease, math.floor(lease.count * (lease.interval / interval)), interval)

    def halve(self, now: float) -> None:
        """Slow down: the relay said so. Once in a while, however many connections heard it."""
        if now - self._halved_at < MEASURED_SECONDS:
            return
        span_measured = max(now - self._window_at, 0.5)
        self._reached = max(self._reached, self._window_count / span_measured)
        slowed = (self._reached if self._limit == math.inf else self._limit) / 2
        self._limit = max(min(SLOWEST, self._rate), slowed)
        self._permits, self._filled_at = 0.0, now
        self._halved_at = self._grown_at = now
        if self._stock is not None:
            self._stock = _Stock(now)

    def _recover(self, now: float) -> None:
        if self._limit < self._rate and now - self._grown_at >= RECOVERY_SECONDS:
            self._limit, self._grown_at = min(self._rate, self._limit * 1.5), now
            if self._rate == math.inf and self._limit > self._reached:
                self._limit = math.inf


class _Stretch:
    """A lease in hand: `used` of its instants are spent or lost."""

    def __init__(self, start: float, count: int, interval: float) -> None:
        self.start, self.count, self.interval, self.used = start, count, interval, 0

    def passed(self, now: float) -> int:
        """Give how many of its instants lie at a time or before it."""
        if now < self.start:
            return 0
        return min(self.count, math.floor((now - self.start) / self.interval + CLOSE) + 1)


class _Stock:
    """The leases in hand, in the order of their times."""

    def __init__(self, now: float) -> None:
        self._stretches: deque[_Stretch] = deque()
        self._until = self._ask_at = now

    def put(self, lease: Lease, count: int, interval: float) -> None:
        if lease.count:
            self._stretches.append(_Stretch(lease.start_at, count, interval))
            self._until = lease.end_at
        else:
            self._ask_at = lease.start_at

    def is_low(self, soon: float, now: float) -> bool:
        """Whether what is in hand is spent, or lasts until `soon` at most; and asking is allowed."""
        left = any(one.used < one.count for one in self._stretches)
        return now >= self._ask_at and (self._until <= soon or not left)

    def ripe(self, now: float, life: float) -> int:
        """Give how many instants have come; what is older than `life` seconds is lost."""
        ripe = 0
        for stretch in self._stretches:
            stretch.used = max(stretch.used, stretch.passed(now - life))
            ripe += max(0, stretch.passed(now) - stretch.used)
        while self._stretches and self._stretches[0].used >= self._stretches[0].count:
            self._stretches.popleft()
        return ripe

    def take(self, count: int) -> None:
        for stretch in self._stretches:
            taken = min(count, stretch.count - stretch.used)
            stretch.used += taken
            count -= taken

    def wait(self, now: float) -> float:
        """Give the seconds until the next instant, or until a lease may be asked for."""
        at = next(
            (one.start + one.used * one.interval for one in self._stretches if one.used < one.count),
            self._ask_at,
        )
        return max(0.0, at - now)
