"""Shows what was measured: tables on the terminal, JSON for later, and RESULTS.md of all parts."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine import Machine
from rich.console import Console
from rich.table import Table
from sheets import SHEETS, Figures, Sheet, overview

PAPER = 120

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCUMENT = HERE / "RESULTS.md"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- speed: written by make bench -->\n", "<!-- /speed -->"
"""Between these the README keeps the table that an operator asks for first."""


def show(part: str, figures: Figures) -> None:
    """Print the tables of a part."""
    # Not cut to eighty columns where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else PAPER)
    for sheet in SHEETS[part](figures):
        table = Table(title=sheet.title, title_justify="left")
        for number, heading in enumerate(sheet.headings):
            table.add_column(heading, justify="right" if number else "left")
        for line in sheet.lines:
            table.add_row(*line)
        console.print(table)
        if sheet.note:
            console.print(sheet.note)


def keep(part: str, about: str, figures: Figures, machine: Machine, seconds: float) -> None:
    """Keep a part's figures with what it measures, when and where."""
    RESULTS.mkdir(exist_ok=True)
    told = {
        "about": about,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_seconds": round(seconds),
        "machine": asdict(machine),
        "figures": figures,
    }
    (RESULTS / f"{part}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def write() -> None:
    """Write RESULTS.md, and the README's table, from everything that was kept."""
    kept = {
        part: json.loads(path.read_text(encoding="utf-8"))
        for part in SHEETS
        if (path := RESULTS / f"{part}.json").is_file()
    }
    text = ["# Results", "", "Written by `make bench`; the raw figures are in the folder `results`.", ""]
    for part, told in kept.items():
        text += [f"## {part.capitalize()}", "", told["about"].strip(), "", _where(told), ""]
        for sheet in SHEETS[part](told["figures"]):
            text += _markdown(sheet)
    DOCUMENT.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    if "throughput" in kept:
        _write_readme(kept["throughput"])


def _write_readme(told: Mapping[str, Any]) -> None:
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        table = "\n".join([*_markdown(overview(told["figures"])), _where(told), ""])
        README.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def _where(kept: Mapping[str, Any]) -> str:
    machine = Machine(**kept["machine"])
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return (
        f"Measured on {kept['measured_at'][:16].replace('T', ' ')} UTC in {kept['took_seconds']:,} s, at "
        f"revision {machine.revision}. {machine.cores} cores of {machine.cpu}, "
        f"{machine.memory_mib / 1024:.0f} GiB, a load of {machine.load:g} before, "
        f"{machine.filesystem} with an fsync of {machine.fsync_median_ms:g} ms (p99 "
        f"{machine.fsync_p99_ms:g} ms), {machine.kernel}, Python {machine.python}, SQLite {machine.sqlite}, "
        f"Postfix {machine.postfix}; {packages}."
    )


def _markdown(sheet: Sheet) -> list[str]:
    rule = ["---", *["---:"] * (len(sheet.headings) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (sheet.headings, rule, *sheet.lines)]
    return [f"**{sheet.title}**", "", *lines, "", *([sheet.note, ""] if sheet.note else [])]
