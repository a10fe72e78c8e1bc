"""A process that sends an issue once it is told to.

Its arguments are the database's URL, the issue's id, the server's port, and how many connections it may open.
SIGTERM lets it hear the relay out; SIGKILL is what the tests are about.
"""

import asyncio
import contextlib
import signal
import sys

from engine_ledger import job, sender
from smtp_server import SmtpServer

from digest.store import issues
from digest.store.database import Store


async def send(store: Store, issue_id: int, port: int, connections: int) -> None:
    with store.read() as session:
        issue = issues.get(session, issue_id)
    running = sender(store, SmtpServer(port=port), connections=connections)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.stop)
    sys.stdin.readline()
    await running.run([job(issue)])


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    with contextlib.closing(Store(url)) as opened:
        asyncio.run(send(opened, *map(int, numbers)))
