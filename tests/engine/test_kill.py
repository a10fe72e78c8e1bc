"""Processes that send are killed at any instant: nobody is lost, and who was mailed twice is known."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

from engine_ledger import address, counts, doubtful, sending, state, subscribe, until
from smtp_server import SmtpServer

from digest.model import Counts, Issue, IssueState
from digest.store.database import Store

CONNECTIONS, READERS_A_KILL = 8, 300
HERE = Path(__file__).parent


async def process(store: Store, issue: Issue, server: SmtpServer) -> Process:
    """Start a process that is ready to send."""
    paths = [str(HERE), str(HERE.parent / "support")]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "engine_process.py"),
        store.url.render_as_string(hide_password=False),
        *map(str, (issue.id, server.port, CONNECTIONS)),
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def go(sending_process: Process) -> None:
    assert sending_process.stdin is not None
    sending_process.stdin.write(b"\n")


async def end(sending_process: Process) -> int:
    await sending_process.communicate()
    assert sending_process.returncode is not None
    return sending_process.returncode


async def test_after_kills_at_any_instant_everybody_has_the_issue_and_who_may_have_it_twice_is_known(
    store: Store,
) -> None:
    random = Random(7)
    # The processes take their time to start; on PostgreSQL a few tell as much.
    kills = 10 if store.is_sqlite else 3
    readers = kills * READERS_A_KILL
    subscribe(store, readers)
    issue = sending(store)
    async with SmtpServer(pause=0.004) as server:
        coming = await process(store, issue, server)
        for _ in range(kills):
            killed, coming = coming, await process(store, issue, server)
            enough = len(server.received) + random.randint(0, READERS_A_KILL - 50)
            go(killed)
            await until(lambda: len(server.received) >= enough)  # noqa: B023 - awaited at once
            await asyncio.sleep(random.uniform(0, 0.02))
            killed.kill()
            assert await end(killed) == -signal.SIGKILL
            left = await asyncio.to_thread(counts, store, issue)
            assert left.total == readers
            assert left.submitting <= CONNECTIONS
        go(coming)
        assert await end(coming) == 0
    assert counts(store, issue).accepted == readers
    assert state(store, issue) is IssueState.SENT
    ids = defaultdict(list)
    for message in server.received:
        ids[message.recipient].append(message.message_id)
    assert set(ids) == {address(number) for number in range(1, readers + 1)}
    doubled = {recipient for recipient, copies in ids.items() if len(copies) > 1}
    assert len(server.received) - readers <= kills * CONNECTIONS
    assert all(len(set(copies)) == 1 for copies in ids.values())
    assert doubled <= {address(number) for number in doubtful(store, issue)}


async def test_a_process_that_is_told_to_stop_leaves_nothing_in_doubt(store: Store) -> None:
    subscribe(store, 400)
    issue = sending(store)
    async with SmtpServer(pause=0.01) as server:
        stopped, last = [await process(store, issue, server) for _ in range(2)]
        go(stopped)
        await until(lambda: len(server.received) >= 40)
        stopped.terminate()
        assert await end(stopped) == 0
        taken = len(server.received)
        assert counts(store, issue) == Counts(accepted=taken, pending=400 - taken)
        go(last)
        assert await end(last) == 0
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 401))
