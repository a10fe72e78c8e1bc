"""The demo's relay, in a process of its own: takes every message over SMTP and delivers none.

Run as `python -m digest.demo.catcher` by `caught.Catcher`. Standard output carries the port on its first line
and then one JSON array a message: recipient, header block, and the whole message or null. It ends when its
standard input is closed, so it cannot outlive whoever started it. In a process of its own because the server
and the sender take about as much time a message, and share no interpreter lock this way.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from email.parser import BytesHeaderParser

from aiosmtpd.smtp import SMTP, Envelope, Session

END_OF_HEAD = b"\r\n\r\n"


class Handler:
    """Tells of every message; of the first with a new subject all of it, of the others the header block."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._subjects: set[str] = set()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd names it so
        """Take a message, and tell of it before the sender hears that it was taken."""
        message = bytes(envelope.original_content or b"")
        head = message.partition(END_OF_HEAD)[0] + END_OF_HEAD
        subject = str(BytesHeaderParser().parsebytes(head)["Subject"])
        whole = None if subject in self._subjects else message.decode("latin-1")
        self._subjects.add(subject)
        # Octets as letters of the same number: JSON has no octets, and Latin-1 loses none.
        for recipient in envelope.rcpt_tos:
            self._tell(json.dumps([recipient, head.decode("latin-1"), whole]))
        return "250 2.0.0 Caught"


def tell(line: str) -> None:
    """Write a line for the parent at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    """Serve on a free loopback port until standard input ends."""
    loop = asyncio.get_running_loop()
    handler = Handler(tell)
    server = await loop.create_server(lambda: SMTP(handler, hostname="localhost", loop=loop), "127.0.0.1", 0)
    tell(str(server.sockets[0].getsockname()[1]))
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal; this one ends with its parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The library logs every line that it reads; formatting those would take longer than reading them.
    logging.disable()
    asyncio.run(main())
