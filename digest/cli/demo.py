"""`digest demo`: two issues on their way from a sample site to a thousand readers, on this machine alone."""

import asyncio
import shutil
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from digest.cli.output import counted, say, stderr, stdout, tell
from digest.demo.facts import Fact, facts
from digest.demo.report import Edition, Report, Step
from digest.demo.souvenirs import Souvenir, keep
from digest.demo.story import play
from digest.demo.world import no_proxy, world

WIDTH = 80
"""Columns that the demo takes at most, and that most terminals have."""

TITLE = 22
"""Columns of a step's title."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="demo")(command)


def command(
    readers: Annotated[
        int, typer.Option(min=10, max=100_000, help="How many made-up readers to mail.")
    ] = 1000,
    open_: Annotated[bool, typer.Option("--open", help="Show an issue in the browser at the end.")] = False,
    keep_all: Annotated[
        bool, typer.Option("--keep", help="Keep the demo's config.toml, keys and database to look at.")
    ] = False,
) -> None:
    """See it all at work: a sample site, a relay that only catches, and a thousand readers.

    Nothing leaves this machine, and nothing is written in this folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="digest-demo-"))
    installation = folder / "installation"
    installation.mkdir()
    try:
        tell("A site, reader pages and a mail relay that only catches, all on this machine.")
        with no_proxy():
            report = asyncio.run(_play(installation, readers))
        checked = facts(report)
        proven = all(fact.holds for fact in checked)
        kept = (
            [keep(folder, one, report.caught, report.site_url) for one in report.editions] if proven else []
        )
    except BaseException:
        shutil.rmtree(folder)
        raise
    _show(report, checked)
    if not proven:
        tell(f"The demo failed: please report it. Everything it made is in {folder}")
        raise typer.Exit(1)
    if not keep_all:
        shutil.rmtree(installation)
    _after(kept, installation if keep_all else None)
    if open_:
        webbrowser.open(kept[0].html.as_uri())


async def _play(installation: Path, readers: int) -> Report:
    async with world(installation, datetime.now(UTC)) as made:
        return await play(made, readers, Terminal())


class Terminal:
    """Shows the demo's steps on standard error: live where there is a terminal, in plain lines elsewhere."""

    def __init__(self) -> None:
        self._console = stderr()

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._console.print(Text(f"\n{text}", style="bold"))

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Show a step while the context is open, and what came of it after."""
        if not self._console.is_terminal:
            yield
            tell(f"  {step.title}: {step.note} ({step.seconds:.2f} s)")
            return
        columns = [SpinnerColumn(style="cyan"), TextColumn(f"{{task.description:{TITLE}}}")]
        if step.total:
            columns += [BarColumn(bar_width=WIDTH - TITLE - 20), MofNCompleteColumn()]
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(step.title, total=step.total or None)
            step.on_reach = lambda done: bar.update(task, completed=done)
            yield
        self._console.print(self._line(step))

    def _line(self, step: Step) -> Table:
        line = Table.grid(padding=(0, 1, 0, 0))
        line.width = min(self._console.width, WIDTH)
        line.add_column(width=1)
        line.add_column(width=TITLE)
        line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        line.add_column(justify="right", width=7)
        line.add_row(
            Text("✓", style="green"), step.title, Text(step.note), Text(f"{step.seconds:.2f} s", style="dim")
        )
        return line


def _show(report: Report, checked: Sequence[Fact]) -> None:
    out = stdout()
    out.print()
    out.print(_audiences(report))
    out.print()
    out.print(Text(_story(report), style="dim"))
    out.print()
    out.print(_seconds(report))
    out.print()
    for fact in checked:
        if fact.holds:
            out.print(Text.assemble(("✓ ", "green"), fact.claim))
        else:
            out.print(Text.assemble(("✗ ", "bold red"), f"NOT TRUE: {fact.claim}: {fact.found}"))


def _audiences(report: Report) -> Table:
    """Whom each issue reached: accepted and withdrawn are its audience."""
    shown = _table("Issue", "Audience", "Accepted", "Withdrawn", "Left", leading=1)
    for edition in report.editions:
        counts = edition.counts
        figures = (edition.audience, counts.accepted, counts.withdrawn, edition.left)
        shown.add_row(_name(edition), *(f"{figure:,}" for figure in figures))
    return shown


def _seconds(report: Report) -> Table:
    """How long each step took."""
    steps = ("collect", "draft", "freeze", "send", "leave")
    shown = _table("Seconds", "import", *steps, "messages/s")
    for edition in report.editions:
        imported = f"{report.import_seconds:.2f}" if edition is report.first else "–"
        taken = (f"{edition.seconds[step]:.2f}" for step in steps)
        shown.add_row(edition.day, imported, *taken, f"{edition.rate:,.0f}")
    return shown


def _table(first: str, *others: str, leading: int = 0) -> Table:
    shown = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        leading=leading,
        header_style="bold",
        border_style="dim",
    )
    if stdout().is_terminal:
        shown.width = min(stdout().width, WIDTH)
    shown.add_column(first, ratio=1)
    for other in others:
        shown.add_column(other, justify="right", no_wrap=True, min_width=len(other))
    return shown


def _name(edition: Edition) -> Text:
    return Text.assemble(f"{edition.slot.local:%a %d %b, %H:%M}\n", (edition.subject, "italic"))


def _story(report: Report) -> str:
    first, second = report.first, report.second
    return (
        f"{counted(first.left, 'reader')} left after {first.day}’s issue: "
        f"{first.audience:,} − {first.left} = {second.audience:,} were queued for {second.day}’s.\n"
        f"{counted(second.left, 'more')} left before it was sent: "
        f"{second.audience:,} − {second.counts.withdrawn} = {second.counts.accepted:,} were mailed."
    )


def _after(kept: Sequence[Souvenir], installation: Path | None) -> None:
    """Say what is left to look at, and what to do next."""
    say()
    say("An issue as a reader got it, as a page and as it went over the wire:")
    for path in (kept[0].html, kept[0].eml):
        say(f"  {path}")
    if installation is not None:
        say("The demo's installation:")
        say(f"  digest --config {installation / 'config.toml'} issues list")
    say()
    say("Nobody was mailed. For a digest of your own: digest init", style="bold")
