"""The pages of any site, served by the real server on a loopback port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from digest.web.app import app
from digest.web.pages import Pages
from digest.web.server import serve


@contextlib.asynccontextmanager
async def served(pages: Pages) -> AsyncIterator[str]:
    """Serve some pages; gives their address."""
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(app(pages), "127.0.0.1", 0, stop=stop, started=started.set_result), name="test.web"
    )
    try:
        yield await started
    finally:
        stop.set()
        await server
