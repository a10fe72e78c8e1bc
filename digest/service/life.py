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
from digest.errors import DigestError
from digest.service.dispatch import Dispatch
from digest.service.look import Look
from digest.slots import apscheduler_fields

LOOK_SECONDS = 30
"""How often the service looks around by itself: for approvals, lifted holds, deferred deliveries."""

Serve = Callable[[asyncio.Event], Awaitable[None]]
"""Serves the reader pages until its event is set."""


class Service:
    """The line on schedule. The caller holds the sender's role."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self._wake = asyncio.Event()
        self._dispatch = Dispatch(desk, alerts, wake=self._wake.set)
        self._look = Look(desk, alerts)

    async def run(self, stop: asyncio.Event, serve: Serve) -> None:
        """Live until `stop` is set, or the pages end: without them readers could not leave.

        Two phases: nothing new is begun; then what is on the wire is awaited, the pages stop, the triggers
        last.
        """
        pages_stop = asyncio.Event()
        scheduler = self._scheduler()
        serving = asyncio.create_task(_and_then(serve(pages_stop), stop.set), name="pages")
        stopping = asyncio.create_task(_and_then(stop.wait(), self._begin_stop), name="stop")
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._guarded()
                await self._wake.wait()
        finally:
            self._begin_stop()
            await self._dispatch.drained()
            pages_stop.set()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stopping
            try:
                await serving
            finally:
                scheduler.shutdown(wait=False)

    def _begin_stop(self) -> None:
        self._look.stopping = True
        self._dispatch.stop()
        self._wake.set()

    def _scheduler(self) -> AsyncIOScheduler:
        scheduler = AsyncIOScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True})
        for newsletter in self._desk.settings.newsletter:
            fields = apscheduler_fields(newsletter.schedule)
            trigger = CronTrigger(timezone=newsletter.timezone, **fields)
            scheduler.add_job(self._wake.set, trigger, name=f"slot of {newsletter.name}")
        scheduler.add_job(self._wake.set, "interval", seconds=LOOK_SECONDS, name="look")
        scheduler.start()
        return scheduler

    async def _guarded(self) -> None:
        """Look once. Trouble that an operator can mend is told and does not end the service."""
        try:
            await self.pulse()
        except DigestError as error:
            await self._alerts.alert(f"pulse:{error}", "digest: trouble", str(error), self._desk.clock())

    async def pulse(self) -> None:
        """Look once: do what is due, see to it that open issues are sent, and tell how they ended."""
        await self._look.once()
        await self._dispatch.send_open()
        await self._dispatch.report_ended()

    async def idle(self) -> None:
        """Wait until nothing is being sent, and tell how it ended."""
        await self._dispatch.drained()
        await self._dispatch.report_ended()


async def _and_then(first: Awaitable[object], call: Callable[[], object]) -> None:
    try:
        await first
    finally:
        call()
