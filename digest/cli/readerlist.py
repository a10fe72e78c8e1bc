"""Reads a CSV file of readers row by row: with comma, semicolon or tab, in UTF-8 with or without BOM.

RFC 4180 with a header. What is wrong with the file as a whole ends the reading before the first row; what
is wrong with a row is told with its line, and the next row is read. Knows no database.
"""

import csv
import shutil
import sys
import tempfile
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from digest.address import normalise
from digest.errors import AddressError, UsageError

BLOCK = 1 << 20
"""Octets read at once where the encoding is checked."""

DELIMITERS = (",", ";", "\t")
EMAIL = ("email", "e-mail", "email address", "e-mail address")
"""What the column may be called; the last three are how other programs export it."""

SHOWN = 100
"""How many characters of a wrong header a message repeats."""
LONGEST_NAME = 200
"""More is no name but half a file behind a stray quotation mark."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A row that names an address, in wire form. `line` is where it begins, from 1."""

    line: int
    email: str
    name: str = ""
    confirmed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A row that cannot be used, and why: `kind` is the same for all that are wrong in the same way."""

    line: int
    lines: int = 1
    kind: str
    reason: str

    @property
    def where(self) -> str:
        """Give `line 7`, or `lines 7 to 12`."""
        return (
            f"line {self.line}" if self.lines == 1 else f"lines {self.line} to {self.line + self.lines - 1}"
        )


class ReaderList:
    """An open file whose encoding and header are right. `lines` is how many it has."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.lines = _check_encoding(file, name)
        text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        first = text.readline()
        self._delimiter, header = _header(first, name)
        self._columns = {heading: number for number, heading in reversed(list(enumerate(header)))}
        self._email = next(self._columns[heading] for heading in EMAIL if heading in self._columns)
        self._text = text

    def rows(self) -> Iterator[Person | BadLine]:
        """Give every row, good or bad; empty ones are no rows."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        before = 0
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                yield _unclosed(before, reader.line_num)
            else:
                if row is None:
                    return
                if any(cell.strip() for cell in row):
                    yield self._person(row, before + 2, reader.line_num - before)
            before = reader.line_num

    def _person(self, row: Sequence[str], line: int, lines: int) -> Person | BadLine:
        """Read a row that begins at `line` of the file. The header is line 1."""
        email, name = self._cell(row, self._email), self._cell(row, self._columns.get("name"))
        confirmed = self._cell(row, self._columns.get("confirmed_at"))
        if not email:
            return BadLine(line=line, lines=lines, kind="no address", reason="it names no address")
        try:
            address = normalise(email)
        except AddressError as error:
            reason = str(error).rstrip(".")
            return BadLine(line=line, lines=lines, kind="not an address that can be mailed", reason=reason)
        if "\n" in name or len(name) > LONGEST_NAME:
            reason = "the name goes over several lines: is a quotation mark open?"
            return BadLine(line=line, lines=lines, kind="no name", reason=reason)
        try:
            at = datetime.fromisoformat(confirmed) if confirmed else None
        except ValueError:
            reason = f"confirmed_at is no ISO 8601 date: {confirmed[:SHOWN]!r}"
            return BadLine(line=line, lines=lines, kind="confirmed_at is no date", reason=reason)
        if at is not None:
            at = at.replace(tzinfo=at.tzinfo or UTC)
        return Person(line=line, email=address, name=" ".join(name.split()), confirmed_at=at)

    @staticmethod
    def _cell(row: Sequence[str], column: int | None) -> str:
        return row[column].strip() if column is not None and column < len(row) else ""


@contextmanager
def opened(path: Path) -> Iterator[ReaderList]:
    """Open a file, or standard input for `-`.

    Raises UsageError where it cannot be read as a whole: missing, not UTF-8, or without an email column.
    """
    with ExitStack() as stack:
        if str(path) == "-":
            # A pipe cannot be read twice, and nothing is taken in before its encoding is known to be right.
            file: BinaryIO = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.seek(0)
            yield ReaderList(file, "stdin")
            return
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        yield ReaderList(file, path.name)


def _check_encoding(file: BinaryIO, name: str) -> int:
    """Read the file once for its encoding alone; give how many lines it has. Leaves it at its beginning."""
    decoder, lines, octets = getincrementaldecoder("utf-8")(), 0, 0
    while True:
        block = file.read(BLOCK)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            lines += error.object.count(b"\n", 0, error.start)
            at = octets - held + error.start
            raise UsageError(
                f"{name}, line {lines + 1}: byte {at + 1:,} (0x{error.object[error.start]:02x}) is no UTF-8: "
                "nothing was imported. Save it as “CSV UTF-8”, or convert it with "
                "`iconv -f WINDOWS-1252 -t UTF-8`."
            ) from error
        if not block:
            file.seek(0)
            return lines
        lines += block.count(b"\n")
        octets += len(block)


def _header(line: str, name: str) -> tuple[str, list[str]]:
    """Find the delimiter under which the first line has an email column; give it with the column names."""
    if not line.strip():
        raise UsageError(f"{name} is empty: its first line has to name the columns, such as email,name.")
    for delimiter in DELIMITERS:
        row = next(csv.reader([line], delimiter=delimiter), [])
        header = [cell.strip().casefold() for cell in row]
        if any(heading in EMAIL for heading in header):
            return delimiter, header
    raise UsageError(
        f"{name} has no column “email”: its first line has to name the columns, such as email,name, "
        f"and reads {line.strip()[:SHOWN]!r}."
    )


def _unclosed(before: int, now: int) -> BadLine:
    return BadLine(
        line=before + 2,
        lines=max(1, now - before),
        kind="quotation marks that do not match",
        reason="its quotation marks do not match, or a cell is longer than 128 KB",
    )
