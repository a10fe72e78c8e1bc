"""On which line of a TOML text each key stands. tomllib gives values without places.

Walks the tokens of a text that tomllib has already read, so that it need not judge it (TOML 1.0.0).
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n"
    r"|[\[\]{}=.,]"
    r"|[^\s\[\]{}=.,\#\"']+",
    re.DOTALL,
)


@dataclass(kw_only=True)
class _Places:
    lines: dict[Path, int] = field(default_factory=dict)
    table: Path = ()
    last_index: dict[Path, int] = field(default_factory=dict)
    """How far each array of tables has come."""

    def header(self, parts: list[str], *, is_array: bool, number: int) -> None:
        path = self._resolved(parts[:-1])
        path = (*path, parts[-1])
        if is_array:
            self.last_index[path] = self.last_index.get(path, -1) + 1
        if path in self.last_index:
            self.lines.setdefault(path, number)
            path = (*path, self.last_index[path])
        self.table = path
        self.note(path, number)

    def note(self, path: Path, number: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], number)

    def _resolved(self, parts: list[str]) -> Path:
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self.last_index:
                path = (*path, self.last_index[path])
        return path


def key_lines(text: str) -> dict[Path, int]:
    """Give the line, from 1, of every table's header and every key; a list of tables is counted from 0.

    The keys inside an inline table are not told apart from the table itself.
    """
    places = _Places()
    for number, statement in _statements(text):
        if statement[0] == "[":
            is_array = statement[1] == "["
            depth = 2 if is_array else 1
            places.header(_key(statement[depth:-depth]), is_array=is_array, number=number)
        else:
            places.note((*places.table, *_key(statement[: statement.index("=")])), number)
    return places.lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each header and each assignment as its tokens, with the line it begins on."""
    number, begun, depth, statement = 1, 1, 0, list[str]()
    for match in TOKEN.finditer(text.replace("\r\n", "\n")):
        piece = match[0]
        if piece == "\n" and depth == 0 and statement:
            yield begun, statement
            statement = []
        elif piece != "\n" and piece[0] != "#":
            begun = begun if statement else number
            statement.append(piece)
            depth += (piece in "[{") - (piece in "]}")
        number += piece.count("\n")
    if statement:
        yield begun, statement


def _key(tokens: list[str]) -> list[str]:
    return [_bare(piece) for piece in tokens if piece != "."]


def _bare(piece: str) -> str:
    return str(tomllib.loads(f"key = {piece}")["key"]) if piece[0] in "\"'" else piece
