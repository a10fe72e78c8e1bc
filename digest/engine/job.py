"""What the sender is asked to do: one issue's open batches, and how its messages are made."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from digest.delivery.breaker import Breaker
from digest.model import Issue, Recipient
from digest.store.ledger import Batch, Row
from digest.store.tick import Result

Compose = Callable[[Recipient, datetime], bytes]


@dataclass(frozen=True, kw_only=True)
class Job:
    """An issue to send."""

    issue: Issue
    sender: str
    """The envelope's sender (RFC 5321 MAIL FROM)."""
    envelope: Callable[[Recipient], str] | None = None
    """What gives each recipient's message another one; None where all have the same."""
    composers: Mapping[str, Compose]
    """What makes a recipient's whole message, ready for the wire, by the name of the relay that gets it."""
    signs: bool = False
    """Whether that makes a signature: work for another processor than the event loop's."""


@dataclass(kw_only=True)
class OpenBatch:
    """A batch that was taken: the rows still to claim, and what came of those that were."""

    batch: Batch
    cutoff: int
    queue: deque[Row]
    results: list[Result] = field(default_factory=list)
    on_wire: int = 0
    parked: int = 0
    """How many of its rows wait for their domain; they stand in `Running.parked`."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing left to do in it."""
        return not self.queue and not self.results and self.on_wire == 0 and self.parked == 0


@dataclass(kw_only=True)
class Running:
    """A job under way."""

    job: Job
    breaker: Breaker
    batches: dict[int, OpenBatch] = field(default_factory=dict)
    upcoming: deque[int] = field(default_factory=deque)
    parked: dict[str, deque[tuple[OpenBatch, Row]]] = field(default_factory=dict)
    """Rows whose recipient's domain is to be spared, by domain, each with its batch."""
    put_off: set[int] = field(default_factory=set)
    """Batches that came back into `upcoming` because nothing but such rows was left in them."""
    lost: set[int] = field(default_factory=set)
    """Batches that somebody else has taken from this run: they stay his."""
    claiming: bool = True
    """Cleared by a hold, a cancellation or a stop: what is on the wire is awaited, nothing more leaves."""
    served: int = 0
    """The round in which it was last given connections."""
    unanswered: int = 0
    """How many messages in a row the relay has taken without a word."""
    hold_code: str = "relay"
    hold: str = ""
    """Why the issue has to be held, once it does."""

    @property
    def queued(self) -> int:
        """How many rows are ready to be claimed."""
        return sum(len(batch.queue) for batch in self.batches.values()) if self.claiming else 0

    @property
    def on_wire(self) -> int:
        """How many messages the relay has not answered for."""
        return sum(batch.on_wire for batch in self.batches.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is queued, on the wire, or unrecorded."""
        unrecorded = any(batch.results or batch.on_wire for batch in self.batches.values())
        return not unrecorded and (not self.claiming or not (self.upcoming or self.queued or self.waiting))

    @property
    def waiting(self) -> int:
        """How many rows wait for their domain."""
        return sum(map(len, self.parked.values())) if self.claiming and self.parked else 0

    def stop(self, hold: str = "", code: str = "relay") -> None:
        """Let nothing more leave; with a reason, hold the issue for it once the wire is empty."""
        self.claiming = False
        if hold and not self.hold:
            self.hold, self.hold_code = hold, code


class Order(NamedTuple):
    """One claimed delivery on its way to a connection."""

    running: Running
    batch: OpenBatch
    row: Row
