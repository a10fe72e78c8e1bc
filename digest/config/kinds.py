"""The plain kinds of values: whole numbers, yes or no, lists, tables, durations.

config.toml brings them typed, the environment as text. A text from the environment is marked, so that the
file stays strict (`port = "587"` is a wrong type there) while `DIGEST_SMTP__PORT=587` is read as a number.
"""

import json
import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
DURATION = re.compile(r"([0-9]{1,9})([dhms])")

# Bounds what the clock is asked to compute: dates end in the year 9999.
LONGEST = timedelta(days=3660)

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})

# Messages a second: from one in a quarter of an hour to more than any relay takes.
SLOWEST, FASTEST = 0.001, 1_000_000

NOT_YET = "not available in this version; leave it out"


class EnvText(str):
    """A value from the environment: text that may stand for a number, yes or no, a list or a table."""

    __slots__ = ()


def whole(value: object) -> int:
    """Read a whole number. Neither 1.0 nor true is one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, EnvText) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        return int(value)
    raise ValueError("must be a whole number")


def number(value: object) -> float:
    """Read a number, whole or not. Neither true nor infinity is one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return value
    if isinstance(value, EnvText) and re.fullmatch(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", value.strip()):
        return float(value)
    raise ValueError("must be a number")


def rate(value: object) -> float:
    """Read messages a second; 0 is no limit. Refuses a rate with which nothing would ever end."""
    found = number(value)
    if found != 0 and not SLOWEST <= found <= FASTEST:
        raise ValueError(f"must be 0 for no limit, or between {SLOWEST} and {FASTEST} a second")
    return found


def flag(value: object) -> bool:
    """Read true or false; from the environment also yes, no, on, off, 1, 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, EnvText) and value.strip().lower() in TRUE | FALSE:
        return value.strip().lower() in TRUE
    raise ValueError("must be true or false")


def listed(value: object) -> object:
    """Read a list; from the environment as JSON or with commas between."""
    if isinstance(value, EnvText):
        if value.lstrip().startswith("["):
            return _json(value)
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple)):
        return value
    raise ValueError("must be a list, in [brackets]")


def table(value: object) -> object:
    """Read a table of names and texts; from the environment as JSON."""
    if isinstance(value, EnvText):
        value = _json(value) if value.strip() else {}
    if isinstance(value, dict):
        return value
    raise ValueError('must be a table, as { "Name" = "text" }')


def tables(value: object, example: str) -> dict[str, object]:
    """Read tables by name, whose header looks like `example`; from the environment as JSON."""
    if isinstance(value, EnvText):
        value = _json(value) if value.strip() else {}
    if isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values()):
        return value
    raise ValueError(f"must be tables, each with its own header: {example}")


def duration(value: object) -> timedelta:
    """Read `30s`, `90m`, `1h` or `7d`."""
    if isinstance(value, timedelta):
        return value
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a whole number with its unit, in quotes: "30s", "90m", "1h" or "7d"')
    span = int(match[1]) * UNITS[match[2]]
    if span > LONGEST:
        raise ValueError("must be ten years or less")
    return span


def duration_text(span: timedelta) -> str:
    """Write a duration in the largest unit that divides it; a day alone as 24h."""
    for unit, length in UNITS.items():
        if span % length == timedelta(0) and span >= length and (unit != "d" or span > length):
            return f"{span // length}{unit}"
    return "0s"


def empty(value: object) -> object:
    """Refuse what this version cannot do yet; what is empty asks for nothing."""
    if value:
        raise ValueError(NOT_YET)
    return value


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError("is neither JSON nor a list with commas between") from exc


WHOLE = BeforeValidator(whole)
Rate = Annotated[
    float,
    Field(json_schema_extra={"minimum": 0, "maximum": FASTEST}),
    BeforeValidator(rate),
    # 14 stays 14: as it was written.
    PlainSerializer(lambda number: int(number) if number == int(number) else number),
]
Port = Annotated[int, Field(ge=1, le=65535), WHOLE]
Flag = Annotated[bool, BeforeValidator(flag)]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}[dhms]$"}),
]
