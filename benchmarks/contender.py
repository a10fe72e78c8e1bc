"""This program as a contender: `contender.py KIND JSON`, in a fresh process. Prints what it measured as JSON.

Started by the benchmarks, not by people.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import stand
import uvloop
from process import Measured, metered, tell

from digest import log
from digest.delivery.courier import connect
from digest.desk import Desk
from digest.errors import RelayError
from digest.model import Issue, Reply
from digest.publish.freeze import freeze as freeze_issue
from digest.publish.send import send
from digest.store import issues

PATIENCE = timedelta(seconds=10)
"""How long a relay may fail before a run is given up."""
LEVELS = {1: "NORMAL", 2: "FULL"}


async def digest(
    folder: str, *, octets: int, messages: int, synchronous: str = "FULL", subscribe: int = 0
) -> Measured:
    """Send an issue as this program does: from handing it over until every row is recorded."""
    desk = stand.open_desk(Path(folder))
    if synchronous == "NORMAL":
        stand.relax(desk.store)
    assert LEVELS[stand.synchronous(desk.store)] == synchronous
    if subscribe:
        stand.subscribe(desk, subscribe)
    return await _send(desk, await stand.frozen(desk, octets), messages)


async def freeze(folder: str, *, octets: int, messages: int) -> Measured:
    """Freeze an issue, from the look at its audience to the commit of its rows."""
    desk = stand.open_desk(Path(folder))
    draft = stand.draft(desk, octets)
    with metered() as meter:
        issue = await freeze_issue(desk, desk.settings.newsletter_named("daily"), draft)
    assert issue.audience == messages, f"{issue.audience:,} are reached, where {messages:,} should be"
    desk.store.close()
    return meter.measured(messages)


async def resume(folder: str, *, messages: int) -> Measured:
    """Send the issue that is frozen already."""
    desk = stand.open_desk(Path(folder))
    with desk.store.read() as session:
        (issue,) = issues.unfinished(session)
    return await _send(desk, issue, messages)


async def _send(desk: Desk, issue: Issue, messages: int) -> Measured:
    """Send an issue and look whether all got it. `steady` is the rate from the first answers to the last."""
    told: list[tuple[float, int]] = []
    with metered() as meter:
        await send(
            desk,
            [issue],
            patience=PATIENCE,
            on_progress=lambda progress: told.append((time.perf_counter(), progress.accepted)),
        )
    with desk.store.read() as session:
        counts = issues.counts(session, issue.id)
    assert counts.accepted == messages, f"{counts}, where {messages} should be accepted"
    desk.store.close()
    (first, before), (last, after) = next(one for one in told if one[1]), told[-1]
    steady = (after - before) / (last - first) if last > first else 0.0
    return meter.measured(messages, steady=steady)


async def wire(folder: str, *, octets: int, messages: int) -> Measured:
    """Splice and send over this program's connections, and without its ledger."""
    desk = stand.open_desk(Path(folder))
    compose = stand.compose(desk, stand.rendering(desk, octets))
    envelope = desk.settings.envelope
    numbers = iter(range(messages))

    async def lane() -> None:
        connection = await connect(desk.relay)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go_on(reply: Reply) -> None:
            if reply.is_positive:
                send_next()
            else:
                over.set_exception(RelayError(str(reply)))

        def send_next() -> None:
            number = next(numbers, None)
            if number is None:
                over.set_result(None)
            else:
                recipient = stand.recipient(number + 1)
                message = compose(recipient, desk.clock())
                connection.submit(envelope, recipient.email, message, go_on)

        send_next()
        await over
        await connection.quit()

    with metered() as meter:
        await asyncio.gather(*(lane() for _ in range(desk.relay.connections)))
    return meter.measured(messages)


KINDS: dict[str, Callable[..., Coroutine[Any, Any, Measured]]] = {
    "digest": digest,
    "wire": wire,
    "freeze": freeze,
    "resume": resume,
}


def main() -> None:
    """Run the contender that is asked for, in the event loop that is asked for."""
    kind, task = sys.argv[1], json.loads(sys.argv[2])
    log.configure()
    run = uvloop.run if task.pop("loop") == "uvloop" else asyncio.run
    tell(run(KINDS[kind](**task)))


if __name__ == "__main__":
    main()
