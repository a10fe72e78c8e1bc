"""How long a reader's click takes to be committed while an issue goes out at full speed.

The service, that is the sender and the pages in one process, sends; readers leave by three ways.
"""

import shutil
from pathlib import Path
from typing import Any

import process
import sink
import stand
from process import FailedError
from steps import Steps

SUBSCRIBERS = 100_000
QUICK_SUBSCRIBERS = 10_000
OCTETS = 30_000
CONNECTIONS = 50
PAUSE = 0.01
"""Seconds between two leaves: a hundred a second is more than a mail program's scan brings."""
BOUND_MS = 50
"""What nearly all, 99 of 100, have to be under."""
WAYS = {
    "thread": "a thread of the service, to the commit",
    "ledger": "another process, to the commit",
    "http": "HTTP to the service, to the answer",
}


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a way."""
    subscribers = QUICK_SUBSCRIBERS if quick else SUBSCRIBERS
    steps = Steps("unsubscribe", len(WAYS))
    rows = []
    with sink.smtp_sink() as port:
        base, web = folder / "base", sink.free_port()
        stand.write_config(base, port=port, connections=CONNECTIONS, web=web)
        desk = stand.open_desk(base)
        stand.subscribe(desk, subscribers)
        desk.store.close()
        for way, name in WAYS.items():
            room = folder / way
            stand.copy(base, room)
            task = {"loop": "uvloop", "folder": room, "octets": OCTETS, "messages": subscribers}
            try:
                sent = process.script("service.py", way, pause=PAUSE, **task)
            except FailedError as error:
                steps.failed(f"{name}: {error}")
                continue
            finally:
                shutil.rmtree(room)
            rows.append({"way": name, **sent.more, "rate": round(sent.rate)})
            steps.done(f"{name}: p99 {sent.more['p99_ms']} ms of {sent.more['leaves']:,.0f}")
            if sent.more["p99_ms"] > BOUND_MS and not quick:
                steps.failures.append(f"{name}: p99 is {sent.more['p99_ms']} ms, over {BOUND_MS} ms")
    return {"subscribers": subscribers, "octets": OCTETS, "rows": rows, "failures": steps.failures}
