"""Reads a CSV file of readers row by row: with comma, semicolon or tab (RFC 4180 with a header).

What is wrong with the header ends the reading before the first row; what is wrong with a row is told with its
line, and the next row is read. What the columns mean, a program's description says. Knows no database.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import BinaryIO

from digest.cli.readerrow import SHOWN, BadLine, Person, RowReader, cell, first
from digest.errors import UsageError
from digest.imports.program import Program
from digest.imports.programs import PLAIN

DELIMITERS = (",", ";", "\t")

MOST_LISTS = 20
"""How many of a file's lists a message names."""


class ReaderList:
    """An open file in UTF-8 whose header is right. `lines` is how many it has.

    `only` names one of the lists that its rows speak of. Raises UsageError for a header that does not do.
    """

    def __init__(
        self, file: BinaryIO, name: str, lines: int = 0, program: Program = PLAIN, only: str = ""
    ) -> None:
        self.name, self.lines = name, lines
        self._escape, self._only = program.escape, " ".join(only.split()).casefold()
        self._text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self._delimiter, columns = _header(self._text.readline(), name, program)
        self._list = first(columns, program.lists)
        self._row = RowReader(program, columns, name)
        self._check_lists()

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def rows(self) -> Iterator[Person | BadLine]:
        """Give every row, good or bad; empty ones are no rows, nor are those of another list."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True, escapechar=self._escape)
        before = 0
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                yield _unclosed(before, reader.line_num)
            else:
                if row is None:
                    return
                if any(text.strip() for text in row) and self._is_wanted(row):
                    yield self._row.read(row, before + 2, reader.line_num - before)
            before = reader.line_num

    def _is_wanted(self, row: Sequence[str]) -> bool:
        return not self._only or cell(row, self._list).casefold() == self._only

    def _check_lists(self) -> None:
        """Raise UsageError where the rows are of several lists and nobody says which, or of others."""
        if self._only and self._list is None:
            raise UsageError(f"{self.name} does not say which list a row is of: leave out --list.")
        if self._list is None:
            return
        start = self._text.tell()
        held: dict[str, str] = {}
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True, escapechar=self._escape)
        while len(held) <= MOST_LISTS:
            try:
                row = next(reader, None)
            except csv.Error:
                continue
            if row is None:
                break
            if of := cell(row, self._list):
                held.setdefault(of.casefold(), of)
        self._text.seek(start)
        told = ", ".join(f"“{name}”" for name in sorted(held.values()))
        if self._only and self._only not in held and len(held) <= MOST_LISTS:
            raise UsageError(f"{self.name} has no list of this name; it has {told or 'none'}.")
        if not self._only and len(held) > 1:
            raise UsageError(f"{self.name} has several lists: say which with --list: {told}.")


class ReaderLists:
    """The files of one import, one after the other."""

    def __init__(self, lists: Sequence[ReaderList]) -> None:
        self._lists = lists
        self.lines = sum(one.lines for one in lists)
        self.before = 0
        """The lines of those that are read."""
        self.name = ""
        """The one that is being read, where there are several."""

    def rows(self) -> Iterator[Person | BadLine]:
        """Give every row of every file."""
        for one in self._lists:
            self.name = one.name if len(self._lists) > 1 else ""
            yield from one.rows()
            self.before += one.lines


def _header(line: str, name: str, program: Program) -> tuple[str, dict[str, int]]:
    """Find the delimiter under which the first line has an email column; give it with the columns."""
    if not line.strip():
        raise UsageError(f"{name} is empty: its first line has to name the columns, such as email,name.")
    for delimiter in DELIMITERS:
        row = next(csv.reader([line], delimiter=delimiter, escapechar=program.escape), [])
        header = [cell.strip().casefold() for cell in row]
        if any(heading in program.email for heading in header):
            columns = {heading: number for number, heading in reversed(list(enumerate(header)))}
            _check_needs(columns, name, program)
            return delimiter, columns
    if program is not PLAIN:
        raise UsageError(
            f"{name} is no export of {program.title}’s: it has no column “{program.email[0]}”, "
            f"its first line reads {line.strip()[:SHOWN]!r}."
        )
    raise UsageError(
        f"{name} has no column “email”: its first line has to name the columns, such as email,name, "
        f"and reads {line.strip()[:SHOWN]!r}."
    )


def _check_needs(columns: Mapping[str, int], name: str, program: Program) -> None:
    for names in program.needs:
        if first(columns, names) is None:
            raise UsageError(
                f"{name} has no column “{names[0]}”, so that nobody could tell who has left: export it from "
                f"{program.title} again, in English and with all columns."
            )


def _unclosed(before: int, now: int) -> BadLine:
    return BadLine(
        line=before + 2,
        lines=max(1, now - before),
        kind="quotation marks that do not match",
        reason="its quotation marks do not match, or a cell is longer than 128 KB",
    )
