"""What is known of a program's export: its columns, and how a row's status is read. Values only."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Cells: TypeAlias = Callable[[str], str]
"""Gives a row's cell by its column's name in lower case; empty where there is no such column."""

Names: TypeAlias = tuple[str, ...]
"""What a column is called, in lower case: the first that a file has is it."""


class Standing(Enum):
    """How somebody stood where the export is from."""

    UNSAID = "not said"
    READING = "subscribed"
    LEFT = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"
    UNCONFIRMED = "never confirmed there"
    NEVER = "never subscribed there"


STOPPED = frozenset({Standing.LEFT, Standing.BOUNCED, Standing.COMPLAINED, Standing.BLOCKED})
"""They must not be mailed. One who left may come back by an act of his own; the others get nothing again."""

OUTSIDE = frozenset({Standing.UNCONFIRMED, Standing.NEVER})
"""They never asked for mail, and nothing of them is kept."""


class UnknownStatusError(ValueError):
    """A status that says nothing here: whoever has it is not taken in."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program's export."""

    title: str
    email: Names
    names: tuple[Names, ...] = ()
    """The columns whose texts, with a blank between, are the name."""
    since: tuple[str, ...] = ()
    """When they consented: the first of these columns that says anything."""
    left: tuple[str, ...] = ()
    """When they left or bounced, likewise."""
    needs: tuple[Names, ...] = ()
    """Columns without which nobody could tell who has left: a file without one is not read."""
    lists: Names = ()
    """The column that says which list of theirs a row speaks of."""
    status: Callable[[Cells, str], tuple[Standing, str]]
    """Reads a row: how they stood, and in which word. Its second argument is what `sheet` gave.

    Raises UnknownStatusError.
    """
    sheet: Callable[[str, Collection[str]], str] = field(default=lambda _name, _columns: "")
    """Says what a file holds as a whole, by its name and its columns."""
    members: re.Pattern[str] = re.compile(r".+\.csv", re.IGNORECASE)
    """Which files of a ZIP archive are read."""
    escape: str | None = None
    """What stands before a quotation mark within a cell, where it is not another one (RFC 4180, 2.7)."""


def by_word(column: Names, words: dict[str, Standing]) -> Callable[[Cells, str], tuple[Standing, str]]:
    """Give what reads a status that stands in one column, as one word."""

    def read(cells: Cells, _sheet: str) -> tuple[Standing, str]:
        said = next((text for name in column if (text := cells(name))), "")
        return known(said, words)

    return read


def known(said: str, words: dict[str, Standing]) -> tuple[Standing, str]:
    """Give what a word of theirs means. Raises UnknownStatusError for one that is not known."""
    word = said.casefold()
    try:
        return words[word], word
    except KeyError:
        told = f"its status is {said!r}, which is not known here" if said else "it says no status"
        raise UnknownStatusError(told) from None
