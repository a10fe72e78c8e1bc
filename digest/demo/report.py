"""What the demo tells while it runs and when it is over. Values alone."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from digest.demo.caught import Caught
from digest.model import Counts, Slot


@dataclass(kw_only=True)
class Step:
    """A step of the demo while it runs: how far it has come, and in the end what came of it."""

    title: str
    total: int = 0
    """How many there are to do; 0 where nothing is counted."""
    note: str = ""
    seconds: float = 0.0
    on_reach: Callable[[int], object] = lambda _: None
    """Whoever shows it hears here how many are done."""


class Show(Protocol):
    """Whoever shows the demo while it runs."""

    def heading(self, text: str) -> None:
        """Begin a part."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Show a step while the context is open, and what came of it after."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A made-up reader."""

    email: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Edition:
    """An issue as it went out. `left` readers left after it was queued and before the next one was."""

    slot: Slot
    subject: str
    stories: tuple[str, ...]
    counts: Counts
    audience: int
    left: int
    seconds: Mapping[str, float]
    """How long each step took, by its name."""

    @property
    def day(self) -> str:
        """The day of the week."""
        return f"{self.slot.local:%A}"

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.counts.accepted / max(self.seconds["send"], 0.001)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What happened. `early` left before the second issue was queued, `last` when it was."""

    readers: Sequence[Reader]
    import_seconds: float
    first: Edition
    second: Edition
    early: tuple[Reader, ...]
    last: Reader
    caught: Sequence[Caught]
    site_url: str

    @property
    def editions(self) -> tuple[Edition, Edition]:
        """Both issues, in their order."""
        return self.first, self.second


@dataclass(frozen=True, kw_only=True)
class Killing:
    """What happened when the sending process was killed: the ledger before it, after it, and in the end."""

    readers: Sequence[Reader]
    connections: int
    frozen: Counts
    killed: Counts
    edition: Edition
    site_url: str
    caught: Sequence[Caught] = ()

    @property
    def editions(self) -> tuple[Edition]:
        """The one issue."""
        return (self.edition,)

    @property
    def doubled(self) -> dict[str, list[str]]:
        """Who got more than one copy, and the Message-IDs of these."""
        ids: dict[str, list[str]] = {}
        for one in self.caught:
            ids.setdefault(one.recipient, []).append(str(one.headers["Message-ID"]))
        return {recipient: found for recipient, found in ids.items() if len(found) > 1}
