"""How results look: sentences and tables for people, JSON for scripts. Keeps stdout for results alone.

Colours go with the terminal and NO_COLOR; what is piped is neither coloured nor wrapped.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digest.errors import UsageError

UNWRAPPED = 10_000
"""Columns of an output that is no terminal: a script wants a row on one line."""

NOTHING = "–"

# All of C0 and C1 but the line feed: an escape sequence could write anything onto an operator's terminal.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def stdout() -> Console:
    """Give the console of results. Made anew for each use: it follows the process's streams."""
    return _console(to_stderr=False)


def stderr() -> Console:
    """Give the console of everything else."""
    return _console(to_stderr=True)


def _console(*, to_stderr: bool) -> Console:
    console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = UNWRAPPED
    return console


def plain(text: object) -> str:
    """Give text for a terminal: control characters, which a feed or a relay may send, become `�`."""
    return _CONTROLS.sub("�", str(text))


def say(text: object = "", style: str = "") -> None:
    """Print a sentence of the result. Lines are broken by the terminal alone, so that they can be copied."""
    stdout().print(Text(plain(text), style=style), soft_wrap=True)


def tell(text: object) -> None:
    """Print a sentence that is no result: a warning, a hint, an error."""
    stderr().print(Text(plain(text)), soft_wrap=True)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Collection[str] = ()
) -> None:
    """Print aligned columns, `numbers` to the right. The last column takes what room is left, and wraps."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        last = heading == headings[-1] and heading not in numbers
        shown.add_column(
            heading, justify="right" if heading in numbers else "left", no_wrap=not last, overflow="fold"
        )
    for row in rows:
        shown.add_row(*(Text(cell(value)) for value in row))
    _print(shown)


def facts(rows: Iterable[Sequence[object]]) -> None:
    """Print names and what is to be said of them, aligned, a pair (or more) a line."""
    shown = Table.grid(padding=(0, 2, 0, 0))
    told = [[Text(plain(name)), *(Text(cell(value)) for value in values)] for name, *values in rows]
    width = max((len(row) for row in told), default=0)
    for number in range(width):
        shown.add_column(style="bold" if number == 0 else "", no_wrap=number < width - 1, overflow="fold")
    for row in told:
        shown.add_row(*row)
    _print(shown)


def _print(shown: Table) -> None:
    """Print a table without the blanks that fill its last column."""
    console = stdout()
    with console.capture() as captured:
        console.print(shown)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def cell(value: object) -> str:
    """Give a value as it stands in a table."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return plain(value) or NOTHING


def moment(when: datetime | None, zone: str) -> str:
    """Give an instant in a zone, to the minute: `2026-11-24 07:00 EST`."""
    return when.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z") if when else NOTHING


def emit_json(value: object) -> None:
    """Print a value as JSON, with two spaces' indent."""
    typer.echo(json_text(value, indent=2))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Give a value as JSON: times in ISO 8601 as UTC with `Z`, enums by value, dataclasses as objects."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(simple(value), ensure_ascii=not utf8, indent=indent)


def simple(value: object) -> object:
    """Give a value in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: simple(getattr(value, field.name)) for field in dataclasses.fields(value)}
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
        case Enum():
            return value.value
        case Mapping():
            return {str(simple(key)): simple(item) for key, item in value.items()}
        case list() | tuple():
            return [simple(item) for item in value]
        case _:
            return value


def counted(number: int, one: str, many: str = "") -> str:
    """Give a number with its noun: `1 article`, `2,000 articles`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal whether to go on; end with exit 1 where the answer is no.

    Raises UsageError where nobody is there to answer and `--yes` was not said.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{question} Nobody is here to answer: say --yes.")
    if not typer.confirm(plain(question), err=True):
        tell("Nothing was done.")
        raise typer.Exit(1)
