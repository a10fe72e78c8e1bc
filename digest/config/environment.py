"""The environment's part: DIGEST_SMTP__HOST and the like, as the tables of config.toml."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource

from digest.config.kinds import EnvText
from digest.config.settings import Settings
from digest.config.values import suggestion
from digest.errors import Mistake

PREFIX = "DIGEST_"
WHERE = "environment"

NUMBER = re.compile(r"[0-9]{1,4}")

# Stands for the name of a relay or a recipient domain, which the operator gives.
ANY_NAME = "NAME"

# Names that choose the file itself.
OTHER_VARIABLES = frozenset({"DIGEST_CONFIG"})

Tables = dict[str, Any]


class Environment(EnvSettingsSource):
    """Reads given variables, not the process's own; their texts stay marked as such."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): EnvText(text) for name, text in self._variables.items()}


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that are meant for the settings."""
    return {
        name: text
        for name, text in environ.items()
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES
    }


def overrides(given: Mapping[str, str], newsletters: int) -> tuple[Tables, list[Mistake]]:
    """Give what the variables say, and those that say nothing, where the file has so many newsletters."""
    strays = [_stray(name) for name in sorted(given) if not _is_known(name, newsletters)]
    known = {name: text for name, text in given.items() if _is_known(name, newsletters)}
    return Environment(known)(), strays


def overlay(below: object, above: object) -> object:
    """Lay the environment's tables over the file's; a numbered newsletter over the one of that number."""
    if isinstance(below, dict) and isinstance(above, dict):
        merged = cast("Tables", dict(below))
        for key, value in above.items():
            merged[key] = overlay(merged[key], value) if key in merged else value
        return merged
    if isinstance(below, list) and isinstance(above, dict) and all(NUMBER.fullmatch(key) for key in above):
        numbered = cast("Tables", overlay({str(index): item for index, item in enumerate(below)}, above))
        return [numbered[key] for key in sorted(numbered, key=int)]
    return above


def known_keys(model: type[BaseModel] = Settings, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the path of every key: a newsletter's with the number 0, a relay's or domain's with NAME."""
    for name, field in model.model_fields.items():
        path = (*prefix, field.alias or name)
        inner = section_of(field.annotation)
        if inner is None:
            yield path
            continue
        one = () if inner is field.annotation else (ANY_NAME if is_named(field.annotation) else "0",)
        yield from known_keys(inner, (*path, *one))


def section_of(annotation: object) -> type[BaseModel] | None:
    """Give the section that a field holds, or that its list holds."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def is_named(annotation: object) -> bool:
    """Tell whether a field holds sections by name."""
    return get_origin(annotation) is dict


def variable_of(path: tuple[str | int, ...]) -> str:
    """Give the name of a key's variable."""
    return PREFIX + "__".join(str(part).upper() for part in path)


def _is_known(name: str, newsletters: int) -> bool:
    first, *rest = name.removeprefix(PREFIX).lower().split("__")
    if first == "newsletter" and rest:
        return rest[0] in {str(number) for number in range(newsletters + 1)}
    return first in Settings.model_fields


def _stray(name: str) -> Mistake:
    hint = suggestion(name, [variable_of(path) for path in known_keys()])
    return Mistake(where=WHERE, key=name, problem=f"unknown variable{hint}")
