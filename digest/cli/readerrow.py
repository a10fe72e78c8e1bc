"""Reads one row of an import as a person: address, name, consent, how they stood where it is from. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from digest.address import normalise
from digest.errors import AddressError
from digest.imports.program import OUTSIDE, STOPPED, Names, Program, Standing, UnknownStatusError
from digest.imports.programs import PLAIN
from digest.imports.times import when

SHOWN = 100
"""How many characters of a wrong cell a message repeats."""
LONGEST_NAME = 200
"""More is no name but half a file behind a stray quotation mark."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A row that names an address, in wire form. `line` is where it begins, from 1."""

    line: int
    email: str
    name: str = ""
    confirmed_at: datetime | None = None
    standing: Standing = Standing.UNSAID
    said: str = ""
    """The word for it where the row is from."""
    left_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A row that cannot be used, and why: `kind` is the same for all that are wrong in the same way."""

    line: int
    lines: int = 1
    kind: str
    reason: str
    quiet: bool = False
    """Nothing is wrong with it: it is counted, and not told."""

    @property
    def where(self) -> str:
        """Give `line 7`, or `lines 7 to 12`."""
        return (
            f"line {self.line}" if self.lines == 1 else f"lines {self.line} to {self.line + self.lines - 1}"
        )


class _Bad(Exception):  # noqa: N818  a row's end, no error of ours
    def __init__(self, kind: str, reason: str, *, quiet: bool = False) -> None:
        self.kind, self.reason, self.quiet = kind, reason, quiet
        super().__init__(reason)


class _Since(NamedTuple):
    name: str
    column: int


class RowReader:
    """Reads the rows of a file with these columns (name in lower case, and number)."""

    def __init__(self, program: Program, columns: Mapping[str, int], name: str) -> None:
        self._program = program
        self._columns = columns
        self._unsaid = program is PLAIN
        self._sheet = program.sheet(name, columns)
        # Resolved once: an import asks for them a million times.
        self._email = first(columns, program.email)
        self._names = [found for names in program.names if (found := first(columns, names)) is not None]
        self._since = [_Since(name, columns[name]) for name in program.since if name in columns]
        self._left = [columns[name] for name in program.left if name in columns]

    def read(self, row: Sequence[str], line: int, lines: int) -> Person | BadLine:
        """Read a row that begins at `line` of the file. The header is line 1."""
        try:
            standing, said = self._standing(row)
            stopped = standing in STOPPED
            return Person(
                line=line,
                email=self._address(row),
                name=self._name(row),
                confirmed_at=self._confirmed_at(row, stopped=stopped),
                standing=standing,
                said=said,
                left_at=self._left_at(row) if stopped else None,
            )
        except _Bad as bad:
            return BadLine(line=line, lines=lines, kind=bad.kind, reason=bad.reason, quiet=bad.quiet)

    def _address(self, row: Sequence[str]) -> str:
        email = cell(row, self._email)
        if not email:
            raise _Bad("no address", "it names no address")
        try:
            return normalise(_unguarded(email))
        except AddressError as error:
            raise _Bad("not an address that can be mailed", str(error).rstrip(".")) from error

    def _name(self, row: Sequence[str]) -> str:
        name = " ".join([row[column].strip() for column in self._names if column < len(row)])
        if "\n" in name or len(name) > LONGEST_NAME:
            raise _Bad("no name", "the name goes over several lines: is a quotation mark open?")
        return " ".join(name.split())

    def _standing(self, row: Sequence[str]) -> tuple[Standing, str]:
        if self._unsaid:
            return Standing.UNSAID, ""
        columns = self._columns
        try:
            standing, said = self._program.status(lambda name: cell(row, columns.get(name)), self._sheet)
        except UnknownStatusError as error:
            raise _Bad("a status that is not known", str(error)) from error
        if standing in OUTSIDE:
            raise _Bad(standing.value, standing.value, quiet=True)
        return standing, said

    def _confirmed_at(self, row: Sequence[str], *, stopped: bool) -> datetime | None:
        for name, column in self._since:
            if text := cell(row, column):
                try:
                    return when(text)
                except ValueError as error:
                    # Whoever must not be mailed is kept out whatever else the row says.
                    if stopped:
                        return None
                    reason = f"{name} is no ISO 8601 date: {text[:SHOWN]!r}"
                    raise _Bad(f"{name} is no date", reason) from error
        return None

    def _left_at(self, row: Sequence[str]) -> datetime | None:
        text = next((text for column in self._left if (text := cell(row, column))), "")
        try:
            return when(text) if text else None
        except ValueError:
            return None


def cell(row: Sequence[str], column: int | None) -> str:
    """Give a row's cell, stripped; empty where there is none."""
    return row[column].strip() if column is not None and column < len(row) else ""


def first(columns: Mapping[str, int], names: Names) -> int | None:
    """Give the number of the first of some columns that there is."""
    return next((columns[name] for name in names if name in columns), None)


def _unguarded(text: str) -> str:
    """Take off the quotation mark that keeps a spreadsheet from running a cell as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text
