"""How the service lives and dies: its triggers, its pages, and its two-phase stop.

APScheduler holds the triggers; each only wakes the service, which asks `duties.py` what is to be done. So a
trigger too many does nothing, and a missed one is made up for.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from digest.alerts import Alerts
from digest.desk import Desk
from digest.service.collecting import PATIENCE
from digest.service.dispatch import Dispatch
from digest.service.intake import Intake
from digest.service.look import Look
from digest.service.postbox import Postbox
from digest.service.watcher import Watcher
from digest.slots import apscheduler_fields

LOOK_SECONDS = 30
"""How often the service looks around by itself: for approvals, lifted holds, deferred deliveries."""

PICK_UP_SECONDS = 2
"""How often it asks the ledger for an issue to send: a correction, or one that was resumed, is in a hurry."""

LAST_LOOK_SECONDS = 5
"""How long a stop waits for a look that is under way."""

Serve = Callable[[asyncio.Event], Awaitable[None]]
"""Serves the reader pages until its event is set."""


class Service:
    """The line on schedule. The caller holds the sender's role. `last_look` and `patience` are in seconds."""

    def __init__(
        self,
        desk: Desk,
        alerts: Alerts,
        *,
        last_look: float = LAST_LOOK_SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self._desk, self._alerts, self._last_look = desk, alerts, last_look
        self._wake = asyncio.Event()
        self._dispatch = Dispatch(desk, alerts, wake=self._wake.set)
        self._look = Look(desk, alerts, wake=self._wake.set, patience=patience)
        self._postbox = Postbox(desk, alerts)
        self._intake = Intake(desk, alerts)
        self._watcher = Watcher(desk, alerts, self._dispatch)

    async def run(self, stop: asyncio.Event, serve: Serve) -> None:
        """Live until `stop` is set, or the pages end: without them readers could not leave.

        Two phases: nothing new is begun; then what is on the wire is awaited, the pages stop, the triggers
        last. A mistake of this program ends it in the same order, and is raised.
        """
        pages_stop = asyncio.Event()
        # What is entered last ends first, whatever goes wrong on the way.
        async with contextlib.AsyncExitStack() as ending:
            ending.callback(self._scheduler().shutdown, wait=False)
            pages = asyncio.create_task(_and_then(serve(pages_stop), stop.set), name="pages")
            ending.push_async_callback(_ended, pages)
            ending.callback(pages_stop.set)
            ending.push_async_callback(self.idle)
            ending.push_async_callback(self._look.close)
            looks = asyncio.create_task(_and_then(self._look_again(stop), stop.set), name="looks")
            ending.push_async_callback(_ended, looks, seconds=self._last_look)
            post = asyncio.create_task(_and_then(self._postbox.run(stop), stop.set), name="postbox")
            ending.push_async_callback(_ended, post, seconds=self._last_look)
            intake = asyncio.create_task(_and_then(self._intake.run(stop), stop.set), name="intake")
            ending.push_async_callback(_ended, intake, seconds=self._last_look)
            ending.callback(self._begin_stop)
            await stop.wait()

    def _begin_stop(self) -> None:
        self._look.stopping = True
        self._dispatch.stop()
        self._wake.set()

    def _scheduler(self) -> AsyncIOScheduler:
        scheduler = AsyncIOScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True})
        for newsletter in self._desk.settings.newsletter:
            fields = apscheduler_fields(newsletter.schedule)
            trigger = CronTrigger(timezone=newsletter.timezone, **fields)
            scheduler.add_job(self._awake, trigger, name=f"slot of {newsletter.name}")
        scheduler.add_job(self._awake, "interval", seconds=LOOK_SECONDS, name="look")
        scheduler.start()
        return scheduler

    async def _awake(self) -> None:
        # A coroutine, since APScheduler calls plain functions in a thread, where no event may be set.
        self._wake.set()

    async def _look_again(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            await self.pulse()
            while not await self._woken(PICK_UP_SECONDS):
                await self._guarded("sending", self._dispatch.send_open)

    async def _woken(self, seconds: float) -> bool:
        """Wait so long for a reason to look; give whether there is one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        return self._wake.is_set()

    async def pulse(self) -> None:
        """Look once: do what is due, see to it that open issues are sent, and tell how they ended.

        Trouble that an operator can mend is told; it keeps nothing else from being done.
        """
        await self._guarded("what is due", self._look.once)
        await self._guarded("sending", self._dispatch.send_open)
        await self._guarded("the ledger", self._watcher.once)

    async def idle(self) -> None:
        """Wait until nothing is being sent, and tell how it ended."""
        await self._guarded("sending", self._dispatch.drained)
        await self._guarded("the ledger", self._watcher.once)

    async def _guarded(self, what: str, part: Callable[[], Awaitable[None]]) -> None:
        async with self._alerts.guard(what, self._desk.clock):
            await part()


async def _and_then(first: Awaitable[object], call: Callable[[], object]) -> None:
    try:
        await first
    finally:
        call()


async def _ended(task: asyncio.Task[None], *, seconds: float | None = None) -> None:
    """Wait for a task, and cancel it where it takes longer. Raises what it raised."""
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    else:
        await task
