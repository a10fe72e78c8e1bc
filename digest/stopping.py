"""Turns SIGTERM and SIGINT into a call, for as long as a context lasts; then the handlers are as before."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def on_stop(call: Callable[[], object]) -> Iterator[None]:
    """Within the context the first signal calls `call` in the running loop; a second one ends the process.

    What was on the wire then counts as unknown, as after any crash.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def first() -> None:
        restore()
        call()

    def restore() -> None:
        for number, handler in before.items():
            if loop.remove_signal_handler(number):
                signal.signal(number, handler)

    for number in SIGNALS:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        restore()
