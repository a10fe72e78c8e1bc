"""How the relay is, from one process's experience: whether it is in trouble, since when, and what follows.

Pure but for the instants it is handed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LASTING = timedelta(minutes=5)
"""How long a relay may answer a TLS or AUTH step with "later" before that is a matter of set-up."""


@dataclass(kw_only=True)
class Health:
    """The relay's. `patience` is how long it may fail before the run gives up; None is for ever."""

    patience: timedelta | None = None
    failures: int = 0
    """How often in a row it was in trouble; what fails together counts once."""
    since: datetime | None = None

    def lasting(self, now: datetime) -> bool:
        """Whether the trouble has gone on for longer than a passing one does."""
        return self.since is not None and now - self.since >= LASTING

    def answered(self) -> None:
        """Note that it answered as a relay does, be it with a refusal."""
        self.failures, self.since = 0, None

    def failed(self, now: datetime, *, again: bool) -> bool:
        """Note a trouble, `again` for one of a new attempt; give whether patience is at its end."""
        self.failures += again
        self.since = self.since or now
        return self.patience is not None and now - self.since >= self.patience
