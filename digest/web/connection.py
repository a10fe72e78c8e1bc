"""A connection that a client cannot hold open by saying nothing, little, or by not listening.

uvicorn has a deadline for a connection that rests between two requests and for no other: a client that sends
a header line an hour ("slow loris") would keep its connection for ever.
"""

import asyncio
from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from digest.web.dress import HEADERS


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a client may keep us waiting, in seconds, and how many may."""

    head: float = 10
    """For a request's head, from the connection's start or from its own first octet."""
    body: float = 20
    """For its body after that: 256 KiB at 13 kB a second."""
    answer: float = 60
    """For the answer, with a client that reads slowly: longer than a lock of the database is waited for."""
    connections: int = 500
    """Most systems allow a process 1,024 files. One more, and who has kept us waiting longest goes."""


class Connection(H11Protocol):
    """HTTP/1.1 on one connection, each of its phases with a deadline."""

    patience = Patience()
    _phase = ""
    _deadline: asyncio.TimerHandle | None = None
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Wait for the first request."""
        super().connection_made(transport)
        self._enter("head", self.patience.head)
        if len(self.connections) > self.patience.connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what came; a phase's deadline does not move by more of it."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on to the next request, which may have come already."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._clear()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say that this was no HTTP, with the headers of every other answer."""
        head = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        head += [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=head, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _look(self) -> None:
        """See in which phase the connection is now."""
        theirs = self.conn.their_state
        if theirs is h11.SEND_BODY:
            self._enter("body", self.patience.body)
        elif self._is_answering():
            self._enter("answer", self.patience.answer)
        elif self.timeout_keep_alive_task is None:
            # A request has begun; while nothing has, uvicorn's own shorter deadline runs.
            self._enter("head", self.patience.head)
        else:
            self._clear()

    def _is_answering(self) -> bool:
        # uvicorn says that there always is a cycle; before the first request there is none.
        cycle: object = self.cycle
        return isinstance(cycle, RequestResponseCycle) and not cycle.response_complete

    def _enter(self, phase: str, seconds: float) -> None:
        if phase == self._phase:
            return
        self._clear()
        self._phase, self._since = phase, self.loop.time()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _clear(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self._phase = None, ""

    def _too_late(self) -> None:
        # Not a graceful end: that would wait for a client that does not read.
        self.transport.abort()

    def _make_room(self) -> None:
        """End the connection that has kept us waiting longest; one whose answer is being made may stay."""
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        waiting = [one for one in others if one._phase != "answer"]  # noqa: SLF001 - of this class
        min(waiting or others, key=lambda one: one._since).transport.abort()  # noqa: SLF001 - as above


def patient(patience: Patience) -> type[Connection]:
    """Give connections with other deadlines."""
    return type("Connection", (Connection,), {"patience": patience})
