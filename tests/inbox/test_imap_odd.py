"""IMAP servers that answer oddly, or not at all."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from press import ON_SQLITE, Press, press
from scripted_imap import HANGS, SECONDS, Scripted, scripted

from digest.alerts import Alerts
from digest.inbox.imap import Session
from digest.service.intake import Intake
from digest.store.database import Store

CAN_IDLE = "* CAPABILITY IMAP4rev1 IDLE"


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.01)


def intake(room: Press, server: Scripted) -> Intake:
    room.environ |= {
        "DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example",
        "DIGEST_BOUNCES__IMAP": f"imap://rosa@127.0.0.1:{server.place.port}/INBOX",
        "DIGEST_BOUNCES__IMAP_PASSWORD": "x",
        "DIGEST_BOUNCES__EVERY": "1h",
    }
    desk = room.desk()
    return Intake(desk, Alerts(desk))


def test_a_server_that_tells_what_it_can_do_but_once_is_believed() -> None:
    with (
        scripted(CAPABILITY=[CAN_IDLE, ""]) as server,
        Session(server.place, "x") as session,
    ):
        assert session.can_idle


@ON_SQLITE
async def test_a_server_whose_idle_fails_is_asked_in_between_at_the_usual_pace(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        with scripted(CAPABILITY=[CAN_IDLE]) as server:
            stop = asyncio.Event()
            running = asyncio.create_task(intake(room, server).run(stop))
            await eventually(lambda: server.asked.count("LOGOUT") == 2)
            stop.set()
            async with asyncio.timeout(SECONDS):
                await running
    assert [verb for verb in server.asked if verb in ("LOGIN", "UID", "IDLE")] == [
        *("LOGIN", "UID", "IDLE"),
        *("LOGIN", "UID"),
    ]


@ON_SQLITE
async def test_a_stop_while_the_server_hangs_ends_the_connection_at_once(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        with scripted(UID=[HANGS]) as server:
            running = asyncio.create_task(intake(room, server).run(asyncio.Event()))
            await eventually(lambda: "UID" in server.asked)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.timeout(SECONDS):
                    await running
            await eventually(server.left.is_set)
    assert server.asked[-1] == "UID"
