"""What pydantic found wrong, in an operator's words and with file and line."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from digest.config.environment import ANY_NAME, WHERE, is_named, known_keys, section_of, variable_of
from digest.config.settings import Settings
from digest.config.values import suggestion
from digest.errors import Mistake

Path = tuple[str | int, ...]

WORDS = {
    "string_type": "must be text, in quotes",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_unicode": "is not valid text",
    "literal_error": "must be {expected}",
}

# A consequence of another mistake, which is told.
ECHOES = frozenset({"default_factory_not_called"})


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where each value came from: a line of the file, or a variable."""

    file: str
    lines: Mapping[Path, int]
    variables: Mapping[str, str]

    def mistake(self, path: Path, problem: str) -> Mistake:
        """Give a mistake at a key, or at the nearest table around it that stands somewhere."""
        variable = self._variable(path)
        if variable:
            return Mistake(where=WHERE, key=variable, problem=problem)
        around = [path[:end] for end in range(len(path), 0, -1) if path[:end] in self.lines]
        where = f"{self.file}:{self.lines[around[0]]}" if around else self.file
        return Mistake(where=where, key=dotted(path), problem=problem)

    def _variable(self, path: Path) -> str:
        given = {name.upper(): name for name in self.variables}
        inner = [name for name in given if name.startswith(f"{variable_of(path)}__")]
        if inner and len(path) > 1:
            return given[inner[0]]
        around = [variable_of(path[:end]) for end in range(len(path), 0, -1)]
        return next((given[name] for name in around if name in given), "")


def mistakes_of(error: ValidationError, places: Places) -> list[Mistake]:
    """Give each of pydantic's findings as a mistake."""
    return [
        _mistake(detail, places)
        for detail in error.errors(include_url=False, include_input=False)
        if detail["type"] not in ECHOES
    ]


def unknown(path: Path) -> str:
    """Say that nobody knows a key, and which one may be meant."""
    parent, name = path[:-1], str(path[-1])
    section = _section_at(parent)
    siblings = [field.alias or key for key, field in section.model_fields.items()] if section else []
    what = "key" if parent else "section"
    hint = suggestion(name, siblings)
    if hint:
        return f"unknown {what}{hint}"
    others = [
        ".".join(part for part in known if part != "0")
        for known in known_keys()
        if known[-1] == name and ANY_NAME not in known
    ]
    return f"unknown {what}; did you mean {' or '.join(others)}?" if others else f"unknown {what}"


def dotted(path: Path) -> str:
    """Write a path as `newsletter[0].schedule`, a key that is not bare in quotes."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in path)
    return text.removeprefix(".")


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _mistake(detail: ErrorDetails, places: Places) -> Mistake:
    path, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if path[-1:] == ("[key]",):
        path = path[:-1]
    if kind == "misplaced":
        path = tuple(int(part) if part.isdecimal() else part for part in context["at"].split("."))
    return places.mistake(path, _problem(path, kind, context, detail["msg"]))


def _problem(path: Path, kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "extra_forbidden":
        return unknown(path)
    if kind == "missing":
        return _missing(path)
    if "error" in context:
        return str(context["error"])
    return WORDS[kind].format(**context) if kind in WORDS else message


def _missing(path: Path) -> str:
    section = _section_at(path)
    if section is not None:
        needed = [field.alias or key for key, field in section.model_fields.items() if field.is_required()]
        return f"is missing; it needs {', '.join(needed)}"
    parent = _section_at(path[:-1])
    fields = parent.model_fields.items() if parent else ()
    words = next((field.description for key, field in fields if (field.alias or key) == path[-1]), None)
    return f"is missing: {words[:1].lower()}{words[1:].rstrip('.')}" if words else "is missing"


def _section_at(path: Path) -> type[BaseModel] | None:
    """Give the section at a path, by way of the fields' names in the file."""
    section: type[BaseModel] | None = Settings
    is_name = False
    for part in path:
        if section is None:
            return None
        if is_name:
            is_name = False
        elif isinstance(part, str):
            named = {field.alias or key: field for key, field in section.model_fields.items()}
            section = section_of(named[part].annotation) if part in named else None
            is_name = part in named and is_named(named[part].annotation)
    return section
