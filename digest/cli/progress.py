"""Shows how far something long has come: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from digest.cli.output import stderr, tell

QUIET_SECONDS = 15
"""Between two lines where there is no terminal: enough for a log, too few to flood it."""

RATE_SECONDS = 10
"""What a rate on a terminal is smoothed over."""

MINUTE, HOUR = 60, 3600
"""Seconds."""

Advance: TypeAlias = Callable[[int], None]
"""Takes how much is done in all, not how much more."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How far an issue has come in all: accepted, and final in any way."""

    accepted: int
    settled: int


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


@contextmanager
def sending(total: int, done: Sent) -> Iterator[Callable[[Sent], None]]:
    """Give a function that shows how an issue of `total` readers goes on from `done`: rate and time left too.

    On standard error, like `progress`.
    """
    console = stderr()
    if not console.is_terminal:
        yield _paced_lines(total, done)
        return
    columns = (
        TextColumn("send"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[accepted]:,} accepted"),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(
        *columns, console=console, transient=True, expand=True, speed_estimate_period=RATE_SECONDS
    ) as bar:
        task = bar.add_task("send", total=total, completed=done.settled, accepted=done.accepted)
        yield lambda now: bar.update(task, completed=now.settled, accepted=now.accepted)


class _Rate(ProgressColumn):
    """Deliveries a second."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed is not None else "–/s")


def _lines(title: str, total: int | None) -> Advance:
    last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_SECONDS:
            last = time.monotonic()
            tell(f"{title}: {done:,} of {total:,}" if total is not None else f"{title}: {done:,}")

    return advance


def _paced_lines(total: int, done: Sent) -> Callable[[Sent], None]:
    last, before = time.monotonic(), done

    def advance(now: Sent) -> None:
        nonlocal last, before
        passed = time.monotonic() - last
        if passed >= QUIET_SECONDS:
            rate = (now.settled - before.settled) / passed
            last, before = time.monotonic(), now
            left = f", {span((total - now.settled) / rate)} left" if rate else ""
            tell(f"send: {now.settled:,} of {total:,}, {now.accepted:,} accepted, {rate:,.1f} a second{left}")

    return advance


def span(seconds: float) -> str:
    """Give a span of time in words: `40 s`, `12 min`, `3 h 5 min`."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours, rest = divmod(round(seconds / MINUTE), HOUR // MINUTE)
    return f"{hours} h {rest} min"
