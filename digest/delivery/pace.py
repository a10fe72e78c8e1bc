"""How fast a relay may be fed: the configured rate, halved when the relay says so, and its recovery.

Pure arithmetic on a clock that is handed in: seconds of any monotonic clock.
"""

import math

BURST_SECONDS = 0.1
"""Permits that may be saved up: a tenth of a second's, so that a rate holds at the scale of a relay's own."""

MEASURED_SECONDS = 5.0
"""The span over which the rate that was reached is measured, and between two halvings."""

RECOVERY_SECONDS = 60.0
"""A halved rate grows by half after every minute in which the relay did not complain (AIMD's slow return)."""

SLOWEST = 0.2
"""Messages a second below which nothing is slowed: an issue has to end."""


class Pace:
    """Permits to send. `rate` is in messages a second, 0 for no limit."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate or math.inf
        self._limit = self._rate
        self._permits = 1.0
        self._filled_at = now
        self._halved_at = self._grown_at = -math.inf
        self._window_at = now
        self._window_count = 0
        self._reached = 0.0

    def permits(self, now: float) -> float:
        """Give how many messages may leave now, a whole number; infinite where nothing limits."""
        self._recover(now)
        if self._limit == math.inf:
            return math.inf
        most = max(1.0, self._limit * BURST_SECONDS)
        self._permits = min(most, self._permits + (now - self._filled_at) * self._limit)
        self._filled_at = now
        return max(0, math.floor(self._permits))

    def spend(self, count: int, now: float) -> None:
        """Take permits for messages that leave now."""
        if self._limit != math.inf:
            self._permits -= count
        self._window_count += count
        if now - self._window_at >= MEASURED_SECONDS:
            self._reached = self._window_count / (now - self._window_at)
            self._window_at, self._window_count = now, 0

    def wait(self, now: float) -> float:
        """Give the seconds until a message may leave."""
        self.permits(now)
        return 0.0 if self._limit == math.inf else max(0.0, (1 - self._permits) / self._limit)

    def halve(self, now: float) -> None:
        """Slow down: the relay said so. Once in a while, however many connections heard it."""
        if now - self._halved_at < MEASURED_SECONDS:
            return
        span = max(now - self._window_at, 0.5)
        self._reached = max(self._reached, self._window_count / span)
        self._limit = max(SLOWEST, (self._reached if self._limit == math.inf else self._limit) / 2)
        self._permits, self._filled_at = 0.0, now
        self._halved_at = self._grown_at = now

    def _recover(self, now: float) -> None:
        if self._limit < self._rate and now - self._grown_at >= RECOVERY_SECONDS:
            self._limit, self._grown_at = min(self._rate, self._limit * 1.5), now
            if self._rate == math.inf and self._limit > self._reached:
                self._limit = math.inf
