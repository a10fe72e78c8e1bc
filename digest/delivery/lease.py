"""Permits to send, given ahead of their time to one of several processes that share a rate.

The rate is a line of instants, one every `1 / rate` seconds, each good for one message (the generic cell rate
algorithm). A lease is a stretch of that line; whoever asks next gets the next stretch. So no two processes
hold the same instant, and the rate holds over all of them.

Pure arithmetic on seconds of one clock that all processes share.
"""

import math
from dataclasses import dataclass, replace

LEASE_SECONDS = 1.0
"""The longest stretch of a lease, unless one message takes longer: what a process that dies loses."""

AHEAD = 10
"""How many stretches may be given ahead: as many processes wait for their turn, a further one asks again."""

SKEW_SECONDS = 60.0
"""How far two machines' clocks may be apart. What lies further ahead comes from a clock set back since."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """So many permits, one every `interval` seconds from `start_at` on.

    Without any it says when to ask again.
    """

    count: int
    start_at: float
    interval: float

    @property
    def end_at(self) -> float:
        """When the stretch ends and the next may begin."""
        return self.start_at + self.count * self.interval

    def shifted(self, seconds: float) -> "Lease":
        """Give the lease as another clock shows it, which is so many seconds ahead."""
        return replace(self, start_at=self.start_at + seconds)


def span(rate: float) -> float:
    """Give the longest stretch of a lease, in seconds, at a rate in messages a second."""
    return max(LEASE_SECONDS, 1 / rate)


def most(rate: float) -> int:
    """Give the most permits of a lease."""
    # A rate that misses a whole number by what floating point does is meant to be that number.
    return max(1, math.floor(rate * LEASE_SECONDS + 1e-9))


def grant(next_free_at: float, *, rate: float, want: int, now: float) -> Lease:
    """Give up to `want` permits of a line that is given away until `next_free_at`.

    `rate` is in messages a second, more than 0. An instant that has passed unused is nobody's: a rest saves
    nothing up.
    """
    stretch = span(rate)
    start = max(now, next_free_at)
    if start > now + (AHEAD + 1) * stretch + SKEW_SECONDS:
        start = now
    elif start > now + AHEAD * stretch:
        return Lease(count=0, start_at=start - AHEAD * stretch, interval=1 / rate)
    return Lease(count=min(want, most(rate)), start_at=start, interval=1 / rate)
