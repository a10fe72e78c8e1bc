"""Reads config.toml and the environment once, whole, and reports every mistake together."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from digest.config.environment import Tables, overlay, overrides, variables
from digest.config.files import file_mistakes, with_secrets
from digest.config.mistakes import Places, mistakes_of, unknown
from digest.config.settings import Settings
from digest.config.where import key_lines
from digest.errors import ConfigError, Mistake, UsageError

PLACE = re.compile(r"(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings from a file, with the environment's `DIGEST_…` laid over it.

    Raises:
        ConfigError: with every mistake in the file and in the environment.
        UsageError: there is no such file, or it may not be read.

    """
    path = path.absolute()
    text = _text(path)
    data = _tables(text, path.name)
    given = variables(environ)
    newsletters = data.get("newsletter")
    above, mistakes = overrides(given, len(newsletters) if isinstance(newsletters, list) else 0)
    places = Places(file=path.name, lines=key_lines(text), variables=given)
    # The library's constructor has parameters of its own, all with an underscore; no section has.
    private = [key for key in data if key.startswith("_")]
    mistakes += [places.mistake((key,), unknown((key,))) for key in private]
    below = {"newsletter": []} | {key: value for key, value in data.items() if key not in private}
    merged = cast("Tables", overlay(below, above))
    mistakes += [places.mistake(at, problem) for at, problem in file_mistakes(merged, path.parent)]
    try:
        settings = Settings(**with_secrets(merged, path.parent))
    except ValidationError as exc:
        raise ConfigError(_ordered(mistakes + mistakes_of(exc, places))) from exc
    if mistakes:
        raise ConfigError(_ordered(mistakes))
    settings._path = path  # noqa: SLF001 - this function is the class's one maker
    return settings


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as exc:
        raise UsageError(
            f"There is no {path}. `digest init` writes one; --config or DIGEST_CONFIG names another."
        ) from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}.") from exc
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        problem = f"byte 0x{raw[exc.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigError([Mistake(where=f"{path.name}:{line}", key="encoding", problem=problem)]) from exc


def _tables(text: str, name: str) -> Tables:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        mistake = _syntax_mistake(str(exc), text, name)
        raise ConfigError([mistake]) from exc
    except (ValueError, RecursionError) as exc:
        # A number of thousands of digits, or brackets nested a thousand deep.
        problem = "a value is too long or too deeply nested"
        raise ConfigError([Mistake(where=name, key="syntax", problem=problem)]) from exc


def _syntax_mistake(message: str, text: str, name: str) -> Mistake:
    match = PLACE.fullmatch(message)
    if match:
        where, problem = f"{name}:{match['line']}:{match['column']}", match["problem"]
    else:
        lines = text.split("\n")
        where = f"{name}:{len(lines)}:{len(lines[-1]) + 1}"
        problem = message.removesuffix(" (at end of document)")
    return Mistake(where=where, key="syntax", problem=problem)


def _ordered(mistakes: list[Mistake]) -> list[Mistake]:
    """In the file's order, the environment's last."""

    def place(mistake: Mistake) -> tuple[bool, int, str]:
        _, _, number = mistake.where.partition(":")
        return mistake.where == "environment", int(number or 0), mistake.key

    return sorted(mistakes, key=place)
