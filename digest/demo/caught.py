"""Starts the catching relay and holds what it caught: for whom each message was, and its headers."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser
from functools import cache, cached_property
from types import TracebackType
from typing import Self

from digest.errors import DigestError

LINE_OCTETS = 4 * 1024 * 1024
"""The longest line that is read from the catcher: one whole message, far under this."""

SETTLE_SECONDS = 10
"""How long a message that was taken may need to come through the pipe."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """One message as the relay took it. `whole` is there for the first of each subject alone."""

    recipient: str
    head: bytes
    whole: bytes | None = None

    @cached_property
    def headers(self) -> Message:
        """The header block, parsed by the standard library: no code of ours that could agree with itself."""
        return BytesHeaderParser().parsebytes(self.head)

    @cached_property
    def subject(self) -> str:
        """The subject as a reader sees it."""
        return _decoded(str(self.headers["Subject"]))

    @property
    def one_click_url(self) -> str:
        """Where one POST unsubscribes (RFC 8058, section 3.1); empty where the message does not offer it."""
        offered = self.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        url = str(self.headers["List-Unsubscribe"]).partition("<")[2].partition(">")[0]
        return url if offered and url.startswith("http") else ""


@cache
def _decoded(raw: str) -> str:
    """Unfold and decode a header's text (RFC 5322, section 2.2.3; RFC 2047)."""
    return str(policy.default.header_fetch_parse("Subject", raw))


class Catcher:
    """The catching relay while its context is open: listens on `port` of the loopback interface."""

    port: int

    def __init__(self) -> None:
        self.messages: list[Caught] = []
        self._more = asyncio.Condition()

    async def __aenter__(self) -> Self:
        # -P: a folder called `digest` where the demo is started is not ours.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "digest.demo.catcher"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_OCTETS,
        )
        assert self._process.stdout is not None
        first = await self._process.stdout.readline()
        if not first:
            await self._process.wait()
            raise DigestError("The demo's own SMTP server did not start: what it said stands above.")
        self.port = int(first)
        self._reading = asyncio.create_task(self._read(self._process.stdout), name="demo.caught")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._reading
        await self._process.wait()

    async def settled(self, count: int) -> Sequence[Caught]:
        """Give what was caught, once it is `count` messages or nothing more has come for a while."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS), self._more:
                await self._more.wait_for(lambda: len(self.messages) >= count)
        except TimeoutError:
            pass
        return tuple(self.messages)

    async def _read(self, told: asyncio.StreamReader) -> None:
        while line := await told.readline():
            recipient, head, whole = json.loads(line)
            caught = Caught(
                recipient=recipient, head=head.encode("latin-1"), whole=whole and whole.encode("latin-1")
            )
            async with self._more:
                self.messages.append(caught)
                self._more.notify_all()
