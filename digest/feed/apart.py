"""Reads a feed beside the event loop: a small one in a thread, a large one in a process of its own.

A thread shares the interpreter with the loop, and the parsers hold it for as long as a call of theirs takes:
a feed of 3 MB keeps connections to a relay waiting. A process does not, gives its memory back, and can be
ended.
"""

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Mapping
from datetime import datetime

from digest.errors import FeedError
from digest.feed.read import Reading, read
from digest.feed.urls import public

SMALL = 200_000
"""Octets up to which a thread reads: the stock feed of ten items has 15,000, and a process costs 0.4 s."""

PATIENCE = 120.0
"""Seconds. A thousand items take 3 on a good machine; what takes this long would go on for ever."""


async def read_apart(
    body: bytes, headers: Mapping[str, str], *, url: str, now: datetime, patience: float = PATIENCE
) -> Reading:
    """Read as `read` does. Raises FeedError also where a large feed cannot be read in time."""
    if len(body) > SMALL:
        process = await _process()
        if process is not None:
            question = pickle.dumps((body, dict(headers), url, now))
            return await _answer(process, question, public(url), patience)
    return await asyncio.to_thread(read, body, headers, url=url, now=now)


async def _process() -> asyncio.subprocess.Process | None:
    """Start a reader; None where the system has no room for one."""
    pipe = asyncio.subprocess.PIPE
    # -P: the folder of the configuration is no place for modules. A session of its own: Ctrl-C is for us.
    command = (sys.executable, "-P", "-m", "digest.feed.worker")
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError:
        return None


async def _answer(
    process: asyncio.subprocess.Process, question: bytes, where: str, patience: float
) -> Reading:
    try:
        async with asyncio.timeout(patience):
            answered, said = await process.communicate(question)
    except TimeoutError:
        raise FeedError(
            f"{where}: Reading it took longer than {patience:g} s; see whether it is one page of articles."
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        if process.returncode > 0 and b"MemoryError" not in said:
            raise RuntimeError(f"{where} cannot be read:\n{said.decode(errors='replace')}")
        raise FeedError(
            f"{where}: Reading it took more memory than there is; see whether it is one page of articles."
        )
    answer = pickle.loads(answered)  # noqa: S301  our own child wrote it
    if not isinstance(answer, Reading):
        raise FeedError(str(answer))
    return answer
