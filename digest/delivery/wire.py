"""One SMTP connection after its greeting: transactions with one recipient, pipelined where offered.

Knows nothing of issues, retries or other connections. RFC 5321, RFC 2920 (PIPELINING). Whatever happens comes
back as a Reply; a loss is a Reply with code 0, and its phase tells whether the body may have arrived.

A state machine and no coroutine: waking a task for each of a message's four replies would cost as much as the
rest of the message.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from digest.delivery.legible import legible
from digest.model import Phase, Reply

REPLY_OCTETS = 64 * 1024
"""A reply longer than this is no SMTP: bounds memory if a relay streams without end."""

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
        self._step: Step | None = None
        self._done: Callable[[Reply], object] | None = None
        self._ended: Reply | None = None
        self._failed: Reply | None = None
        self._rcpt = self._message = b""
        self._patience = 0.0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.taken = 0
        """How many messages the relay took on this connection."""
        self.lost = ""
        """Why this connection is over; empty while it can be used."""
        self.on_lost: Callable[[], object] | None = None
        """Called once, when the connection is over while nothing is being sent."""

    def submit(self, sender: str, recipient: str, message: bytes, done: Callable[[Reply], object]) -> None:
        """Send one message to one recipient; `done` gets the reply that decided it, once, perhaps at once.

        `message` has CRLF line ends, ends with one, and holds no line that starts with a dot. It is written
        only after the relay took the recipient; from then on a loss comes back with phase BODY.
        """
        utf8 = not recipient.isascii()
        if utf8 and not self._smtputf8:
            done(Reply(phase=Phase.MAIL, code=553, text="5.6.7 this relay does not offer SMTPUTF8"))
            return
        if self._buffer or self._lines:
            self._close("the relay sent what nothing had asked for")
        if self.lost:
            done(Reply(phase=Phase.MAIL, code=0, text=self.lost))
            return
        self._done, self._failed, self._message = done, None, message
        mail = f"MAIL FROM:<{sender}>{' SMTPUTF8' if utf8 else ''}\r\n"
        rcpt = f"RCPT TO:<{recipient}>\r\n"
        if self._pipelining:
            self._transport.write(f"{mail}{rcpt}DATA\r\n".encode())
        else:
            self._rcpt = rcpt.encode()
            self._transport.write(mail.encode())
        self._await(MAIL)

    async def transact(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Do as `submit`, and give the reply. Whoever cancels this ends the connection."""
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self.submit(sender, recipient, message, partial(_settle, reply))
        try:
            return await reply
        except BaseException:
            # Whoever comes next would not know where in the dialogue this stopped.
            self.abort("this program stopped in the middle of a transaction")
            raise

    async def quit(self) -> None:
        """Say goodbye, and close without waiting longer than a second for the answer."""
        self.on_lost = None
        if not self.lost and self._step is None:
            answered: asyncio.Future[Reply] = self._loop.create_future()
            self._done, self._failed = partial(_settle, answered), None
            self._say(b"QUIT\r\n", QUIT)
            self._conclude()
            await answered
        self.abort("closed")

    def abort(self, reason: str) -> None:
        """End the connection now. Whoever waits for a reply gets the reason."""
        if self.lost:
            return
        self._close(reason)
        if self._step is not None:
            self._fail(self._step.phase)
            self._conclude()
        elif self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Take in octets of replies, however they are split."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._lines.append(line)
            if line[3:4] != b"-":
                self._replies.append(self._read())
        if len(self._buffer) + sum(map(len, self._lines)) > REPLY_OCTETS:
            self._replies.append((0, "the relay's reply has no end"))
        while self._replies and not self.lost:
            self._hear(*self._replies.popleft())
        self._replies.clear()
        self._conclude()

    def eof_received(self) -> bool:
        """Take the relay's end of the connection for the end of all of it."""
        self.abort("the relay closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why the connection is over."""
        self.abort(f"the connection was lost: {exc}" if exc else "the relay closed the connection")

    def _read(self) -> tuple[int, str]:
        """Read a whole reply; code 0 with a reason where it is none (RFC 5321 §4.2)."""
        lines, self._lines = self._lines, []
        last = lines[-1]
        code = last[:3]
        if not (len(code) == 3 and code.isdigit() and code[:1] in b"2345"):  # noqa: PLR2004 - RFC 5321 §4.2
            return 0, f"the relay answered something that is no SMTP: {last[:80]!r}"
        if len(lines) == 1:
            return int(code), legible(last[4:].decode("utf-8", "replace").strip())
        if any(line[:3] != code for line in lines):
            # RFC 5321 §4.2.1: every line has the same. Of two answers in one, neither is to be believed.
            return 0, f"the relay answered with two codes at once: {lines[0][:80]!r} and {last[:80]!r}"
        text = " ".join([line[4:].decode("utf-8", "replace").strip() for line in lines])
        return int(code), legible(text)

    def _hear(self, code: int, text: str) -> None:
        """Go on as a reply says."""
        step = self._step
        if step is None:
            self._unasked(code, text)
        elif code == 0:
            self._close(text)
            self._fail(step.phase)
        elif code == SERVICE_CLOSING:
            self._close(f"the relay closed the connection: {code} {text}")
            self._finish(self._failed or Reply(phase=step.phase, code=code, text=text))
        elif code // 100 not in step.classes:
            self._close(f"the relay is out of step, it answered {code} {text}")
            self._fail(step.phase)
        elif step is BODY:
            reply = Reply(phase=Phase.BODY, code=code, text=text)
            if reply.is_positive:
                self.taken += 1
                self._finish(reply)
            else:
                # RFC 5321 §4.1.1.4 has the transaction over, but Postfix keeps it where it refuses by its
                # smtpd_end_of_data_restrictions: what came next would go to this recipient too.
                self._failed = reply
                self._say(b"RSET\r\n", RSET)
        elif step is NOTHING:
            self._say(b"RSET\r\n", RSET)
        elif step is RSET or step is QUIT:
            if code // 100 != 2:  # noqa: PLR2004 - RFC 5321 §4.2.1
                self._close(f"the relay did not reset: {code} {text}")
            self._fail(step.phase)
        else:
            self._opened(step, code, text)

    def _opened(self, step: Step, code: int, text: str) -> None:
        """Go on after the reply to MAIL, RCPT or DATA."""
        if code // 100 != step.classes[0]:
            self._failed = self._failed or Reply(phase=step.phase, code=code, text=text)
        if step is DATA:
            if code // 100 != step.classes[0]:
                self._say(b"RSET\r\n", RSET)
            elif self._failed:
                # RFC 2920 §3.1: DATA was taken though MAIL or RCPT was not; an empty body ends it.
                self._say(b".\r\n", NOTHING)
            else:
                self._say(self._message + b".\r\n", BODY)
        elif self._pipelining:
            self._await(RCPT if step is MAIL else DATA)
        elif self._failed:
            self._say(b"RSET\r\n", RSET)
        elif step is MAIL:
            self._say(self._rcpt, RCPT)
        else:
            self._say(b"DATA\r\n", DATA)

    def _unasked(self, code: int, text: str) -> None:
        """Leave a relay that has said more than it was asked: a 421 (RFC 5321 §3.8), or nonsense."""
        if self._ended is not None:
            self._close(f"the relay sent what nothing had asked for: {code} {text}")
        else:
            self.abort(f"the relay closed the connection: {code} {text}" if code else text)

    def _say(self, octets: bytes, step: Step) -> None:
        """Write what is to be answered next, unless the relay has answered already, or is gone."""
        if self._replies:
            code, text = self._replies[0]
            self._close(f"the relay sent what nothing had asked for: {code} {text}" if code else text)
        if self.lost:
            self._fail(self._step.phase if self._step else step.phase)
            return
        self._transport.write(octets)
        self._await(step)

    def _await(self, step: Step) -> None:
        """Give the relay so long for the reply to this step.

        One timer goes from reply to reply: a timer for each would cost a tenth of what a message costs.
        """
        self._step = step
        self._patience = min(self._timeout, step.seconds)
        self._deadline = self._loop.time() + self._patience
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._step is not None and self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        elif self._step is not None:
            self.abort(f"no reply within {self._patience:g} seconds")

    def _fail(self, phase: Phase) -> None:
        """End the transaction with the refusal that decided it, or with the loss of the connection."""
        self._finish(self._failed or Reply(phase=phase, code=0, text=self.lost))

    def _finish(self, reply: Reply) -> None:
        self._step, self._message, self._ended = None, b"", reply

    def _conclude(self) -> None:
        """Tell the reply, last of all: whoever hears it may send the next message at once."""
        if self._ended is not None:
            (told, self._ended), (done, self._done) = (self._ended, None), (self._done, None)
            if done is not None:
                done(told)

    def _close(self, reason: str) -> None:
        if not self.lost:
            self.lost = reason
            if self._timer is not None:
                self._timer.cancel()
            self._transport.abort()


def _settle(future: asyncio.Future[Reply], reply: Reply) -> None:
    # Whoever waited may have been cancelled meanwhile.
    if not future.done():
        future.set_result(reply)
