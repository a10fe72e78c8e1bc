"""An event loop that does not wait: where nothing is left to do, its clock jumps to the next timer.

Sockets and threads are real. So a relay that is silent for five minutes, or in trouble for a day, costs a
test a few milliseconds, and no deadline in it has to be shorter than in life.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 0.0005
"""How long nothing has to have happened before the clock jumps: loopback sockets need none of it."""


class _Selector(selectors.DefaultSelector):
    """Waits for sockets; `skip` is told how many seconds there would have been to wait in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.skip: Callable[[float], bool] = lambda _: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= GRACE_SECONDS:
            return super().select(timeout)
        ready = super().select(GRACE_SECONDS)
        if ready or self.skip(timeout):
            return ready
        return super().select(timeout)


class JumpingLoop(asyncio.SelectorEventLoop):
    """The loop. While one of its threads is at work, its clock goes as others do."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._at_work = 0
        selector = _Selector()
        super().__init__(selector)
        selector.skip = self._skip

    def time(self) -> float:
        return super().time() + self._skipped

    def _skip(self, seconds: float) -> bool:
        if self._at_work:
            return False
        self._skipped += seconds
        return True

    def run_in_executor(  # type: ignore[override] # typeshed's own signature needs more of typing than 3.11 has
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        self._at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        self._at_work -= 1


def in_no_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop that does not wait."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)
