"""A relay that is quicker than the sender, and knows of each message whether it has answered for it.

In a thread of its own, so that a test may block. What it does at a chosen message, it does in that instant.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

OFFERS = b"250-relay.example\r\n250 PIPELINING\r\n"
END = b"\r\n.\r\n"
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.MULTILINE | re.IGNORECASE)
_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


@dataclass(kw_only=True)
class Taken:
    """A message whose final dot has come. `answered` is whether the sender was told that it was taken."""

    recipient: str
    message_id: str
    connection: int
    answered: bool = False


class Relay:
    """`with Relay() as relay:` listens on a free port of the loopback address.

    `pause` is in seconds, before each answer to a final dot. While it is `silent`, it answers for nothing.
    """

    def __init__(self, *, pause: float = 0) -> None:
        self.pause = pause
        self.silent = False
        self.deferred: set[str] = set()
        """Recipients that are to be tried again later."""
        self.taken: list[Taken] = []
        self.connections = 0
        self.port = 0
        self._acts: list[tuple[int, float, Callable[[], object]]] = []
        self._unanswered: list[Callable[[], None]] = []
        self._more = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._open: set[_Connection] = set()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for connection in tuple(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)

    @property
    def copies(self) -> Counter[str]:
        """How many messages have come for each recipient, answered for or not."""
        return Counter(one.recipient for one in self.taken)

    @property
    def answered(self) -> set[str]:
        """Those of whom the sender was told at least once that their message was taken."""
        return {one.recipient for one in self.taken if one.answered}

    @property
    def ids(self) -> dict[str, set[str]]:
        """Each recipient's Message-IDs."""
        found: dict[str, set[str]] = {}
        for one in self.taken:
            found.setdefault(one.recipient, set()).add(one.message_id)
        return found

    def at(self, count: int, act: Callable[[], object], *, after: float = 0) -> None:
        """Do something once so many messages have come, `after` seconds from then: before the answer if 0."""
        self._acts.append((count, after, act))

    @property
    def waiting(self) -> int:
        """How many messages have come and are not answered for, since it is silent."""
        return len(self._unanswered)

    def until(self, count: int, seconds: float = 60) -> None:
        """Wait until so many messages have come."""
        with self._more:
            came = self._more.wait_for(lambda: len(self.taken) >= count, seconds)
        assert came, f"{len(self.taken)} of {count} came"

    def speak(self) -> None:
        """Answer for everything that waits for it, and from now on."""
        asyncio.run_coroutine_threadsafe(self._speak(), self._loop).result()

    async def _speak(self) -> None:
        self.silent = False
        waiting, self._unanswered = self._unanswered, []
        for answer in waiting:
            answer()

    def take(self, message: Taken, answer: Callable[[], None]) -> None:
        """Take a message in, and answer for it in time. In the relay's thread."""
        with self._more:
            self.taken.append(message)
            self._more.notify_all()
        due = [one for one in self._acts if one[0] <= len(self.taken)]
        self._acts = [one for one in self._acts if one not in due]
        for _, after, act in due:
            if after:
                self._loop.call_later(after, act)
            else:
                act()
        if self.silent:
            self._unanswered.append(answer)
        elif self.pause:
            self._loop.call_later(self.pause, answer)
        else:
            answer()

    def opened(self, connection: "_Connection") -> int:
        """Count a connection; give its number."""
        self._open.add(connection)
        self.connections += 1
        return self.connections

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    """One connection. Whoever speaks to it speaks SMTP: it is lenient and quick."""

    transport: asyncio.Transport

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._buffer = bytearray()
        self._data = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._number = self._relay.opened(self)
        transport.write(b"220 relay.example ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._relay.closed(self)

    def data_received(self, data: bytes) -> None:
        before = len(self._buffer)
        self._buffer += data
        # What was searched before is not searched again, but for where the end may straddle both.
        while self._step(max(0, before - len(END))):
            before = 0

    def _step(self, start: int) -> bool:
        """Deal with one line, or with one message; False where it is not whole yet."""
        end = END if self._data else b"\r\n"
        at = self._buffer.find(end, start)
        if at < 0:
            return False
        piece = bytes(self._buffer[: at + len(end)])
        del self._buffer[: at + len(end)]
        if self._data:
            self._take(piece)
        else:
            self._answer(piece)
        return True

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        replies = {b"EHLO": OFFERS, b"DATA": b"354 go on\r\n", b"QUIT": b"221 2.0.0 bye\r\n"}
        if verb == b"RCPT" and (found := _RECIPIENT.match(line)):
            self._recipient = found[1].decode()
            if self._recipient in self._relay.deferred:
                self._recipient, replies[verb] = "", b"450 4.2.1 try again later\r\n"
        elif verb == b"DATA" and not self._recipient:
            replies[verb] = b"503 5.5.1 RCPT first\r\n"
        else:
            self._data = verb == b"DATA"
        self.transport.write(replies.get(verb, b"250 2.0.0 ok\r\n"))
        if verb == b"QUIT":
            self.transport.close()

    def _take(self, message: bytes) -> None:
        self._data = False
        found = _MESSAGE_ID.search(message)
        taken = Taken(
            recipient=self._recipient,
            message_id=found[1].decode() if found else "",
            connection=self._number,
        )

        def answer() -> None:
            if not self.transport.is_closing():
                taken.answered = True
                self.transport.write(b"250 2.0.0 taken\r\n")

        self._recipient = ""
        self._relay.take(taken, answer)
