"""A relay far away: `slow_relay.py PORT MILLISECONDS`. It answers each group of commands after a delay.

It offers PIPELINING (RFC 2920) and takes everything. Run by the benchmarks, on loopback alone.
"""

import asyncio
import sys

import uvloop

HOST = "127.0.0.1"
BACKLOG = 1000
END = b"\r\n.\r\n"
EHLO = b"250-slow.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
OK, GO_ON, BYE = b"250 2.0.0 ok\r\n", b"354 go on\r\n", b"221 2.0.0 bye\r\n"


class SlowRelay(asyncio.Protocol):
    """One connection. `delay` is in seconds, and lies between a group's last octet and its answers."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._tail: bytes | None = None
        """The end of what has come of a message; None outside of one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = transport  # type: ignore[assignment] # a stream's, and uvloop's is of no common class
        self._answer(b"220 slow.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Take in commands or a message. What follows DATA within a group is not expected."""
        if self._tail is not None:
            self._tail = (self._tail + data)[-len(END) :]
            if self._tail == END:
                self._tail = None
                self._answer(OK)
            return
        *lines, self._buffer = (self._buffer + data).split(b"\r\n")
        answers = b"".join([self._command(line[:4].upper()) for line in lines])
        if answers:
            self._answer(answers)

    def _command(self, verb: bytes) -> bytes:
        if verb == b"DATA":
            self._tail = b"\r\n"
            return GO_ON
        return EHLO if verb == b"EHLO" else BYE if verb == b"QUIT" else OK

    def _answer(self, octets: bytes) -> None:
        if self._delay:
            self._loop.call_later(self._delay, self._write, octets)
        else:
            self._write(octets)

    def _write(self, octets: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(octets)


async def main() -> None:
    """Listen until ended."""
    port, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000
    server = await asyncio.get_running_loop().create_server(
        lambda: SlowRelay(delay), HOST, port, backlog=BACKLOG
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
