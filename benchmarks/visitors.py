"""Posts at a steady rate, whether or not the answers keep up: `visitors.py JSON`. Prints JSON.

An open loop: each request has its time, and its wait counts from then on, also while it waits for a free
connection. The connections stay open, as a proxy's do. Started by `web.py`, not by people.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import stand
import uvloop

from digest import links, signup
from digest.desk import Desk
from digest.links import Link, LinkKind
from digest.signup import Mark

HOST = "127.0.0.1"
CONNECTIONS = 50
WAIT_SECONDS = 30
"""After which a request is an error."""
OK = b"HTTP/1.1 200"


def sign_up(desk: Desk, number: int) -> bytes:
    """Give the request of a stranger who fills in the form, each at an address and a machine of his own."""
    mark = Mark(at=datetime.now(UTC) - timedelta(minutes=1))
    form = {
        "email": f"stranger{number}@mail{number % 7}.example",
        "newsletter": "daily",
        "mark": signup.signed_mark(mark, desk.keys),
    }
    return _post("/subscribe", urlencode(form), f"198.18.{number // 250 % 250}.{number % 250}")


def one_click(desk: Desk, number: int) -> bytes:
    """Give the request of a mail provider for a subscriber (RFC 8058 3.1)."""
    link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=number)
    return _post(f"/u/{links.sign(link, desk.keys)}", "List-Unsubscribe=One-Click", "198.18.0.1")


WAYS: dict[str, Callable[[Desk, int], bytes]] = {"sign-up": sign_up, "one click": one_click}


def _post(path: str, body: str, visitor: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: news.ledger.example\r\nX-Forwarded-For: {visitor}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


class Visitors:
    """Sends requests over connections that stay open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            self._free.put_nowait(None)
        self.took: list[float] = []
        self.errors = 0

    async def send(self, request: bytes, due: float) -> None:
        """Send a request, and keep how long it took from when it was due."""
        wire = await self._free.get()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                wire = wire or await asyncio.open_connection(HOST, self._port)
                status = await self._exchange(*wire, request)
        except (OSError, TimeoutError, EOFError):
            self.errors += 1
            wire = None
        else:
            self.errors += not status.startswith(OK)
            self.took.append(time.perf_counter() - due)
        self._free.put_nowait(wire)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> bytes:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        return head.upper()


async def run(folder: str, way: str, *, port: int, first: int, rate: int, seconds: float) -> dict[str, Any]:
    """Post for so many seconds; give what came of it."""
    desk = stand.open_desk(Path(folder))
    requests = [WAYS[way](desk, first + number) for number in range(round(rate * seconds))]
    desk.store.close()
    visitors = Visitors(port)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as under_way:
        for number, request in enumerate(requests):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            under_way.create_task(visitors.send(request, due))
    took = sorted(visitors.took) or [float(WAIT_SECONDS)]
    return {
        "asked": len(requests),
        "answered": len(visitors.took) - (visitors.errors if visitors.took else 0),
        "errors": visitors.errors,
        "seconds": round(time.perf_counter() - started, 2),
        "p50_ms": round(1000 * took[len(took) // 2], 1),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 1),
        "max_ms": round(1000 * took[-1], 1),
    }


def main() -> None:
    """Post as asked."""
    print(json.dumps(uvloop.run(run(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
