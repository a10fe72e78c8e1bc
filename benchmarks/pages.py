"""The reader pages, and a sender beside them if one is asked for: `pages.py JSON`. Prints JSON at its end.

One process, as in `digest run`. It ends when its standard input does. Started by `web.py`, not by people.
"""

import asyncio
import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import stand
import uvloop

from digest import log
from digest.desk import Desk
from digest.model import Issue
from digest.publish.send import send
from digest.store import issues
from digest.web.desk import reader_pages
from digest.web.server import serve

PATIENCE = timedelta(seconds=10)


async def run(folder: str, *, octets: int) -> dict[str, Any]:
    """Serve, and send an issue meanwhile where it has octets, until nobody listens any more."""
    desk = stand.open_desk(Path(folder))
    issue = await stand.frozen(desk, octets) if octets else None
    stop, up = asyncio.Event(), asyncio.Event()
    web = desk.settings.web
    pages = asyncio.create_task(
        serve(reader_pages(desk), web.host, web.port, stop=stop, started=lambda _: up.set()), name="pages"
    )
    await up.wait()
    print("up", flush=True)
    began, used = time.perf_counter(), time.process_time()
    sending = asyncio.create_task(send(desk, [issue], patience=PATIENCE)) if issue else None
    await asyncio.to_thread(sys.stdin.read)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    told = {"sent": _accepted(desk, issue), "lasted": sending is not None and not sending.done()}
    if sending is not None:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    stop.set()
    await pages
    desk.store.close()
    return told | {"rate": round(told["sent"] / seconds), "cpu_seconds": round(cpu, 3)}


def _accepted(desk: Desk, issue: Issue | None) -> int:
    if issue is None:
        return 0
    with desk.store.read() as session:
        return issues.counts(session, issue.id).accepted


def main() -> None:
    """Serve as asked."""
    log.configure(stream=Path("/dev/null").open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
    print(json.dumps(uvloop.run(run(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
