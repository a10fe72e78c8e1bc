"""Counts the issues in succession that came back from one address, where the relay had accepted each of them.

A relay that accepts everything says nothing about the mailbox: what was accepted counts as taken only once it
could have come back and has not. Pure.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

RETURNS_WITHIN = timedelta(days=7)
"""Systems try for five days (RFC 5321 4.5.4.1), and then it has to be read."""


class Came(Enum):
    """What became of a delivery."""

    BACK = "back"
    TAKEN = "taken"
    """Accepted, and not come back."""
    UNTOLD = "untold"
    """Never accepted, or come back for another reason: it says nothing."""


class Mailed(NamedTuple):
    """An issue's delivery to the address, and when it was mailed."""

    issue_id: int
    at: datetime
    came: Came


def run(mailed: Sequence[Mailed], issue_id: int, now: datetime) -> tuple[datetime, ...]:
    """Give when the issues around one that came back were mailed which came back too, the oldest first.

    `mailed` is in the order of issues, and may be read in any order: reports overtake each other. Empty where
    an issue has been taken since, so that nothing counts any more.
    """
    place = next((number for number, one in enumerate(mailed) if one.issue_id == issue_id), None)
    if place is None:
        return ()
    since = next((one for one in mailed[place + 1 :] if one.came is Came.TAKEN), None)
    if since is not None and now - since.at >= RETURNS_WITHIN:
        return ()
    before, after = _back(reversed(mailed[:place])), _back(mailed[place + 1 :])
    return tuple(sorted([mailed[place].at, *before, *after]))


def _back(mailed: Sequence[Mailed] | Iterator[Mailed]) -> Iterator[datetime]:
    for one in mailed:
        if one.came is Came.TAKEN:
            return
        if one.came is Came.BACK:
            yield one.at
