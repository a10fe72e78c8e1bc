"""Measures this program: `python benchmarks/bench.py [PART …] [--quick] [--folder FOLDER]`.

Prints tables, and keeps what was measured in `benchmarks/results/` and `benchmarks/RESULTS.md`. A part that
is not measured again keeps its figures, with their date and machine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feeds
import idle
import latency
import machine
import pieces
import report
import returned
import size
import throughput
import unsubscribe
import web

BUSY = 0.5
"""A load from which on others disturb what is measured."""
BUILD = Path(__file__).parent.parent / "build"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One question that the benchmark answers; minutes as they were on two cores of an EPYC."""

    run: Callable[..., dict[str, Any]]
    minutes: float
    quick_minutes: float


PARTS = {
    "throughput": Part(run=throughput.run, minutes=18, quick_minutes=1),
    "pieces": Part(run=pieces.run, minutes=1.5, quick_minutes=0.4),
    "size": Part(run=size.run, minutes=7, quick_minutes=0.3),
    "latency": Part(run=latency.run, minutes=3.5, quick_minutes=0.5),
    "idle": Part(run=idle.run, minutes=1.2, quick_minutes=0.2),
    "unsubscribe": Part(run=unsubscribe.run, minutes=2.5, quick_minutes=0.6),
    "feeds": Part(run=feeds.run, minutes=1, quick_minutes=0.2),
    "bounces": Part(run=returned.run, minutes=2, quick_minutes=0.1),
    "web": Part(run=web.run, minutes=2.5, quick_minutes=0.5),
}


def main() -> None:
    """Measure the parts that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small and once: to see that it works")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of throughput, 5 by default")
    parser.add_argument("--folder", type=Path, default=BUILD, help="where ledgers are made: on a real disk")
    parser.add_argument("--no-results", action="store_true", help="print, and keep nothing")
    asked = parser.parse_args()
    parts = asked.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    asked.folder.mkdir(parents=True, exist_ok=True)
    if machine.filesystem(asked.folder) == "tmpfs":
        print(f"{asked.folder} is in memory: a ledger there never waits for a disk.", file=sys.stderr)
    minutes = sum(PARTS[name].quick_minutes if asked.quick else PARTS[name].minutes for name in parts)
    print(f"{', '.join(parts)}: about {max(1, round(minutes))} min.", file=sys.stderr)
    keeps, failures = not (asked.quick or asked.no_results), list[str]()
    here = machine.look_at(asked.folder)
    if here.load > BUSY:
        print(f"This machine has a load of {here.load:g}: what is measured now is noise.", file=sys.stderr)
    for name in parts:
        more = {"rounds": asked.rounds} if name == "throughput" else {}
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as room:
            figures = PARTS[name].run(Path(room), quick=asked.quick, **more)
        took = time.monotonic() - started
        report.show(name, figures)
        failures += figures.get("failures", [])
        if keeps:
            about = sys.modules[PARTS[name].run.__module__].__doc__ or ""
            report.keep(name, about, figures, here, took)
            report.write()
    if failures:
        raise SystemExit(f"{len(failures)} failed:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
