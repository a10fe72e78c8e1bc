"""What other Python programs do: `peers.py KIND JSON`, in a fresh process. Prints what it measured as JSON.

Imports nothing of this program, so that its memory is its own. Every message is made already.
"""

import asyncio
import json
import smtplib
import sys
from collections.abc import Callable
from pathlib import Path

import aiosmtplib
from process import Measured, metered, tell

SENDER, RECIPIENT = "news@ledger.example", "reader@mail.example"
HOST = "127.0.0.1"


async def pool(port: int, *, message: bytes, messages: int, connections: int) -> Measured:
    """Send with so many clients of aiosmtplib, each one message after the other."""
    numbers = iter(range(messages))

    async def lane() -> None:
        client = aiosmtplib.SMTP(hostname=HOST, port=port, start_tls=False)
        await client.connect()
        for _ in numbers:
            await client.sendmail(SENDER, [RECIPIENT], message)
        await client.quit()

    with metered() as meter:
        await asyncio.gather(*(lane() for _ in range(connections)))
    return meter.measured(messages)


async def serial(port: int, *, message: bytes, messages: int, connections: int) -> Measured:
    """Send with one client of smtplib, one message after the other."""
    assert connections == 1
    with metered() as meter, smtplib.SMTP(HOST, port) as client:
        for _ in range(messages):
            client.sendmail(SENDER, [RECIPIENT], message)
    return meter.measured(messages)


KINDS = {"aiosmtplib": pool, "smtplib": serial}


def main() -> None:
    """Run the peer that is asked for."""
    task = json.loads(sys.argv[2])
    task["message"] = Path(task["message"]).read_bytes()
    run: Callable[..., Measured]
    if task.pop("loop") == "uvloop":
        import uvloop  # noqa: PLC0415 - its memory counts only where it is used

        run = uvloop.run
    else:
        run = asyncio.run
    tell(run(KINDS[sys.argv[1]](**task)))


if __name__ == "__main__":
    main()
