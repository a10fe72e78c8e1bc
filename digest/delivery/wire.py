"""One SMTP connection after its greeting: transactions with one recipient, pipelined where offered.

Knows nothing of issues, retries or other connections. RFC 5321, RFC 2920 (PIPELINING). Whatever happens comes
back as a Reply; a loss is a Reply with code 0, and its phase tells whether the body may have arrived.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from digest.model import Phase, Reply

DEADLINES = {Phase.MAIL: 300, Phase.RCPT: 300, Phase.DATA: 120, Phase.BODY: 600}
"""Seconds that RFC 5321 §4.5.3.2 grants a relay's reply; configuration may only shorten them."""

REPLY_OCTETS = 64 * 1024
"""A reply longer than this is no SMTP: bounds memory if a relay streams without end."""

START_MAIL_INPUT = 354
OK_CLASS = 2
SERVICE_CLOSING = 421


class Wire(asyncio.Protocol):
    """Speaks SMTP on a transport whose greeting, TLS and AUTH are done."""

    def __init__(self, transport: asyncio.Transport, *, extensions: frozenset[str], timeout: float) -> None:
        self._transport = transport
        self._pipelining = "pipelining" in extensions
        self._smtputf8 = "smtputf8" in extensions
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._busy = False
        self.lost = ""
        """Why this connection is over; empty while it can be used."""
        self.on_lost: Callable[[], object] | None = None
        """Called once, when the connection is over while nothing is being sent."""

    async def transact(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Send one message to one recipient; give the reply that decided it.

        `message` has CRLF line ends, ends with one, and holds no line that starts with a dot. It is written
        only after the relay took the recipient; from then on a loss comes back with phase BODY.
        """
        utf8 = not recipient.isascii()
        if utf8 and not self._smtputf8:
            return Reply(phase=Phase.MAIL, code=553, text="5.6.7 this relay does not offer SMTPUTF8")
        self._busy = True
        try:
            failed = await self._open(sender, recipient, " SMTPUTF8" if utf8 else "")
            if failed is not None:
                return failed
            self._transport.write(message + b".\r\n")
            return await self._reply(Phase.BODY)
        finally:
            self._busy = False

    async def _open(self, sender: str, recipient: str, parameters: str) -> Reply | None:
        commands = {
            Phase.MAIL: f"MAIL FROM:<{sender}>{parameters}\r\n".encode(),
            Phase.RCPT: f"RCPT TO:<{recipient}>\r\n".encode(),
            Phase.DATA: b"DATA\r\n",
        }
        if self._replies:
            self.abort("the relay sent a reply that nothing had asked for")
            self._replies.clear()
        if self.lost:
            return Reply(phase=Phase.MAIL, code=0, text=self.lost)
        if self._pipelining:
            self._transport.write(b"".join(commands.values()))
        failed: Reply | None = None
        reply = None
        for phase, command in commands.items():
            if not self._pipelining:
                if failed is not None:
                    break
                self._transport.write(command)
            reply = await self._reply(phase)
            good = reply.code == START_MAIL_INPUT if phase is Phase.DATA else reply.code // 100 == OK_CLASS
            if not good:
                failed = failed or reply
            if reply.code == 0:
                break
        if failed is not None:
            await self._clear(failed, invited=reply is not None and reply.code == START_MAIL_INPUT)
        return failed

    async def _clear(self, failed: Reply, *, invited: bool) -> None:
        """Leave a transaction that failed, so that the next one starts clean."""
        if failed.code == SERVICE_CLOSING:
            self.abort(f"the relay closed the connection: {failed}")
        if invited and not self.lost:
            # RFC 2920 §3.1: DATA was taken though MAIL or RCPT was not; an empty body ends it.
            self._transport.write(b".\r\n")
            await self._reply(Phase.DATA)
        if not self.lost:
            self._transport.write(b"RSET\r\n")
            await self._reply(Phase.MAIL)

    async def _reply(self, phase: Phase) -> Reply:
        if not self._replies and not self.lost:
            self._waiter = self._loop.create_future()
            limit = min(self._timeout, DEADLINES[phase])
            timer = self._loop.call_later(limit, self.abort, f"no reply within {limit:g} seconds")
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if self._replies:
            code, text = self._replies.popleft()
            if code == SERVICE_CLOSING:
                self.abort(f"the relay closed the connection: {code} {text}")
            return Reply(phase=phase, code=code, text=text)
        return Reply(phase=phase, code=0, text=self.lost)

    async def quit(self) -> None:
        """Say goodbye, and close without waiting longer than a second for the answer."""
        if not self.lost:
            self._busy = True
            self._transport.write(b"QUIT\r\n")
            timer = self._loop.call_later(1, self.abort, "closed")
            await self._reply(Phase.MAIL)
            timer.cancel()
        self.abort("closed")

    def abort(self, reason: str) -> None:
        """End the connection now. Whoever waits for a reply gets the reason."""
        if not self.lost:
            self.lost = reason
            self._transport.close() if reason == "closed" else self._transport.abort()
            self._wake()
            if self.on_lost is not None and not self._busy:
                self.on_lost()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in octets of replies, however they are split."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._lines.append(line.rstrip(b"\r"))
            if line[3:4] != b"-":
                self._finish_reply()
        if len(self._buffer) + sum(map(len, self._lines)) > REPLY_OCTETS:
            self.abort("the relay's reply has no end")

    def _finish_reply(self) -> None:
        lines, self._lines = self._lines, []
        code = lines[-1][:3]
        if not (code.isdigit() and code[:1] in b"2345"):
            self.abort(f"the relay answered something that is no SMTP: {lines[-1][:80]!r}")
            return
        text = " ".join(line[4:].decode("utf-8", "replace").strip() for line in lines)
        if self._busy:
            self._replies.append((int(code), text))
            self._wake()
        else:
            # Nothing was asked: RFC 5321 §3.8 lets a relay say 421 at any time.
            self.abort(f"the relay closed the connection: {int(code)} {text}")

    def eof_received(self) -> bool:
        """Take the relay's end of the connection for the end of all of it."""
        self.abort("the relay closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why the connection is over."""
        self.abort(f"the connection was lost: {exc}" if exc else "the relay closed the connection")
