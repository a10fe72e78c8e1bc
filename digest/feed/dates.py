"""Dates as feeds write them. Gives aware UTC, or None where the text cannot be trusted."""

import re
from calendar import timegm
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import struct_time

# RFC 5322, 4.3, and the names that mean the same everywhere. Any other word at the end (CEST, BST, IST,
# Europe/Berlin, PM) is a guess, and both readers below would silently take the time for UTC.
_ZONES = frozenset(["UT", "UTC", "GMT", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"])
_WORD_AT_END = re.compile(r"\d\s*([A-Za-z][A-Za-z/_]*)$")
_COMMENT = re.compile(r"\s*\([^()]*\)$")
_OFFSET_BY_NAME = re.compile(r"\b(?:GMT|UTC)([+-])(\d{1,2}):?(\d{2})?$")
# PHP writes the date 0000-00-00 of a database as the year -0001.
_YEAR_ZERO = re.compile(r"\s-\d{4}\s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Characters. A longer text is no date, and the patterns' time grows with its square.
_LONGEST = 200


def moment(raw: str, parsed: struct_time | None = None) -> datetime | None:
    """Read a date; `parsed` is feedparser's reading in UTC, asked where the standards' formats fail.

    A date without a zone is taken as UTC. None stands for an unknown zone name, for nonsense, and for what
    databases write in place of no date: the epoch and the year 1.
    """
    raw = raw.strip()
    if len(raw) > _LONGEST:
        return None
    raw = _COMMENT.sub("", raw)
    raw = _OFFSET_BY_NAME.sub(lambda m: f"{m[1]}{m[2]:>02}{m[3] or '00'}", raw)
    word = _WORD_AT_END.search(raw)
    if _YEAR_ZERO.search(raw) or (word and word[1].upper() not in _ZONES):
        return None
    found = _standard(raw) or _tolerant(parsed)
    return None if found is None or found == _EPOCH or found.year <= 1 else found


def _standard(raw: str) -> datetime | None:
    """Read ISO 8601 (Atom, JSON Feed) or RFC 5322 (RSS)."""
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = reader(raw)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def _tolerant(parsed: struct_time | None) -> datetime | None:
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None
