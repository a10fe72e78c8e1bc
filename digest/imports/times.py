"""Reads the times of other programs' exports. Never guesses which of two numbers is the month."""

import re
from datetime import UTC, datetime

# `2024-01-02 15:04:05.999999999 +0000 UTC`, as Go prints a time; the zone's name says nothing new.
_GO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[ T](?P<clock>\d\d:\d\d:\d\d)(?:\.\d+)?\s*"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?(?:\s+[+A-Z0-9]{1,6})?",
    re.ASCII,
)
# `Jan 5, 2023`: the month is a word.
_WORDS = ("%b %d, %Y", "%d %b %Y", "%B %d, %Y")


def when(text: str) -> datetime:
    """Give an instant, aware; a time without zone is UTC. Raises ValueError for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _otherwise(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _otherwise(text: str) -> datetime:
    if match := _GO.fullmatch(text):
        return datetime.fromisoformat(f"{match['day']}T{match['clock']}{match['zone'] or ''}")
    for shape in _WORDS:
        try:
            return datetime.strptime(text, shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time")
