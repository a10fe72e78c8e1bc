"""How the demo looks: its steps while they happen, then its figures, its story and its facts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from digest.cli.output import counted, stderr, stdout, tell
from digest.demo.facts import Fact
from digest.demo.report import Edition, Killing, Report, Step

WIDTH = 80
"""Columns that the demo takes at most, and that most terminals have."""

TITLE = 22
"""Columns of a step's title."""


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


def show(report: Report, checked: Sequence[Fact]) -> None:
    """Print what the two issues came to."""
    out = stdout()
    out.print()
    out.print(_audiences(report))
    out.print()
    out.print(Text(_story(report), style="dim"))
    out.print()
    out.print(_seconds(report))
    _print_facts(checked)


def show_killing(killing: Killing, checked: Sequence[Fact]) -> None:
    """Print what became of an issue whose sender was killed."""
    out = stdout()
    out.print()
    out.print(_moments(killing))
    out.print()
    width = WIDTH if out.is_terminal else out.width
    out.print(Text("\n\n".join(_course(killing)), style="dim"), width=min(out.width, width))
    _print_facts(checked)


def _print_facts(checked: Sequence[Fact]) -> None:
    out = stdout()
    out.print()
    for fact in checked:
        if fact.holds:
            out.print(Text.assemble(("✓ ", "green"), fact.claim))
        else:
            out.print(Text.assemble(("✗ ", "bold red"), f"NOT TRUE: {fact.claim}: {fact.found}"))


def _moments(killing: Killing) -> Table:
    """Tell how the ledger stood at three moments."""
    shown = _table("The ledger", "Waiting", "On the wire", "Accepted", "Audience")
    moments = {"frozen": killing.frozen, "after kill -9": killing.killed, "sent": killing.edition.counts}
    for name, counts in moments.items():
        figures = (counts.pending, counts.submitting, counts.accepted, counts.total)
        shown.add_row(name, *(f"{figure:,}" for figure in figures))
    return shown


def _course(killing: Killing) -> tuple[str, ...]:
    """Tell in plain words what happened, a paragraph each."""
    wire = counted(killing.killed.submitting, "message was", "messages were")
    copies = counted(len(killing.caught) - len(killing.readers), "reader")
    died = (
        "`digest send` was ended by SIGKILL in the middle. No program can notice that, so nothing was tidied "
        f"up. But a message is written down before it leaves: {wire} on the wire, each known by name, and "
        "of these alone nobody can tell whether the relay took them."
    )
    went_on = (
        "The second `digest send` mailed those again, as SMTP has it (RFC 5321: at least once), and then the "
        f"rest. {copies} had it already and got a second copy, under the same Message-ID. With "
        'on_unknown = "ask" in [delivery] nobody gets one: such messages wait for your word '
        "(`digest issues retry --unknown`)."
    )
    return died, went_on


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
