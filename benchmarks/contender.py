"""This program as a contender: `contender.py KIND JSON`, in a fresh process. Prints what it measured as JSON.

Started by the benchmarks, not by people.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import stand
import uvloop
from process import Measured, metered, tell

from digest import log
from digest.delivery.courier import connect
from digest.publish.send import send
from digest.store import issues

PATIENCE = timedelta(seconds=10)
"""How long a relay may fail before a run is given up."""
LEVELS = {1: "NORMAL", 2: "FULL"}


async def digest(folder: str, *, octets: int, messages: int, synchronous: str = "FULL") -> Measured:
    """Send an issue as this program does: from handing it over until every row is recorded."""
    desk = stand.open_desk(Path(folder))
    if synchronous == "NORMAL":
        stand.relax(desk.store)
    assert LEVELS[stand.synchronous(desk.store)] == synchronous
    issue = await stand.frozen(desk, octets)
    with metered() as meter:
        await send(desk, [issue], patience=PATIENCE)
    with desk.store.read() as session:
        counts = issues.counts(session, issue.id)
    assert counts.accepted == messages, f"{counts}, where {messages} should be accepted"
    measured = meter.measured(messages)
    desk.store.close()
    return measured


async def wire(folder: str, *, octets: int, messages: int) -> Measured:
    """Splice and send over this program's connections, and without its ledger."""
    desk = stand.open_desk(Path(folder))
    compose = stand.compose(desk, stand.rendering(desk, octets))
    envelope = desk.settings.mail.envelope
    numbers = iter(range(messages))

    async def lane() -> None:
        connection = await connect(desk.relay)
        for number in numbers:
            recipient = stand.recipient(number + 1)
            reply = await connection.transact(envelope, recipient.email, compose(recipient, desk.clock()))
            assert reply.is_positive, str(reply)
        await connection.quit()

    with metered() as meter:
        await asyncio.gather(*(lane() for _ in range(desk.relay.connections)))
    return meter.measured(messages)


KINDS: dict[str, Callable[..., Coroutine[Any, Any, Measured]]] = {"digest": digest, "wire": wire}


def main() -> None:
    """Run the contender that is asked for, in the event loop that is asked for."""
    kind, task = sys.argv[1], json.loads(sys.argv[2])
    log.configure()
    run = uvloop.run if task.pop("loop") == "uvloop" else asyncio.run
    tell(run(KINDS[kind](**task)))


if __name__ == "__main__":
    main()
