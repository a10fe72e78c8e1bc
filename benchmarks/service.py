"""Sender and reader pages in one process while readers leave: `service.py WAY JSON`. Prints JSON.

Started by `unsubscribe.py`, not by people.
"""

import asyncio
import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import leaver
import stand
import uvloop
from leaver import Leaves
from process import Measured, metered, tell

from digest import log
from digest.desk import Desk
from digest.publish.send import send
from digest.store import issues
from digest.web.desk import reader_pages
from digest.web.server import serve

PATIENCE = timedelta(seconds=10)
SHARE = 5
"""A fifth of the audience stands ready to leave, from its end: nearly all before their message is claimed."""


async def run(way: str, folder: str, *, octets: int, messages: int, pause: float) -> Measured:
    """Send, let readers leave all the while, and give how long that took them."""
    desk = stand.open_desk(Path(folder))
    issue = await stand.frozen(desk, octets)
    stop, up = asyncio.Event(), asyncio.Event()
    web = desk.settings.web
    pages = asyncio.create_task(
        serve(reader_pages(desk), web.host, web.port, stop=stop, started=lambda _: up.set()), name="pages"
    )
    await up.wait()
    leaving = asyncio.create_task(_leave(way, desk, messages, pause), name="leaving")
    began = time.time()
    with metered() as meter:
        await send(desk, [issue], patience=PATIENCE)
    ended = time.time()
    leaver.enough(desk).touch()
    leaves = await leaving
    stop.set()
    await pages
    with desk.store.read() as session:
        counts = issues.counts(session, issue.id)
    assert counts.accepted + counts.withdrawn == messages, f"{counts}, where {messages} should be through"
    desk.store.close()
    took = sorted(seconds for at, seconds in leaves if began <= at and at + seconds <= ended)
    assert took, "nobody left while the issue went out"
    return meter.measured(
        counts.accepted,
        leaves=len(took),
        p50_ms=round(1000 * took[len(took) // 2], 1),
        p99_ms=round(1000 * took[len(took) * 99 // 100], 1),
        max_ms=round(1000 * took[-1], 1),
    )


async def _leave(way: str, desk: Desk, audience: int, pause: float) -> Leaves:
    """Let readers leave by a way, in this process or in another."""
    first = audience - audience // SHARE + 1
    if way == "thread":
        return await asyncio.to_thread(
            leaver.by_ledger, desk, range(first, audience + 1), pause, leaver.enough(desk)
        )
    task = {"folder": str(desk.settings.folder), "first": first, "last": audience, "pause": pause}
    script = str(Path(__file__).with_name("leaver.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, way, json.dumps(task), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{script} ended with {process.returncode}"
    return [(at, seconds) for at, seconds in json.loads(output)]


def main() -> None:
    """Run the service in the event loop that is asked for."""
    way, task = sys.argv[1], json.loads(sys.argv[2])
    log.configure()
    start = uvloop.run if task.pop("loop") == "uvloop" else asyncio.run
    tell(start(run(way, **task)))


if __name__ == "__main__":
    main()
