"""Opens what readers are imported from: a CSV file, standard input, or the CSV files of a ZIP archive.

In UTF-8 or UTF-16, with or without BOM. Whatever is wrong with a file as a whole is told in one sentence,
before anything of it is taken in.
"""

import shutil
import sys
import tempfile
import zipfile
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from digest.cli.readerlist import ReaderList, ReaderLists
from digest.errors import UsageError
from digest.imports.program import Program
from digest.imports.programs import PLAIN

BLOCK = 1 << 20
"""Octets read at once where the encoding is checked."""

ZIP = b"PK\x03\x04"
"""How a ZIP archive begins, a spreadsheet's file among them."""

STOPPED_FIRST = ("cleaned", "unsubscribed")
"""Those of a program's files that are read before the others: whoever left is known when a list is read."""


@contextmanager
def opened(path: Path, program: Program = PLAIN, only: str = "") -> Iterator[ReaderLists]:
    """Open a file, or standard input for `-`. `only` names the list of theirs that is wanted.

    Raises UsageError where it cannot be read as a whole: missing, of another encoding, or without a column
    that it needs.
    """
    with ExitStack() as stack:
        if str(path) == "-":
            # A pipe cannot be read twice, and nothing is taken in before its encoding is known to be right.
            file = _scratch(stack)
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.seek(0)
            name = "stdin"
        else:
            try:
                file = stack.enter_context(path.open("rb"))
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
            name = path.name
        sheets = _sheets(stack, file, name, program)
        yield ReaderLists([listed(stack, sheet, called, program, only) for sheet, called in sheets])


def listed(
    stack: ExitStack, file: BinaryIO, name: str, program: Program = PLAIN, only: str = ""
) -> ReaderList:
    """Give one CSV file's rows; what that takes is closed with the stack. Raises UsageError."""
    start = file.read(4)
    file.seek(0)
    if encoding := _utf16(start):
        file = _as_utf8(stack, file, name, encoding)
    found = ReaderList(file, name, _check_encoding(file, name), program, only)
    stack.callback(found.close)
    return found


def _sheets(stack: ExitStack, file: BinaryIO, name: str, program: Program) -> Iterator[tuple[BinaryIO, str]]:
    """Give the CSV files that a file is, or holds, each with its name."""
    start = file.read(len(ZIP))
    file.seek(0)
    if start != ZIP:
        yield file, name
        return
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
        held = archive.namelist()
        if "[Content_Types].xml" in held:
            raise UsageError(f"{name} is a spreadsheet: save it as “CSV UTF-8”, and import that.")
        if program is PLAIN:
            raise UsageError(f"{name} is a ZIP archive: say with --from which program it is from.")
        wanted = [one for one in held if program.members.fullmatch(one)]
        if not wanted:
            raise UsageError(
                f"{name} holds no list of {program.title}’s, but {', '.join(held[:5]) or 'nothing'}."
            )
        for one in sorted(wanted, key=lambda one: (not _base(one).startswith(STOPPED_FIRST), one)):
            yield _copy(stack, stack.enter_context(archive.open(one))), _base(one)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise UsageError(f"{name} is a ZIP archive that cannot be read: {error}.") from error


def _base(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _copy(stack: ExitStack, packed: IO[bytes]) -> BinaryIO:
    """Unpack a file onto the disk: it is read twice, and may be larger than the memory."""
    file = _scratch(stack)
    shutil.copyfileobj(packed, file)
    file.seek(0)
    return file


def _utf16(start: bytes) -> str:
    """Give which UTF-16 a file is in, by its mark or its first letter, which is ASCII; empty for another."""
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if len(start) < len(BOM_UTF16_LE) or 0 not in start[:2] or start.startswith(BOM_UTF8):
        return ""
    return "utf-16-be" if start[0] == 0 else "utf-16-le"


def _as_utf8(stack: ExitStack, file: BinaryIO, name: str, encoding: str) -> BinaryIO:
    made = _scratch(stack)
    decoder = getincrementaldecoder(encoding)()
    try:
        while block := file.read(BLOCK):
            made.write(decoder.decode(block).encode())
        made.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise UsageError(
            f"{name} begins as UTF-16 but is not: nothing was imported. Save it as “CSV UTF-8”."
        ) from error
    made.seek(0)
    return made


def _scratch(stack: ExitStack) -> BinaryIO:
    """Give a file on the disk that is gone with the stack."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  the stack closes it
    return stack.enter_context(file)


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
