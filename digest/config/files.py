"""The files that the settings name: missed before the values are checked, to report all together."""

from collections.abc import Iterator
from pathlib import Path

from digest.config.editorial import Theme
from digest.config.environment import Tables
from digest.config.relayfiles import Finding, relay_mistakes
from digest.config.signing import key_mistakes


def file_mistakes(data: Tables, folder: Path) -> Iterator[Finding]:
    """Give the keys that name a file which is not there or is of no use, and why."""
    smtp, dkim, theme = data.get("smtp"), data.get("dkim"), data.get("theme")
    if isinstance(smtp, dict):
        yield from relay_mistakes(smtp, folder)
    if isinstance(dkim, dict):
        yield from key_mistakes(dkim, folder)
    templates = theme.get("templates") if isinstance(theme, dict) else None
    if isinstance(templates, str) and templates != Theme().templates and not _is_folder(folder, templates):
        yield ("theme", "templates"), f"there is no folder {folder / templates}"


def _is_folder(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_dir()
    except ValueError:
        return False
