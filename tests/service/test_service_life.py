"""How the service starts, wakes, stops and dies: `Service.run` in real time."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from press import ON_SQLITE, SLOT, Press, live, press
from smtp_server import SmtpServer

from digest.alerts import Alerts
from digest.errors import DigestError
from digest.model import IssueState
from digest.service import Service
from digest.store.database import Store

SECONDS = 20
"""Longer than any of this takes, on a busy machine too."""


class Pages:
    """Stand for the reader pages: remember what was on the wire when they were told to stop."""

    def __init__(self, room: Press) -> None:
        self.room = room
        self.open_at_stop: int | None = None

    async def serve(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.open_at_stop = self.room.counts().submitting if self.room.find() else 0


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens outside this program
            await asyncio.sleep(0.01)


async def at_the_slot(room: Press) -> Service:
    """A service that was there before, and comes back at the slot."""
    await live(room.service())
    room.clock.now = SLOT.instant
    return room.service()


async def stopped(running: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    async with asyncio.timeout(SECONDS):
        await running


@ON_SQLITE
async def test_a_service_sends_what_is_due_and_lives_on_until_it_is_stopped(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service, stop, pages = await at_the_slot(room), asyncio.Event(), Pages(room)
        running = asyncio.create_task(service.run(stop, pages.serve))
        await eventually(lambda: room.told == [f"daily {SLOT.name}: 3 of 3 accepted"])
        assert not running.done()
        assert pages.open_at_stop is None
        await stopped(running, stop)
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_a_stop_in_mid_send_drains_while_the_pages_still_answer(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(pause=0.1), readers=60) as room:
        service, stop, pages = await at_the_slot(room), asyncio.Event(), Pages(room)
        running = asyncio.create_task(service.run(stop, pages.serve))
        await eventually(lambda: len(room.mailed) >= 4)
        await stopped(running, stop)
        counts = room.counts()
        assert counts.accepted == len(room.mailed) < 60
        assert (counts.submitting, counts.unknown, counts.doubtful) == (0, 0, 0)
        assert pages.open_at_stop == 0
        assert room.issue().state is IssueState.SENDING
        room.relay.pause = 0
        await live(room.service())
        assert set(room.copies.values()) == {1}
        assert len(room.copies) == 60


@ON_SQLITE
async def test_an_issue_whose_last_message_is_taken_during_the_stop_is_reported(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, relay=SmtpServer(pause=0.3), readers=3) as room:
        service, stop, pages = await at_the_slot(room), asyncio.Event(), Pages(room)
        running = asyncio.create_task(service.run(stop, pages.serve))
        await eventually(lambda: room.find() is not None and room.counts().submitting == 3)
        await stopped(running, stop)
        assert room.told == [f"daily {SLOT.name}: 3 of 3 accepted"]


@ON_SQLITE
async def test_a_feed_that_hangs_does_not_hold_up_a_stop(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        service = Service(desk, Alerts(desk), last_look=0.1)
        room.site.hold["/feed"] = threading.Event()
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(stop, Pages(room).serve))
        await asyncio.sleep(0.2)
        stop.set()
        async with asyncio.timeout(5):
            await running


@ON_SQLITE
async def test_a_service_without_pages_ends_with_their_error(store: Store, tmp_path: Path) -> None:
    async def taken(_: asyncio.Event) -> None:
        raise DigestError("Port 8025 on 127.0.0.1 is taken.")

    async with press(store, tmp_path) as room:
        service = await at_the_slot(room)
        with pytest.raises(DigestError, match="is taken"):
            await service.run(asyncio.Event(), taken)


@ON_SQLITE
async def test_a_mistake_of_the_program_ends_the_service_in_order_and_is_raised(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:

        def mistaken() -> datetime:
            raise ZeroDivisionError

        desk, pages = replace(room.desk(), clock=mistaken), Pages(room)
        with pytest.raises(ZeroDivisionError):
            await Service(desk, Alerts(desk)).run(asyncio.Event(), pages.serve)
        assert pages.open_at_stop == 0


@ON_SQLITE
async def test_a_broken_ledger_is_told_and_the_service_lives_on(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = await at_the_slot(room)
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE newsletter RENAME TO mislaid")
        await live(service)
        assert {subject.partition(" with ")[0] for subject in room.told} == {"digest: trouble"}
        told = len(room.told)
        await live(service)
        assert len(room.told) == told
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE mislaid RENAME TO newsletter")
        await live(service)
        assert set(room.copies.values()) == {1}
