#!/usr/bin/env python3
"""Measures how well bounces are read, on the mails that come with flufl.bounce (Apache-2.0).

    pip download --no-deps --no-binary :all: flufl.bounce && tar xzf flufl_bounce-*.tar.gz
    .venv/bin/python tools/bounces.py flufl_bounce-*/tests/data

What is right stands in tests/bounce/expected.txt, labelled by hand: file, kind, verdict, addresses.
"""

import sys
from collections import Counter
from pathlib import Path

from digest.bounce.read import read
from digest.bounce.report import Verdict

EXPECTED = Path(__file__).parent.parent / "tests" / "bounce" / "expected.txt"


def main(folder: Path) -> None:
    """Print each mail that is read otherwise, and the shares."""
    count: Counter[str] = Counter()
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, kind, verdict, *addresses = line.split()
        report = read((folder / name).read_bytes())
        found = {one.address.lower(): one.verdict.value for one in report.recipients}
        wanted = {address.lower(): verdict for address in addresses}
        count["mails"] += 1
        count["kind right"] += report.kind.value == kind
        if wanted:
            count["with recipients"] += 1
            count["read"] += set(found) == set(wanted)
            count["judged right"] += found == wanted
        count["suppressed wrongly"] += any(
            one == Verdict.HARD.value and wanted.get(address) != one for address, one in found.items()
        )
        if (report.kind.value, found) != (kind, wanted):
            print(f"{name}: {report.kind.value} {found}, expected {kind} {wanted}")  # noqa: T201
    for what, number in count.items():
        print(f"{number:4} {what}")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
