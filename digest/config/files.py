"""The files that the settings name: read and missed before the values are checked, to report all together."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from digest.config.editorial import Theme
from digest.config.environment import Tables

# A password file holds one line; more is the wrong file.
LONGEST_PASSWORD = 4096

Finding = tuple[tuple[str, ...], str]


def with_password(data: Tables, folder: Path) -> Tables:
    """Give the tables with the relay's password read from its file, where one is named and none is given."""
    smtp = data.get("smtp")
    if not isinstance(smtp, dict) or smtp.get("password"):
        return data
    name = smtp.get("password_file")
    if not isinstance(name, str) or not name or _trouble(folder, name):
        return data
    return {**data, "smtp": {**smtp, "password": _read(folder, name)}}


def file_mistakes(data: Tables, folder: Path) -> Iterator[Finding]:
    """Give the keys that name a file which is not there or is of no use, and why."""
    smtp, theme = data.get("smtp"), data.get("theme")
    if isinstance(smtp, dict):
        yield from _password_mistakes(smtp, folder)
    templates = theme.get("templates") if isinstance(theme, dict) else None
    if isinstance(templates, str) and templates != Theme().templates and not _is_folder(folder, templates):
        yield ("theme", "templates"), f"there is no folder {folder / templates}"


def _password_mistakes(smtp: Mapping[str, object], folder: Path) -> Iterator[Finding]:
    name, password = smtp.get("password_file"), smtp.get("password")
    trouble = _trouble(folder, name) if isinstance(name, str) and name and not password else ""
    if trouble:
        yield ("smtp", "password_file"), trouble
    elif smtp.get("host") and smtp.get("username") and not (password or name):
        yield ("smtp", "username"), "needs a password: give password_file or DIGEST_SMTP__PASSWORD"
    elif smtp.get("host") and (password or name) and not smtp.get("username"):
        yield ("smtp", "password" if password else "password_file"), "is of no use without a username"


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
        text = file.read(LONGEST_PASSWORD + 1)
    if len(text) > LONGEST_PASSWORD or "\n" in text.strip():
        raise ValueError("it holds more than one line")
    return text.strip()


def _is_folder(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_dir()
    except ValueError:
        return False
