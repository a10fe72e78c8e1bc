"""Takes what came back by LMTP (RFC 2033), or by SMTP (RFC 5321), from this computer alone.

A mail is taken once it is booked, and the mail server keeps it until then. Of a long one no more is held in
memory than is read: aiosmtpd, which holds every line by itself, took 800 MB and 17 seconds for ten mebibytes
of empty lines.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

import structlog

from digest.config.bounces import Listener
from digest.errors import DigestError, InboxError
from digest.inbox.booking import READ_OCTETS

log = structlog.get_logger()

LONGEST_MAIL = 10 << 20
"""Octets. A report quotes a message of ours, which are shorter by far."""

LONGEST_LINE = 2048
"""Octets of a command: an address has 254, and its extensions some more (RFC 5321 4.5.3.1.4)."""

CHUNK = 1 << 16
"""Octets that are read at once."""

CONNECTIONS = 10
"""At a time. A mail server keeps what waits."""

RECIPIENTS = 100
"""Of one mail (RFC 5321 4.5.3.1.8)."""

SECONDS = 300.0
"""How long a mail server may be silent (RFC 5321 4.5.3.2.7)."""

NEWLINE = b"\r\n"
END = b"\r\n.\r\n"

GOODBYE = "221 2.0.0 Goodbye"
TOO_LONG = f"552 5.3.4 More than {LONGEST_MAIL:,} octets"

Take = Callable[[bytes, tuple[str, ...]], None]
"""Books a mail that came to some recipients, and commits. Blocking; raises DigestError where it did not."""

_ANGLES = re.compile(r"(?:FROM|TO):\s*<([^<>]*)>(.*)", re.IGNORECASE | re.DOTALL)
_SIZE = re.compile(r"\bSIZE=(\d{1,20})\b", re.IGNORECASE)


class Door:
    """Where mail is taken for one address, with whatever extension stands behind its `separator`."""

    def __init__(self, address: str, separator: str, take: Take) -> None:
        self._local, _, self._domain = address.lower().rpartition("@")
        self._separator, self._take = separator, take
        self._sessions: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        """One is booked at a time: a flood must not take every thread of the process."""

    @contextlib.asynccontextmanager
    async def opened(self, place: Listener) -> AsyncIterator[None]:
        """Listen for as long as the context lasts. Raises InboxError where that cannot be."""
        try:
            server = await asyncio.start_server(self._welcome, place.host, place.port, limit=CHUNK)
        except OSError as error:
            where = f"{place.host}:{place.port}"
            raise InboxError(f"[bounces] lmtp: cannot listen on {where}: {error.strerror}.") from error
        async with server:
            try:
                yield
            finally:
                server.close()
                for session in self._sessions:
                    session.cancel()
                if self._sessions:
                    await asyncio.wait(self._sessions)

    def is_for_us(self, recipient: str) -> bool:
        """Say whether mail to this address is ours to read."""
        local, _, domain = recipient.lower().rpartition("@")
        return domain == self._domain and f"{local}{self._separator}".startswith(
            f"{self._local}{self._separator}"
        )

    async def taken(self, mail: bytes, recipients: tuple[str, ...]) -> str:
        """Give the reply to a whole mail."""
        try:
            async with self._turn:
                await asyncio.to_thread(self._take, mail, recipients)
        except DigestError as error:
            log.warning("lmtp.put_off", reason=str(error))
            return "451 4.3.0 It cannot be booked now"
        return "250 2.0.0 Booked"

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._sessions) >= CONNECTIONS:
                writer.write(b"421 4.3.2 Too many connections\r\n")
                return
            self._sessions.add(task)
            await _Session(self, reader, writer).run()
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError) as error:
            log.debug("lmtp.ended", reason=repr(error))
        finally:
            self._sessions.discard(task)
            writer.close()


class _Session:
    """One connection."""

    def __init__(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door, self._reader, self._writer = door, reader, writer
        self._come = bytearray()
        """What was read, and is still to be looked at."""
        self._is_lmtp = self._has_sender = False
        self._recipients: list[str] = []

    async def run(self) -> None:
        """Answer until either side takes its leave. Raises EOFError or OSError where the other is gone."""
        verbs: dict[str, Callable[[str], str]] = {
            "LHLO": self._lhlo,
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "RSET": self._rset,
            "NOOP": self._noop,
            "QUIT": self._quit,
        }
        await self._say("220 digest")
        while True:
            verb, _, rest = (await self._line()).partition(" ")
            if verb.upper() == "DATA":
                await self._data()
                continue
            reply = verbs.get(verb.upper(), self._unknown)(rest.strip())
            await self._say(reply)
            if reply == GOODBYE:
                return

    def _lhlo(self, rest: str) -> str:
        self._is_lmtp = True
        return self._hello(rest)

    def _ehlo(self, rest: str) -> str:
        self._is_lmtp = False
        return self._hello(rest)

    def _hello(self, rest: str) -> str:
        self._helo(rest)
        offers = (
            "digest",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "SMTPUTF8",
            f"SIZE {LONGEST_MAIL}",
        )
        return "\r\n".join([*(f"250-{one}" for one in offers[:-1]), f"250 {offers[-1]}"])

    def _helo(self, _: str) -> str:
        self._forget()
        return "250 digest"

    def _mail(self, rest: str) -> str:
        found = _ANGLES.fullmatch(rest)
        if found is None:
            return "501 5.5.4 MAIL FROM:<address>"
        size = _SIZE.search(found[2])
        if size and int(size[1]) > LONGEST_MAIL:
            return TOO_LONG
        self._forget()
        self._has_sender = True
        return "250 2.1.0 Yes"

    def _rcpt(self, rest: str) -> str:
        found = _ANGLES.fullmatch(rest)
        if not self._has_sender or found is None:
            return "501 5.5.4 RCPT TO:<address>" if self._has_sender else "503 5.5.1 MAIL first"
        if not self._door.is_for_us(found[1]):
            return "550 5.1.1 Nobody here reads that"
        if len(self._recipients) == RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        self._recipients.append(found[1])
        return "250 2.1.5 Yes"

    def _rset(self, _: str) -> str:
        self._forget()
        return "250 2.0.0 Yes"

    def _noop(self, _: str) -> str:
        return "250 2.0.0 Yes"

    def _quit(self, _: str) -> str:
        return GOODBYE

    def _unknown(self, _: str) -> str:
        return "500 5.5.2 What?"

    def _forget(self) -> None:
        self._has_sender, self._recipients = False, []

    async def _data(self) -> None:
        """Take a mail. By LMTP there is a reply for each recipient (RFC 2033 4.2)."""
        if not self._recipients:
            await self._say("503 5.5.1 RCPT first")
            return
        await self._say("354 Go on, and end with a dot")
        mail, octets = await self._body()
        recipients = tuple(self._recipients)
        reply = TOO_LONG if octets > LONGEST_MAIL else await self._door.taken(mail, recipients)
        self._forget()
        await self._say("\r\n".join([reply] * (len(recipients) if self._is_lmtp else 1)))

    async def _body(self) -> tuple[bytes, int]:
        """Read up to the dot; give the beginning of the mail as it was, and how long it is on the wire."""
        # With a line's end before the first line, the end looks the same after none as after many.
        self._come[:0] = NEWLINE
        kept, octets = bytearray(), 0
        while (end := self._come.find(END)) < 0:
            # The last of what has come may be the first of the end.
            octets += self._pass(kept, max(0, len(self._come) - len(END) + 1))
            await self._more()
        octets += self._pass(kept, end + len(NEWLINE))
        del self._come[: len(END) - len(NEWLINE)]
        return bytes(kept.replace(b"\r\n.", NEWLINE)[len(NEWLINE) :]), octets

    def _pass(self, kept: bytearray, octets: int) -> int:
        """Keep of so many octets what is still to be read, and go on behind them."""
        kept += self._come[: min(octets, READ_OCTETS - len(kept))]
        del self._come[:octets]
        return octets

    async def _line(self) -> str:
        """Read a command."""
        while (end := self._come.find(b"\n")) < 0:
            if len(self._come) > LONGEST_LINE:
                raise EOFError
            await self._more()
        line = bytes(self._come[:end])
        del self._come[: end + 1]
        return line.decode("utf-8", "replace").strip()

    async def _more(self) -> None:
        come = await asyncio.wait_for(self._reader.read(CHUNK), SECONDS)
        if not come:
            raise EOFError
        self._come += come

    async def _say(self, reply: str) -> None:
        self._writer.write(f"{reply}\r\n".encode())
        await self._writer.drain()
