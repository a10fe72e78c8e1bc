"""Takes in what mail services post: `POST /hooks/SERVICE`. Answers once it is booked.

Who is refused is not told why: the log has it, without anything of what was posted.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digest.bounce.report import UNKNOWN, Kind, Report
from digest.errors import DigestError
from digest.hooks.event import Event
from digest.hooks.item import UnreadableError
from digest.hooks.proof import NotProvedError
from digest.publish.returned import Arrival
from digest.web import dress
from digest.web.asking import UnansweredError
from digest.web.gates import Hooks, gates
from digest.web.pages import Pages
from digest.web.problems import faults, problem

log = structlog.get_logger()

AT_ONCE = 2
"""How many requests' events are booked at a time: readers' clicks want threads and the ledger too."""

TOGETHER = 50
"""Events that are booked before another request has its turn, and before the server can stop: 0.2 s."""

HELD_OCTETS = 32 * 1024 * 1024
"""Of one service's bodies that are read or booked at a time. Whoever comes on top is to come again."""

TAKEN = "Taken.\n"

REFUSALS: Mapping[type[Exception], tuple[int, str]] = {
    NotProvedError: (403, "This is not taken."),
    UnreadableError: (400, "This cannot be read."),
    UnansweredError: (503, "The service itself does not answer."),
    ClientDisconnect: (400, "The body has not come."),
}
"""What is answered to what cannot be taken, with HTTP's status."""


class Room:
    """Counts the bodies of one service that are in memory."""

    def __init__(self, each: int, most: int = HELD_OCTETS) -> None:
        self._each, self._most, self._held = each, most, 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body, and hold it while it is needed.

        Raises HTTPException where it is too large itself (413), or there is no room now (503).
        """
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                self._held += len(piece)
                if len(body) > self._each:
                    raise HTTPException(413, "It is too large.")
                if self._held > self._most:
                    raise HTTPException(503, "Too much comes at once.")
            yield bytes(body)
        finally:
            self._held -= len(body)


def book(hooks: Hooks, service: str, events: Sequence[Event]) -> int:
    """Book what a service has told, each by itself; give how many were new. Raises StoreError.

    Where that happens, the service comes again with all of them, and those that were booked change nothing.
    """
    return sum(_is_new(hooks, service, one) for one in events)


def _is_new(hooks: Hooks, service: str, event: Event) -> bool:
    """Book one; if a mistake of ours is in the way, as something to look at: others wait behind it."""
    told = Arrival(key=event.key, source=service, raw=event.raw, reports=(event.report,), trusted=True)
    for arrival in (told, replace(told, reports=(Report(kind=Kind.NONE, reason=UNKNOWN),))):
        try:
            return hooks.take_in(arrival).is_new
        except DigestError:
            raise
        except Exception:
            log.exception("hooks.event_failed", service=service, key=event.key)
    return False


def application(pages: Pages) -> FastAPI:
    """Give the hooks as an application of its own. A service that is not configured is not there."""
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    hooks = pages.hooks
    known = gates(hooks, pages.store) if hooks else {}
    rooms = {name: Room(gate.most_octets) for name, gate in known.items()}
    turns = asyncio.Semaphore(AT_ONCE)

    @made.post("/{service}")
    async def take(request: Request, service: str) -> Response:
        gate = known.get(service)
        if hooks is None or gate is None:
            raise HTTPException(404, "There is no such hook.")
        gate.admit(request.headers)
        async with rooms[service].body(request) as body:
            events = await gate.events(request.headers, body, pages.clock())
            new = 0
            for start in range(0, len(events), TOGETHER):
                async with turns:
                    some = events[start : start + TOGETHER]
                    new += await asyncio.to_thread(book, hooks, service, some)
        log.info("hooks.taken", service=service, events=len(events), new=new)
        return dress.plain(TAKEN)

    faults(made)
    for kind in REFUSALS:
        made.add_exception_handler(kind, _refused)
    return made


async def _refused(request: Request, exc: Exception) -> Response:
    status, detail = REFUSALS[type(exc)]
    log.warning("hooks.refused", service=request.path_params["service"], status=status, why=str(exc))
    return problem(status, detail)
