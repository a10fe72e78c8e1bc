"""The files that the settings name: missed before the values are checked, to report all together."""

from collections.abc import Iterator
from pathlib import Path

from digest.config.bounces import bounce_mistakes, with_bounce_secrets
from digest.config.editorial import Theme
from digest.config.environment import Tables
from digest.config.relayfiles import Finding, relay_mistakes, with_passwords
from digest.config.signing import key_mistakes


def file_mistakes(data: Tables, folder: Path) -> Iterator[Finding]:
    """Give the keys that name a file which is not there or is of no use, and why."""
    smtp, dkim, bounces, theme = (data.get(name) for name in ("smtp", "dkim", "bounces", "theme"))
    if isinstance(smtp, dict):
        yield from relay_mistakes(smtp, folder)
    if isinstance(dkim, dict):
        yield from key_mistakes(dkim, folder)
    if isinstance(bounces, dict):
        yield from bounce_mistakes(bounces, folder)
    templates = theme.get("templates") if isinstance(theme, dict) else None
    if isinstance(templates, str) and templates != Theme().templates and not _is_folder(folder, templates):
        yield ("theme", "templates"), f"there is no folder {folder / templates}"


def with_secrets(data: Tables, folder: Path) -> Tables:
    """Give the tables with every secret that a file holds read from it."""
    bounces = data.get("bounces")
    if isinstance(bounces, dict):
        data = {**data, "bounces": with_bounce_secrets(bounces, folder)}
    return with_passwords(data, folder)


def _is_folder(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_dir()
    except ValueError:
        return False
