"""How long a feed takes to be read, in what memory, and how long the event loop stands still meanwhile."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import process
from process import FailedError, Measured, metered, tell
from steps import Steps

from digest.feed.apart import read_apart
from digest.feed.read import read
from digest.sample.feed import SITE, feed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ITEMS = (10, 100, 1000)
QUICK_ITEMS = (10, 100)
OCTETS = 3000
"""Of an item: a stock WordPress post has 1 to 10 kB."""
ROUNDS = 5
GLANCE_SECONDS = 0.001
"""The loop is asked this often whether it still runs."""

READERS = {
    "alone": "in the foreground",
    "thread": "in a thread",
    "apart": "as the service does",
}
_GUID = re.compile(rb"<guid[^>]*>[^<]*</guid>")
_PADDING = b"<p>The harbour was dredged again, and nobody had asked the eels what they made of it.</p>"


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a feed and a way of reading it."""
    counts, rounds = (QUICK_ITEMS, 1) if quick else (ITEMS, ROUNDS)
    steps = Steps("feeds", len(counts) * len(READERS))
    rows: list[dict[str, Any]] = []
    for count in counts:
        path = folder / f"{count}.xml"
        path.write_bytes(_feed(count))
        for kind, way in READERS.items():
            name = f"{count:,} items {way}"
            try:
                measured = process.script("feeds.py", kind, path=path, rounds=rounds)
            except FailedError as error:
                steps.failed(f"{name}: {error}")
                continue
            rows.append(
                {
                    "items": count,
                    "octets": path.stat().st_size,
                    "way": way,
                    "ms": round(1000 * measured.seconds / measured.messages, 1),
                    "peak_mib": round(measured.peak_kib / 1024, 1),
                    "pause_ms": measured.more.get("pause_ms"),
                }
            )
            steps.done(f"{name}: {rows[-1]['ms']:g} ms")
    return {"rounds": rounds, "rows": rows, "failures": steps.failures}


def _feed(count: int) -> bytes:
    """Give a feed of so many items: the sample site's over and over, each with a guid of its own."""
    head, *items = feed(NOW, SITE).split(b"<item>")
    items = [item.split(b"</item>")[0] for item in items]
    made = []
    for number in range(count):
        guid = b'<guid isPermaLink="false">%s/?p=%d</guid>' % (SITE.encode(), number)
        item = _GUID.sub(guid, items[number % len(items)])
        padding = _PADDING * (max(0, OCTETS - len(item)) // len(_PADDING))
        made.append(item.replace(b"]]></content:encoded>", padding + b"]]></content:encoded>"))
    return head + b"".join(b"<item>%s</item>" % item for item in made) + b"</channel></rss>"


def alone(body: bytes, rounds: int) -> Measured:
    """Read with nothing beside it."""
    with metered() as meter:
        for _ in range(rounds):
            read(body, {}, url=SITE, now=NOW)
    return meter.measured(rounds)


async def beside(reader: Callable[[], Awaitable[object]], rounds: int) -> Measured:
    """Read beside a loop that has something else to do; tell its longest pause."""
    worst = 0.0

    async def glance() -> None:
        nonlocal worst
        last = time.perf_counter()
        while True:
            await asyncio.sleep(GLANCE_SECONDS)
            now = time.perf_counter()
            worst, last = max(worst, now - last - GLANCE_SECONDS), now

    await reader()  # what is imported at first is not asked about
    task = asyncio.create_task(glance())
    with metered() as meter:
        for _ in range(rounds):
            await reader()
    task.cancel()
    return meter.measured(rounds, pause_ms=round(1000 * worst, 1))


def main() -> None:
    """Measure the way of reading that is asked for."""
    kind, task = sys.argv[1], json.loads(sys.argv[2])
    body, rounds = Path(task["path"]).read_bytes(), task["rounds"]
    if kind == "alone":
        tell(alone(body, rounds))
    elif kind == "thread":
        threaded = partial(asyncio.to_thread, read, body, {}, url=SITE, now=NOW)
        tell(asyncio.run(beside(threaded, rounds)))
    else:
        tell(asyncio.run(beside(partial(read_apart, body, {}, url=SITE, now=NOW), rounds)))


if __name__ == "__main__":
    main()
