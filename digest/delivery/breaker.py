"""Watches an issue's results for refusals that are our fault, and says when to hold it.

A pure value: each result makes the next one. It sees the results of one process and one issue.
"""

from dataclasses import dataclass, replace

from digest.delivery.outcome import Kind, Outcome

# With one policy refusal in ten messages, a run of twenty is one in 10^20: it is not chance.
RUN = 20
# Readers of one list hardly ever die fifty in a row: a relay that has lost its table of recipients says so.
DEAD_RUN = 50
# Few enough to lose little where all are refused, enough that it is not one provider's mood.
CANARIES = 10

OURS = frozenset({Kind.REFUSED_OURS, Kind.REFUSED_POLICY})
# Dead addresses are here too: where the first ten are all dead, the relay's idea of our readers is wrong.
CONCLUSIVE = OURS | {Kind.ACCEPTED, Kind.DEAD_ADDRESS, Kind.DISABLED, Kind.UNRECOGNISED}


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """What an issue's results say so far. An issue that is resumed starts with a new one."""

    audience: int
    tripped: str | None = None
    """Why the issue is to be held. It stays, whatever is still accepted from the wire."""
    accepted: int = 0
    results: int = 0
    first: Kind | None = None
    alike: int = 0
    """How many results were like the first."""
    run: int = 0
    """How many refusals in a row were our fault; an acceptance ends a run, a dead address does not."""
    dead: int = 0
    """How many addresses were called dead since the last acceptance."""

    @property
    def relay_takes(self) -> bool:
        """Whether the relay takes mail from us, as far as is known. An audience of one cannot tell."""
        return self.accepted > 0 or self.audience <= 1

    @property
    def is_calm(self) -> bool:
        """Whether one more acceptance would change nothing that matters: it need not be recorded."""
        return self.first is Kind.ACCEPTED and self.run == self.dead == 0

    def record(self, outcome: Outcome) -> "Breaker":
        """Give the breaker after one more result. What is deferred says nothing yet."""
        kind = outcome.kind
        if kind not in CONCLUSIVE:
            return self
        first = self.first or kind
        after = replace(
            self,
            accepted=self.accepted + (kind is Kind.ACCEPTED),
            results=self.results + 1,
            first=first,
            alike=self.alike + (kind is first),
            run=0 if kind is Kind.ACCEPTED else self.run + (kind in OURS),
            dead=0 if kind is Kind.ACCEPTED else self.dead + (kind is Kind.DEAD_ADDRESS),
        )
        return replace(after, tripped=self.tripped or _reason(after, outcome))


def _reason(breaker: Breaker, outcome: Outcome) -> str | None:
    # An audience smaller than ten has as many canaries as readers, where it is our fault. A few dead
    # addresses, though, may be just that.
    canaries = min(CANARIES, breaker.audience) if breaker.first in OURS else CANARIES
    if breaker.first is not Kind.ACCEPTED and breaker.alike == breaker.results >= canaries:
        return f"all of the first {breaker.results} messages were refused alike, the last: {outcome.evidence}"
    if breaker.run >= RUN:
        return f"{breaker.run} refusals in a row blame us, the last: {outcome.evidence}"
    if breaker.dead >= DEAD_RUN:
        return f"{breaker.dead} addresses in a row do not exist, says the relay: {outcome.evidence}"
    return None
