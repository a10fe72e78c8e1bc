"""Shows how far something long has come: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from digest.cli.output import stderr, tell

QUIET_SECONDS = 15
"""Between two lines where there is no terminal: enough for a log, too few to flood it."""

Advance: TypeAlias = Callable[[int], None]
"""Takes how much is done in all, not how much more."""


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Advance]:
    """Give a function that shows how much of `total` is done. Without a total the bar only moves.

    On standard error. The bar goes when it is done; what came of it the command says.
    """
    console = stderr()
    if not console.is_terminal:
        yield _lines(title, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines(title: str, total: int | None) -> Advance:
    last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_SECONDS:
            last = time.monotonic()
            tell(f"{title}: {done:,} of {total:,}" if total is not None else f"{title}: {done:,}")

    return advance
