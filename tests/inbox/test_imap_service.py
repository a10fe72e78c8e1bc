"""The service reads a folder on a real IMAP server."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dovecot import PASSWORD, Dovecot, running
from installed import Site
from press import ON_SQLITE, Press, press

from digest.alerts import Alerts
from digest.service.intake import Intake
from digest.store.database import Store
from digest.store.returned_tables import RETURNED

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="Dovecot serves several users, as root alone may"),
]

AWAY = b"Auto-Submitted: auto-replied\nSubject: Away\n\nAway.\n"
HELLO = b"From: a reader <x@y.example>\nSubject: Hello\n\nIs the ferry back?\n"
SECONDS = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as server:
        yield server


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens outside this program
            await asyncio.sleep(0.01)


def intake(room: Press, server: Dovecot, user: str, password: str) -> Intake:
    room.environ |= {
        "DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example",
        "DIGEST_BOUNCES__IMAP": f"imap://{user}@127.0.0.1:{server.port}/INBOX",
        "DIGEST_BOUNCES__IMAP_PASSWORD": password,
        "DIGEST_BOUNCES__EVERY": "1s",
    }
    desk = room.desk()
    return Intake(desk, Alerts(desk))


async def stopped(running: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    async with asyncio.timeout(SECONDS):
        await running


async def come_and_are_read(store: Store, folder: Path, server: Dovecot) -> None:
    server.deliver("rosa", AWAY, HELLO)
    async with press(store, folder) as room:
        stop = asyncio.Event()
        reading = asyncio.create_task(intake(room, server, "rosa", PASSWORD).run(stop))
        await eventually(lambda: server.mails("rosa") == [])
        assert server.mails("rosa", ".digest-unread") == [HELLO]
        await eventually(lambda: room.told == ["digest: 1 mail was not understood"])
        assert "digest-unread of rosa at 127.0.0.1" in room.letters[0].get_content().replace("\n", " ")
        server.deliver("rosa", AWAY + b"Still.\n")
        await eventually(lambda: server.mails("rosa") == [])
        await stopped(reading, stop)
    with store.read() as session:
        assert session.connection().execute(
            sa.select(RETURNED.c.kind).order_by(RETURNED.c.id)
        ).scalars().all() == [
            "auto-reply",
            "none",
            "auto-reply",
        ]


@ON_SQLITE
async def test_what_comes_is_read_as_the_server_tells_of_it(
    store: Store, tmp_path: Path, server: Dovecot
) -> None:
    await come_and_are_read(store, tmp_path, server)
    assert server.log.count("Login: user=<rosa>") == 1


@ON_SQLITE
async def test_a_server_that_does_not_tell_is_asked_again_and_again(store: Store, tmp_path: Path) -> None:
    with running(more="imap_capability = IMAP4rev1 UIDPLUS") as old:
        await come_and_are_read(store, tmp_path, old)
        assert old.log.count("Login: user=<rosa>") > 1


@ON_SQLITE
async def test_a_wrong_password_is_told_once_and_not_tried_again(
    store: Store, tmp_path: Path, server: Dovecot
) -> None:
    async with press(store, tmp_path) as room:
        stop = asyncio.Event()
        reading = asyncio.create_task(intake(room, server, "vera", "wrong").run(stop))
        await eventually(lambda: room.told == ["digest: bounces do not come in by imap"])
        await stopped(reading, stop)
        assert "Authentication failed" in room.letters[0].get_content()
    assert server.log.count("auth failed, 1 attempts") == 1


@ON_SQLITE
async def test_a_server_that_begins_anew_is_read_on_without_a_word(store: Store, tmp_path: Path) -> None:
    with running() as server:
        server.deliver("rosa", AWAY)
        async with press(store, tmp_path) as room:
            stop = asyncio.Event()
            way = intake(room, server, "rosa", PASSWORD)
            reading = asyncio.create_task(way.run(stop))
            await eventually(lambda: server.mails("rosa") == [])
            server.stop()
            server.start()
            server.deliver("rosa", AWAY + b"Still.\n")
            await eventually(lambda: server.mails("rosa") == [])
            await stopped(reading, stop)
            assert room.told == []


def test_a_scan_reads_once_what_waits_on_the_server(tmp_path: Path, server: Dovecot) -> None:
    server.deliver("ida", AWAY, HELLO)
    site = Site(tmp_path, feed="sample:", smtp=25, database="sqlite:///subscribers.db")
    site.install(1)
    site.environ |= {
        "DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example",
        "DIGEST_BOUNCES__IMAP": f"imap://ida@127.0.0.1:{server.port}/INBOX",
        "DIGEST_BOUNCES__IMAP_PASSWORD": PASSWORD,
    }
    assert site.run("bounces", "scan").stdout == (
        "INBOX of ida at 127.0.0.1: 2 read: 1 automatic reply, 1 other; "
        "1 not understood: it is in the folder digest-unread.\n"
    )
    assert site.run("bounces", "scan").stdout == "INBOX of ida at 127.0.0.1: nothing waits.\n"
    assert (server.mails("ida"), server.mails("ida", ".digest-unread")) == ([], [HELLO])
