"""The demo's course with a kill -9: the process that sends dies in the middle, and is run again.

It is the command itself, `digest send`, in a process of its own: nothing of it is told that this is a demo.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator

from digest.demo.making import Making, bring
from digest.demo.report import Killing, Show
from digest.demo.world import World
from digest.errors import DigestError

COMMAND = (sys.executable, "-P", "-c", "from digest.cli import main; main()")
"""The command, whatever its script is called; a folder `digest` where the demo is started is not ours."""

LOOK_SECONDS = 0.01
"""How often the demo looks at what the relay has: often enough for a kill at about the half."""


async def play(world: World, count: int, show: Show) -> Killing:
    """Let it happen, all but `caught`: that is whole once the relay has ended.

    Raises DigestError where a step fails.
    """
    people, _ = await bring(world, count, show)
    today, _ = world.slots
    show.heading(f"{today.local:%A}’s issue")
    making = Making(world, show, today)
    await making.queue()
    frozen = making.counts
    caught = world.catcher.messages

    with making.step("first", "Send, until kill -9", count) as step:
        async with _sending(world, making) as process:
            while len(caught) < count // 2 and process.returncode is None:
                step.on_reach(len(caught))
                await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            _, told = await process.communicate()
        if process.returncode != -signal.SIGKILL:
            said = told.decode(errors="replace").strip()
            raise DigestError(f"The sending process ended before it was killed; take more readers. {said}")
        killed = making.counts
        step.note = f"{killed.accepted:,} accepted, {killed.submitting} on the wire"

    with making.step("send", "Send the rest", count) as step:
        async with _sending(world, making) as process:
            talk = asyncio.create_task(process.communicate(), name="demo.sending")
            while not talk.done():
                step.on_reach(min(count, len(caught)))
                await asyncio.wait([talk], timeout=LOOK_SECONDS)
        if process.returncode:
            raise DigestError(f"The second run failed: {talk.result()[1].decode(errors='replace').strip()}")
        edition = making.edition()
        step.note = f"{edition.counts.accepted:,} accepted in all"

    return Killing(
        readers=people,
        connections=world.desk.settings.smtp.connections,
        frozen=frozen,
        killed=killed,
        edition=edition,
        site_url=world.site.url,
    )


@contextlib.asynccontextmanager
async def _sending(world: World, making: Making) -> AsyncIterator[Process]:
    """Start `digest send` for the issue; whatever happens to the demo, it does not outlive it."""
    # Settings of the operator's own would lead it to a real relay.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    environ["DIGEST_WEB__PUBLIC_URL"] = world.desk.settings.web.public_url
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("--config", world.desk.settings.path, "send", "--slot", making.issue.slot, "--yes"),
        env=environ,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
