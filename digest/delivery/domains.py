"""How fast single recipient domains may be fed: a rate, and a number of messages on the wire.

Pure arithmetic on a clock that is handed in: seconds of any monotonic clock. A domain is the exact one of an
address as it goes on the wire, an A-label.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from digest.delivery.lease import Lease
from digest.delivery.pace import Pace

ASKED_SECONDS = 1.0
"""How long a refusal counts as a wish: who still has something for the domain has asked again by then."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a domain is to be spared."""

    rate: float = 0
    """Messages a second; 0 for no limit."""
    connections: int = 0
    """Messages on the wire at a time, for each process; 0 for no limit."""


class Domains:
    """What may leave for which domain. False where nothing is limited: then there is no need to ask.

    `leased` as for `Pace`: the rates are shared with other processes, under the domains' names.
    """

    def __init__(self, limits: Mapping[str, Limit], now: float, *, leased: bool = False) -> None:
        self._limited = {
            domain.lower(): _Limited(limit, Pace(limit.rate, now, leased=leased))
            for domain, limit in limits.items()
        }

    def __bool__(self) -> bool:
        return bool(self._limited)

    def admits(self, domain: str, now: float) -> bool:
        """Whether a message for this domain may leave now. If one does, say `took` before asking again."""
        limited = self._limited.get(domain.lower())
        if limited is None:
            return True
        if limited.on_wire >= limited.most:
            return False
        if limited.pace.permits(now) < 1:
            limited.asked_at = now
            return False
        return True

    def took(self, domain: str, now: float) -> None:
        """Take note of a message that leaves."""
        limited = self._limited.get(domain.lower())
        if limited is not None:
            limited.on_wire += 1
            limited.pace.spend(1, now)

    def returned(self, domain: str) -> None:
        """Take note that a message that left has its answer, or will have none."""
        limited = self._limited.get(domain.lower())
        if limited is not None:
            limited.on_wire -= 1

    def wait(self, now: float) -> float:
        """Give the seconds until a domain that was refused for its rate may be asked again; else infinite.

        A domain that was refused for what is on the wire waits for a `returned`.
        """
        return min((limited.pace.wait(now) for limited in self._asked(now).values()), default=math.inf)

    def wanted(self, now: float) -> dict[str, tuple[int, float]]:
        """Give for each domain that is short of permits how many to lease, and at what rate."""
        wanted = {domain: limited.pace.wanted(now) for domain, limited in self._asked(now).items()}
        return {
            domain: (count, self._limited[domain].pace.limit) for domain, count in wanted.items() if count
        }

    def granted(self, domain: str, lease: Lease, now: float) -> None:
        """Take a lease for a domain, as `Pace.granted` does."""
        self._limited[domain].pace.granted(lease, now)

    def _asked(self, now: float) -> dict[str, "_Limited"]:
        return {
            domain: limited
            for domain, limited in self._limited.items()
            if now - limited.asked_at <= ASKED_SECONDS and limited.on_wire < limited.most
        }


class _Limited:
    """One domain's account."""

    def __init__(self, limit: Limit, pace: Pace) -> None:
        self.most = limit.connections or math.inf
        self.pace = pace
        self.on_wire = 0
        self.asked_at = -math.inf
