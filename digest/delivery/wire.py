"""One SMTP connection after its greeting: transactions with one recipient, pipelined where offered.

Knows nothing of issues, retries or other connections. RFC 5321, RFC 2920 (PIPELINING). Whatever happens comes
back as a Reply; a loss is a Reply with code 0, and its phase tells whether the body may have arrived.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from digest.model import Phase, Reply

REPLY_OCTETS = 64 * 1024
"""A reply longer than this is no SMTP: bounds memory if a relay streams without end."""

START_MAIL_INPUT = 354
SERVICE_CLOSING = 421


class Step(NamedTuple):
    """What is asked, how long its reply may take, and what a relay that is in step can answer."""

    phase: Phase
    seconds: int
    """What RFC 5321 §4.5.3.2 grants; configuration may only shorten it."""
    classes: tuple[int, ...] = (2, 4, 5)
    """First digits (RFC 5321 §4.2.1)."""


MAIL = Step(Phase.MAIL, 300)
RCPT = Step(Phase.RCPT, 300)
DATA = Step(Phase.DATA, 120, (3, 4, 5))
BODY = Step(Phase.BODY, 600)
# These two wait for a reply that decides nothing, while one that does is still to be recorded.
NOTHING = Step(Phase.DATA, 30)
RSET = Step(Phase.MAIL, 30)
QUIT = Step(Phase.MAIL, 1)


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
        self._patience = 0.0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self.taken = 0
        """How many messages the relay took on this connection."""
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
            if not self._write(message + b".\r\n"):
                return Reply(phase=Phase.DATA, code=0, text=self.lost)
            reply = await self._reply(BODY)
            self.taken += reply.is_positive
        except BaseException:
            # Whoever comes next would not know where in the dialogue this stopped.
            self.abort("this program stopped in the middle of a transaction")
            raise
        finally:
            self._leave_chatter()
            self._busy = False
        return reply

    async def _open(self, sender: str, recipient: str, parameters: str) -> Reply | None:
        mail, rcpt = f"MAIL FROM:<{sender}>{parameters}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode()
        if self._pipelining:
            self._write(mail + rcpt + b"DATA\r\n")
        failed: Reply | None = None
        reply = None
        for step, command in ((MAIL, mail), (RCPT, rcpt), (DATA, b"DATA\r\n")):
            if not self._pipelining:
                if failed is not None:
                    break
                self._write(command)
            reply = await self._reply(step)
            if reply.code // 100 != step.classes[0]:
                failed = failed or reply
            if reply.code == 0:
                break
        if failed is not None:
            await self._clear(invited=reply is not None and reply.code == START_MAIL_INPUT)
        return failed

    async def _clear(self, *, invited: bool) -> None:
        """Leave a transaction that failed, so that the next one starts clean."""
        if invited and self._write(b".\r\n"):
            # RFC 2920 §3.1: DATA was taken though MAIL or RCPT was not; an empty body ends it.
            await self._reply(NOTHING)
        if self._write(b"RSET\r\n"):
            cleared = await self._reply(RSET)
            if not cleared.is_positive:
                self.abort(f"the relay did not reset: {cleared}")

    def _write(self, octets: bytes) -> bool:
        """Write what is to be answered next; False where the connection is over, or nobody listens there."""
        self._leave_chatter()
        if self.lost:
            return False
        self._transport.write(octets)
        return True

    def _leave_chatter(self) -> None:
        """Leave a relay that has said more than it was asked: a 421, or a next answer come too soon."""
        if self._replies:
            code, text = self._replies[0]
            self._replies.clear()
            self.abort(f"the relay sent what nothing had asked for: {code} {text}")

    async def _reply(self, step: Step) -> Reply:
        if not self._replies and not self.lost:
            self._waiter = self._loop.create_future()
            self._watch(min(self._timeout, step.seconds))
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self._replies:
            return Reply(phase=step.phase, code=0, text=self.lost)
        code, text = self._replies.popleft()
        if code == SERVICE_CLOSING:
            self.abort(f"the relay closed the connection: {code} {text}")
        elif code // 100 not in step.classes:
            self._replies.clear()
            self.abort(f"the relay is out of step, it answered {code} {text}")
            return Reply(phase=step.phase, code=0, text=self.lost)
        return Reply(phase=step.phase, code=code, text=text)

    def _watch(self, seconds: float) -> None:
        """Give the relay so long for the reply that is being waited for.

        One timer goes from reply to reply: a timer for each would cost a tenth of what a message costs.
        """
        self._patience, self._deadline = seconds, self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is not None and self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        elif self._waiter is not None:
            self.abort(f"no reply within {self._patience:g} seconds")

    async def quit(self) -> None:
        """Say goodbye, and close without waiting longer than a second for the answer."""
        self._busy = True
        if self._write(b"QUIT\r\n"):
            await self._reply(QUIT)
        self.abort("closed")

    def abort(self, reason: str) -> None:
        """End the connection now. Whoever waits for a reply gets the reason."""
        if not self.lost:
            self.lost = reason
            if self._timer is not None:
                self._timer.cancel()
            self._transport.abort()
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
            self._lines.append(line)
            if line[3:4] != b"-" and not self.lost:
                self._finish_reply()
        if len(self._buffer) + sum(map(len, self._lines)) > REPLY_OCTETS:
            self.abort("the relay's reply has no end")

    def _finish_reply(self) -> None:
        lines, self._lines = self._lines, []
        code = lines[-1][:3]
        if not (len(code) == 3 and code.isdigit() and code[:1] in b"2345"):  # noqa: PLR2004 - RFC 5321 §4.2
            self.abort(f"the relay answered something that is no SMTP: {lines[-1][:80]!r}")
            return
        text = " ".join([line[4:].decode("utf-8", "replace").strip() for line in lines])
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
