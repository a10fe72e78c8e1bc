"""Secrets: a value, a file that holds it, or the environment. Never shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, SecretStr

MASK = "********"

# A file with a secret holds one line; more is the wrong file.
LONGEST = 4096

Secret = Annotated[
    SecretStr,
    PlainSerializer(lambda secret: MASK if secret.get_secret_value() else "", return_type=str),
]


def with_secret(table: Mapping[str, Any], key: str, folder: Path) -> dict[str, Any]:
    """Give a table with `key` read from the file that `key`_file names, where it is not given itself."""
    name = table.get(f"{key}_file")
    if table.get(key) or not isinstance(name, str) or not name or _trouble(folder, name):
        return dict(table)
    return {**table, key: _read(folder, name)}


def secret_trouble(table: Mapping[str, Any], key: str, folder: Path) -> str:
    """Say what is wrong with the file that `key`_file names; nothing where it is not needed."""
    name = table.get(f"{key}_file")
    return _trouble(folder, name) if isinstance(name, str) and name and not table.get(key) else ""


def _trouble(folder: Path, name: str) -> str:
    try:
        return "" if _read(folder, name) else f"{folder / name} is empty"
    except UnicodeDecodeError:
        return f"{folder / name} is not UTF-8"
    except OSError as exc:
        return f"{folder / name} cannot be read: {exc.strerror}"
    except ValueError as exc:
        return f"cannot be read: {exc}"


def _read(folder: Path, name: str) -> str:
    with (folder / name).open(encoding="utf-8-sig") as file:
        text = file.read(LONGEST + 1)
    if len(text) > LONGEST or "\n" in text.strip():
        raise ValueError("it holds more than one line")
    return text.strip()
