"""`digest subscribers export`: every reader as CSV, JSON or JSON lines, in constant memory."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from digest.cli.context import open_desk
from digest.cli.output import counted, json_text, simple, tell
from digest.errors import DigestError, UsageError
from digest.model import Subscriber, SubscriberState
from digest.store import subscribers

COLUMNS = (
    *("email", "name", "state", "newsletters", "created_at", "confirmed_at", "consent"),
    *("left_at", "left_issue", "left_channel"),
)


class Format(Enum):
    """How readers are written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(export)


def export(
    ctx: typer.Context,
    state: Annotated[
        SubscriberState | None, typer.Option(help="Only those in this state.", show_default=False)
    ] = None,
    fmt: Annotated[
        Format, typer.Option("--format", help="CSV with a header, a JSON array, or an object a line.")
    ] = Format.CSV,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A file, for its owner's eyes alone; - is stdout.")
    ] = Path("-"),
) -> None:
    """Write every reader out. What `import` reads, `export` writes.

    Example: `digest subscribers export --state active -o readers.csv`
    """
    write = WRITERS[fmt]
    with open_desk(ctx) as desk, desk.store.read() as session, _opened(output) as file:
        number = write(file, subscribers.everyone(session, state=state))
    if str(output) != "-":
        tell(f"{counted(number, 'reader')} written to {output}.")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdout
        return
    try:
        # These are people's addresses.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise DigestError(f"{path} is not whole: {error.strerror}.") from error


def _csv(file: TextIO, readers: Iterable[Subscriber]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    number = 0
    for number, reader in enumerate(readers, 1):  # noqa: B007 - how many there were
        writer.writerow(" ".join(v) if isinstance(v, list) else v for v in _values(reader).values())
    return number


def _json(file: TextIO, readers: Iterable[Subscriber]) -> int:
    number = 0
    file.write("[")
    for number, reader in enumerate(readers, 1):
        file.write(("\n" if number == 1 else ",\n") + json_text(_values(reader)))
    file.write("\n]\n")
    return number


def _lines(file: TextIO, readers: Iterable[Subscriber]) -> int:
    number = 0
    for number, reader in enumerate(readers, 1):  # noqa: B007 - how many there were
        file.write(json_text(_values(reader)) + "\n")
    return number


WRITERS = {Format.CSV: _csv, Format.JSON: _json, Format.JSONL: _lines}


def _values(reader: Subscriber) -> dict[str, object]:
    return {name: simple(getattr(reader, name)) for name in COLUMNS}
