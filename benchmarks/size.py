"""What a subscriber more costs, from a thousand to a million.

Import, freezing and sending each run in a fresh process: their memory is their own.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import process
import sink
import stand
from process import FailedError
from steps import Steps

SIZES = (1000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1000, 5000)
OCTETS = 30_000
CONNECTIONS = 50
DIGEST = Path(sys.executable).with_name("digest")


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a size."""
    sizes = QUICK_SIZES if quick else SIZES
    steps = Steps("size", 3 * len(sizes))
    rows = []
    with sink.smtp_sink() as port:
        for size in sizes:
            try:
                rows.append(_row(folder / str(size), port, size, steps))
            except FailedError as error:
                steps.failed(f"{size:,} subscribers: {error}")
    return {"octets": OCTETS, "connections": CONNECTIONS, "rows": rows, "failures": steps.failures}


def _row(room: Path, port: int, size: int, steps: Steps) -> dict[str, Any]:
    config = stand.write_config(room, port=port, connections=CONNECTIONS)
    stand.open_desk(room).store.close()
    readers = room / "readers.csv"
    with readers.open("w", encoding="utf-8") as file:
        file.writelines(_csv(size))
    words = ["subscribers", "import", str(readers), "--confirmed", "--json"]
    imported = process.program([str(DIGEST), "--config", str(config), *words], size)
    steps.done(f"{size:,} imported in {imported.seconds:.1f} s")
    stored = _octets(room)
    task = {"loop": "uvloop", "folder": room, "messages": size}
    frozen = process.script("contender.py", "freeze", octets=OCTETS, **task)
    steps.done(f"{size:,} frozen in {frozen.seconds:.2f} s")
    # No row has grown yet: what an issue adds is its deliveries.
    with_issue = _octets(room)
    sent = process.script("contender.py", "resume", **task)
    steps.done(f"{size:,} sent in {sent.seconds:.1f} s, {sent.rate:,.0f} messages/s")
    return {
        "subscribers": size,
        "import_seconds": round(imported.seconds, 2),
        "import_peak_mib": round(imported.peak_kib / 1024, 1),
        "freeze_seconds": round(frozen.seconds, 3),
        "freeze_peak_mib": round(frozen.peak_kib / 1024, 1),
        "send_seconds": round(sent.seconds, 2),
        "rate": round(sent.rate),
        "cpu_us": round(sent.cpu_us),
        "send_peak_mib": round(sent.peak_kib / 1024, 1),
        "octets_a_subscriber": round(stored / size, 1),
        "octets_a_delivery": round((max(with_issue, _octets(room)) - stored) / size, 1),
    }


def _csv(size: int) -> Iterator[str]:
    yield "email,name,confirmed_at\n"
    for number in range(1, size + 1):
        yield f"{stand.address(number)},Reader {number},2026-03-01\n"


def _octets(room: Path) -> int:
    """Give what the ledger takes on the disk, its log included."""
    return sum(path.stat().st_size for path in room.glob("subscribers.db*"))
