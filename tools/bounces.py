#!/usr/bin/env python3
"""Measures how well bounces are read: on the mails that come with flufl.bounce (Apache-2.0), or on others.

    pip download --no-deps --no-binary flufl.bounce flufl.bounce && tar xzf flufl_bounce-*.tar.gz
    .venv/bin/python tools/bounces.py flufl_bounce-*/tests/data
    .venv/bin/python tools/bounces.py a-folder-of-mails what-is-right.txt

What is right in flufl.bounce's mails stands in tests/bounce/expected.txt, labelled by hand: a line for each
file with its kind, verdict and addresses. An address may have a verdict of its own, `address=verdict`; where
experts differ, slashes part what is right as well: `hard/soft`.
"""

import sys
from collections import Counter
from pathlib import Path

from digest.bounce.read import read
from digest.bounce.report import Verdict

EXPECTED = Path(__file__).parent.parent / "tests" / "bounce" / "expected.txt"


def main(folder: Path, expected: Path = EXPECTED) -> None:
    """Print each mail that is read otherwise, and the shares."""
    count: Counter[str] = Counter()
    for line in expected.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, kind, verdict, *addresses = line.split()
        report = read((folder / name).read_bytes())
        found = {one.address.lower(): one.verdict.value for one in report.recipients}
        wanted = dict(_labelled(one.lower(), verdict) for one in addresses)
        is_kind = report.kind.value in kind.split("/")
        is_judged = set(found) == set(wanted) and all(found[one] in wanted[one] for one in wanted)
        count["mails"] += 1
        count["kind right"] += is_kind
        if wanted:
            count["with recipients"] += 1
            count["read"] += set(found) == set(wanted)
            count["judged right"] += is_judged
        count["suppressed wrongly"] += any(
            one == Verdict.HARD.value and one not in wanted.get(address, ()) for address, one in found.items()
        )
        if not (is_kind and is_judged):
            print(f"{name}: {report.kind.value} {found}, expected {kind} {wanted}")  # noqa: T201
    for what, number in count.items():
        print(f"{number:4} {what}")  # noqa: T201


def _labelled(one: str, verdict: str) -> tuple[str, list[str]]:
    """Give an address and the verdicts that are right; an address may hold an equals sign itself."""
    address, _, own = one.rpartition("=")
    return (one, verdict.split("/")) if "@" in own else (address, own.split("/"))


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))
