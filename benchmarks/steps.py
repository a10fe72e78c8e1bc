"""Says on standard error how far a benchmark is, a line a step: in a terminal as in a log."""

import sys
import time

MINUTE = 60


class Steps:
    """Counts the steps of one part of the benchmark."""

    def __init__(self, part: str, total: int) -> None:
        self._part, self._total, self._done = part, total, 0
        self._started = time.monotonic()
        self.failures: list[str] = []
        """What failed, in words; the rest is measured all the same."""

    def done(self, what: str) -> None:
        """Tell what a step came to, and how long the rest will take at this pace."""
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done)
        span = f"{left / MINUTE:.0f} min" if left > 2 * MINUTE else f"{left:.0f} s"
        print(f"{self._part} {self._done}/{self._total}, {span} left: {what}", file=sys.stderr, flush=True)

    def failed(self, what: str) -> None:
        """Tell of a step that failed, and keep it."""
        self.failures.append(what)
        self.done(f"FAILED: {what}")
