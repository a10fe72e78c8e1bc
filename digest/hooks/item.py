"""Takes a stranger's JSON apart. What is missing, or of another type, is empty; `load` and `raw` raise."""

import json
import re
from typing import Any

TEXT_CHARACTERS = 4000
"""Of one value that is looked at. An answer of SMTP has a few hundred."""

# Neither database nor terminal wants them; PostgreSQL's text cannot hold the first.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class UnreadableError(Exception):
    """What was posted is not what the service documents. Says why; repeats nothing of it."""


class Item:
    """A JSON object."""

    def __init__(self, value: object) -> None:
        self._values: dict[str, Any] = value if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, most: int = TEXT_CHARACTERS) -> str:
        """Give a string, or a number as one."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        said = str(value)[:most].encode("utf-8", "replace").decode()
        return _UNWANTED.sub(" ", said).strip()

    def whole(self, name: str) -> str:
        """Give a string as it came, of any length: for what is signed, or is a document itself."""
        value = self._values.get(name)
        return value if isinstance(value, str) else ""

    def is_true(self, name: str) -> bool:
        """Give a truth."""
        return self._values.get(name) is True

    def item(self, name: str) -> "Item":
        """Give the object of this name."""
        return Item(self._values.get(name))

    def items(self, name: str) -> list["Item"]:
        """Give the objects of a list."""
        return listed(self._values.get(name))

    def texts(self, name: str) -> list[str]:
        """Give the strings of a list."""
        value = self._values.get(name)
        told = value if isinstance(value, list) else []
        return [text for one in told if (text := Item({"": one}).text(""))]

    def parts(self) -> list["Item"]:
        """Give the objects that this one holds, whatever their names."""
        return [Item(value) for value in self._values.values() if isinstance(value, dict)]

    def raw(self) -> bytes:
        """Give it as JSON. Raises UnreadableError where it is nested too deep, which `load` may let pass."""
        try:
            return json.dumps(self._values).encode()
        except RecursionError as exc:
            raise UnreadableError("nested too deep") from exc


def listed(value: object) -> list[Item]:
    """Give the objects of a list, and of one that is no list, itself."""
    return [Item(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def load(body: bytes | str) -> object:
    """Read JSON (RFC 8259). Raises UnreadableError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise UnreadableError("no JSON") from exc
