"""An SMTP server for tests: real sockets, remembers every message, and behaves badly where it is told to.

It is as strict as a relay may be and no stricter; what a test wants of it stands in its arguments.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import Literal, Self

At = Literal[
    "connect",
    "banner",
    "ehlo",
    "starttls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "body",
    "dot",
    "idle",
    "rset",
    "quit",
]
"""`body` is met after the first line of a message, `dot` after its last, `idle` once that is answered."""

LONGEST = 64 * 1024 * 1024
OCTET_SECONDS = 1
"""Between the octets of a `slow` reply: none comes too late, the whole does."""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """Bad behaviour: where, how, and when.

    `how` is a reply (`451 4.7.1 later`; one whose last line is a 421 closes), or one of `close`,
    `reset`, `hang`, `trickle` (the usual reply, octet by octet), `split` (the usual reply in two packets, cut
    one octet later each time), `slow` (the usual reply, an octet a second), `garbage`, `endless` (a line
    without end), `more` (lines of one reply without end), `stall` (hang, and take in nothing more). A reply's
    lone surrogates stand for octets that are no UTF-8.
    """

    at: At
    how: str
    times: Container[int] | None = None
    """Which of the occasions that match, counted from 1; None for all."""
    to: str = ""
    """Only in transactions with this recipient."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message that the server took, answered for or not."""

    sender: str
    recipient: str
    data: bytes
    """As it was, with CRLF; neither the final dot nor stuffed dots."""
    connection: int
    parameters: str = ""
    """What followed the sender's address: `SMTPUTF8`."""

    @property
    def message_id(self) -> str:
        return str(BytesHeaderParser().parsebytes(self.data)["Message-ID"])


class _Gone(Exception):  # noqa: N818 - the connection's end is no error here
    pass


class SmtpServer:
    """`async with SmtpServer(…) as server:` listens on a free port of the loopback address."""

    def __init__(
        self,
        *bad: Bad,
        pipelining: bool = True,
        smtputf8: bool = False,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        accounts: dict[str, str] | None = None,
        data_after_refusal: bool = False,
        pause: float = 0,
        idle: float = 0,
        port: int = 0,
    ) -> None:
        """Offer STARTTLS where there is `tls` (or TLS at once), AUTH PLAIN where there are `accounts`.

        `data_after_refusal` answers DATA with 354 though no recipient was taken, as RFC 2920 section 3.1
        warns; `pause` is in seconds, before each answer to a final dot, `idle` after it, before what is bad.
        """
        self.bad = list(bad)
        self.received: list[Received] = []
        self.commands: Counter[str] = Counter()
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.per_connection: Counter[int] = Counter()
        self.port = port
        self.pause, self.idle = pause, idle
        self._offers = [
            *(["PIPELINING"] if pipelining else []),
            *(["SMTPUTF8", "8BITMIME"] if smtputf8 else []),
        ]
        self.tls, self._implicit = tls, implicit_tls
        self._accounts = accounts or {}
        self.lax = data_after_refusal
        self._met: Counter[int] = Counter()
        self.cut = 0
        """Where the next `split` reply is cut."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def recipients(self) -> list[str]:
        return [message.recipient for message in self.received]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve,
            "127.0.0.1",
            self.port,
            limit=LONGEST,
            backlog=1000,
            ssl=self.tls if self._implicit else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def offers(self, *, secured: bool) -> list[str]:
        starttls = ["STARTTLS"] if self.tls and not secured else []
        return [*self._offers, *starttls, *(["AUTH PLAIN"] if self._accounts else [])]

    def how(self, at: At, recipient: str) -> str:
        for place, bad in enumerate(self.bad):
            if bad.at == at and (not bad.to or bad.to == recipient):
                self._met[place] += 1
                if bad.times is None or self._met[place] in bad.times:
                    return bad.how
        return ""

    def admits(self, response: str) -> bool:
        _, user, password = b64decode(response).decode().split("\0")
        return self._accounts.get(user) == password

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        session = _Session(self, reader, writer, self.connections)
        try:
            await session.run()
        except (_Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort() if task.cancelling() else writer.close()


class _Session:
    """One connection."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._server, self._reader, self._writer, self._number = server, reader, writer, number
        self._sender: str | None = None
        self._parameters = self._recipient = ""
        self._secured = writer.get_extra_info("sslcontext") is not None

    async def run(self) -> None:
        await self._say("connect", "")
        await self._say("banner", "220 relay.example ESMTP")
        verbs = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "QUIT": self._quit,
        }
        while line := await self._reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            self._server.commands[verb.upper()] += 1
            await verbs.get(verb.upper(), self._unknown)(rest)

    async def _unknown(self, _: str) -> None:
        await self._write("502 5.5.2 not here")

    async def _ehlo(self, _: str) -> None:
        lines = ["relay.example", *self._server.offers(secured=self._secured)]
        said = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self._say("ehlo", "\r\n".join(said))

    async def _starttls(self, _: str) -> None:
        if await self._say("starttls", "220 go ahead"):
            assert self._server.tls is not None
            await self._writer.start_tls(self._server.tls)
            self._secured = True

    async def _auth(self, rest: str) -> None:
        admitted = self._server.admits(rest.removeprefix("PLAIN "))
        await self._say("auth", "235 2.7.0 welcome" if admitted else "535 5.7.8 who are you")

    async def _mail(self, rest: str) -> None:
        address, _, self._parameters = rest.removeprefix("FROM:").partition(" ")
        self._sender = address.strip("<>") if await self._say("mail", "250 2.1.0 ok") else None

    async def _rcpt(self, rest: str) -> None:
        asked = self._recipient = rest.removeprefix("TO:").strip("<>")
        good = await self._say("rcpt", "503 5.5.1 MAIL first" if self._sender is None else "250 2.1.5 ok")
        self._recipient = asked if good and self._sender is not None else ""

    async def _rset(self, _: str) -> None:
        self._forget()
        await self._say("rset", "250 2.0.0 ok")

    async def _quit(self, _: str) -> None:
        await self._say("quit", "221 2.0.0 bye")
        raise _Gone

    async def _data(self, _: str) -> None:
        wanted = bool(self._recipient)
        invited = "354 go on" if wanted or self._server.lax else "503 5.5.1 RCPT first"
        if not await self._say("data", invited) or invited[0] != "3":
            self._forget()
            return
        data = await self._reader.readuntil(b"\n")
        refused = not await self._say("body", "")
        data = await self._rest(data)
        if not wanted:
            await self._write("554 5.5.1 no valid recipients")
        elif not refused:
            await self._end(data)
        self._forget()
        if self._server.idle:
            await asyncio.sleep(self._server.idle)
        await self._say("idle", "")

    async def _rest(self, begun: bytes) -> bytes:
        data = bytearray(begun)
        while data != b".\r\n" and not data.endswith(b"\r\n.\r\n"):
            data += await self._reader.readuntil(b".\r\n")
        return bytes(data).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")

    async def _end(self, data: bytes) -> None:
        message = Received(
            sender=self._sender or "",
            recipient=self._recipient,
            data=data,
            connection=self._number,
            parameters=self._parameters,
        )
        if self._server.pause:
            await asyncio.sleep(self._server.pause)
        how = self._server.how("dot", self._recipient)
        # A relay that refuses has not taken it; one that says nothing may have.
        if how[:1] not in {"4", "5"}:
            self._server.received.append(message)
            self._server.per_connection[self._number] += 1
        await self._behave(how, "250 2.0.0 taken")

    def _forget(self) -> None:
        self._sender, self._recipient = None, ""

    async def _say(self, at: At, usual: str) -> bool:
        """Answer as usual or badly; give whether it was as usual."""
        return await self._behave(self._server.how(at, self._recipient), usual)

    async def _behave(self, how: str, usual: str) -> bool:
        usually = {"": self._write, "trickle": self._trickle, "split": self._split, "slow": self._slow}
        if how in usually:
            if usual:
                await usually[how](usual)
            return True
        ways = {
            "close": self._close,
            "reset": self._reset,
            "hang": self._hang,
            "stall": self._stall,
            "endless": self._endless,
            "more": self._more,
        }
        if how in ways:
            await ways[how]()
        await self._write("\x00\x01 no SMTP" if how == "garbage" else how)
        if how.rpartition("\n")[2].startswith("421"):
            raise _Gone
        return False

    async def _trickle(self, text: str) -> None:
        for octet in f"{text}\r\n".encode():
            self._writer.write(bytes([octet]))
            await asyncio.sleep(0)

    async def _slow(self, text: str) -> None:
        for octet in f"{text}\r\n".encode():
            self._writer.write(bytes([octet]))
            await self._writer.drain()
            await asyncio.sleep(OCTET_SECONDS)

    async def _split(self, text: str) -> None:
        reply = f"{text}\r\n".encode()
        place = self._server.cut % len(reply)
        self._server.cut += 1
        self._writer.write(reply[:place])
        # Long enough for the other side to have read the first before the second is there.
        await asyncio.sleep(0.001)
        self._writer.write(reply[place:])
        await self._writer.drain()

    async def _close(self) -> None:
        raise _Gone

    async def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()
        raise _Gone

    async def _hang(self) -> None:
        await asyncio.Event().wait()

    async def _stall(self) -> None:
        assert isinstance(self._writer.transport, asyncio.ReadTransport)
        self._writer.transport.pause_reading()
        await self._hang()

    async def _endless(self) -> None:
        while True:
            self._writer.write(b"2" * 8192)
            await self._writer.drain()

    async def _more(self) -> None:
        while True:
            self._writer.write(b"250-and more\r\n" * 500)
            await self._writer.drain()

    async def _write(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode(errors="surrogateescape"))
        await self._writer.drain()


@contextlib.contextmanager
def serving(server: SmtpServer) -> Iterator[SmtpServer]:
    """Run a server in a thread of its own, for tests that have no event loop, or block it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="smtp-server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
