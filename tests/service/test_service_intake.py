"""What came back is read for as long as the service lives."""

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from installed import free_port
from press import ON_SQLITE, Press, press

from digest.alerts import Alerts
from digest.errors import InboxError, StoreError
from digest.inbox.imap import LoginError
from digest.inbox.maildir import keep
from digest.service.clerk import Clerk
from digest.service.intake import PATIENCE, Intake, pause_after
from digest.store.database import Store
from digest.store.returned_tables import RETURNED

BOUNCES = "bounces@ledger.example"
AWAY = b"Auto-Submitted: auto-replied\nSubject: Away\n\nAway.\n"
SECONDS = 20


def hello(number: int = 1) -> bytes:
    """A mail that is no bounce."""
    return f"From: a reader <x@y.example>\nSubject: Hello\n\nIs ferry {number} back?\n".encode()


def made(room: Press) -> Path:
    """Make the Maildir, and have it read."""
    box = room.folder / "Maildir"
    for name in ("tmp", "new", "cur"):
        (box / name).mkdir(parents=True)
    return box


def reading(room: Press, **settings: str) -> Press:
    bounces = {"address": BOUNCES, "every": "1s", **settings}
    room.environ |= {f"DIGEST_BOUNCES__{key.upper()}": value for key, value in bounces.items()}
    return room


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens outside this program
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def taking_in(room: Press) -> AsyncIterator[None]:
    desk, stop = room.desk(), asyncio.Event()
    running = asyncio.create_task(Intake(desk, Alerts(desk)).run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(SECONDS):
            await running


def booked(store: Store) -> list[tuple[str, str]]:
    with store.read() as session:
        query = sa.select(RETURNED.c.source, RETURNED.c.kind).order_by(RETURNED.c.id)
        return [(row.source, row.kind) for row in session.connection().execute(query)]


def is_empty(box: Path) -> bool:
    return not list((box / "new").iterdir())


@ON_SQLITE
async def test_the_service_reads_a_maildir_beside_all_else(store: Store, tmp_path: Path) -> None:
    async def pages(ended: asyncio.Event) -> None:
        await ended.wait()

    async with press(store, tmp_path) as room:
        box, stop = made(reading(room, maildir="Maildir")), asyncio.Event()
        (box / "new/1").write_bytes(AWAY)
        running = asyncio.create_task(room.service().run(stop, pages))
        await eventually(lambda: is_empty(box))
        (box / "new/2").write_bytes(AWAY + b"Still.\n")
        await eventually(lambda: is_empty(box))
        stop.set()
        async with asyncio.timeout(SECONDS):
            await running
    assert booked(store) == [("maildir", "auto-reply")] * 2


@ON_SQLITE
async def test_what_is_not_understood_is_told_once_a_day_with_number_and_folder(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        box = made(reading(room, maildir="Maildir"))
        (box / "new/1").write_bytes(hello(1))
        async with taking_in(room):
            await eventually(lambda: room.told == ["digest: 1 mail was not understood"])
            for number in (2, 3):
                (box / "new" / str(number)).write_bytes(hello(number))
            await eventually(lambda: is_empty(box))
            room.clock.now += timedelta(days=1)
            await eventually(lambda: len(room.told) == 2)
    assert room.told[1] == "digest: 3 mails were not understood"
    assert str(box / ".digest-unread") in room.letters[1].get_content().replace("\n", " ")


@ON_SQLITE
async def test_a_mistake_of_ours_in_one_way_is_told_and_the_others_go_on(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        box, stop = made(reading(room, maildir="Maildir", pipe="yes")), asyncio.Event()
        (box / "new/1").write_bytes(AWAY)
        desk = room.desk()
        intake = Intake(desk, Alerts(desk))
        intake._ways[0]._clerk = None  # type: ignore[assignment] # as a mistake would
        running = asyncio.create_task(intake.run(stop))
        await eventually(lambda: room.told == ["digest: bounces do not come in by maildir"])
        assert "NoneType" in room.letters[0].get_content()
        assert not running.done()
        stop.set()
        async with asyncio.timeout(SECONDS):
            await running
    assert booked(store) == []


@ON_SQLITE
async def test_a_maildir_that_is_missing_is_told_and_so_is_its_coming(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room, taking_in(reading(room, maildir="Maildir")):
        await eventually(lambda: room.told == ["digest: bounces do not come in by maildir"])
        made(room)
        await eventually(lambda: len(room.told) == 2)
        assert room.told[1] == "Over: digest: bounces do not come in by maildir"


@ON_SQLITE
async def test_what_comes_by_lmtp_and_is_not_understood_is_put_by(store: Store, tmp_path: Path) -> None:
    port = free_port()

    def hand_in(*mails: bytes) -> None:
        with smtplib.LMTP("127.0.0.1", port, timeout=SECONDS) as lmtp:
            for mail in mails:
                lmtp.sendmail("", [BOUNCES], mail)

    async with press(store, tmp_path) as room, taking_in(reading(room, lmtp=f"127.0.0.1:{port}")):

        def is_open() -> bool:
            with contextlib.suppress(OSError):
                hand_in()
                return True
            return False

        async with asyncio.timeout(SECONDS):
            while not await asyncio.to_thread(is_open):
                pass
        await asyncio.to_thread(hand_in, AWAY, hello().replace(b"\n", b"\r\n"))
    (kept,) = (tmp_path / "digest-unread" / "new").iterdir()
    assert kept.read_bytes() == hello()
    assert booked(store) == [("lmtp", "auto-reply"), ("lmtp", "none")]


@ON_SQLITE
async def test_a_port_that_is_taken_is_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room, taking_in(reading(room, lmtp=f"127.0.0.1:{room.relay.port}")):
        await eventually(lambda: room.told == ["digest: bounces do not come in by lmtp"])


@ON_SQLITE
async def test_an_imap_server_that_is_away_for_a_moment_is_not_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = reading(room, imap="imap://u@127.0.0.1:1", imap_password="x").desk()
        (way,) = Intake(desk, Alerts(desk))._ways
        await way._failed(InboxError("It is away."))  # type: ignore[attr-defined] # of this way alone
        assert room.told == []
        room.clock.now += PATIENCE
        await way._failed(InboxError("It is away."))  # type: ignore[attr-defined] # as above
        await way._failed(InboxError("It is away, as it told at 12:00."))  # type: ignore[attr-defined] # as above
        assert room.told == ["digest: bounces do not come in by imap"]


@ON_SQLITE
@pytest.mark.parametrize("error", [LoginError("The password is wrong."), StoreError("The disk is full.")])
async def test_what_does_not_pass_by_itself_is_told_at_once(
    store: Store, tmp_path: Path, error: StoreError
) -> None:
    async with press(store, tmp_path) as room:
        desk = reading(room, imap="imap://u@127.0.0.1:1", imap_password="x").desk()
        (way,) = Intake(desk, Alerts(desk))._ways
        await way._failed(error)  # type: ignore[attr-defined] # of this way alone
        assert room.told == ["digest: bounces do not come in by imap"]


def test_a_server_is_asked_ever_more_seldom_and_after_a_wrong_password_hardly_at_all() -> None:
    away = [pause_after(InboxError(""), failures).total_seconds() for failures in (1, 2, 3, 10, 11, 500)]
    assert away == [1, 2, 4, 512, 600, 600]
    assert pause_after(LoginError(""), 1) == timedelta(minutes=30)


@ON_SQLITE
async def test_a_mail_that_breaks_the_reading_is_put_by_and_the_next_one_is_read(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        clerk = Clerk(room.desk(), "maildir")
        with store.connection() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER breaks BEFORE INSERT ON returned WHEN NEW.kind = 'none' "
                "BEGIN SELECT RAISE(ABORT, 'nobody has thought of that'); END"
            )
        assert not clerk(hello())
        assert clerk(AWAY)
        assert (clerk.tally.read, clerk.tally.unread) == (2, 1)
    assert booked(store) == [("maildir", "auto-reply")]


@ON_SQLITE
@pytest.mark.parametrize("way", ["maildir", "lmtp", "pipe"])
async def test_what_was_put_by_before_the_service_began_is_told(
    store: Store, tmp_path: Path, way: str
) -> None:
    setting = {"maildir": "Maildir", "lmtp": f"127.0.0.1:{free_port()}", "pipe": "yes"}[way]
    async with press(store, tmp_path) as room:
        folder = made(room) / ".digest-unread" if way == "maildir" else tmp_path / "digest-unread"
        keep(folder, hello())
        async with taking_in(reading(room, **{way: setting})):
            await eventually(lambda: bool(room.told))
        assert room.told == ["digest: 1 mail was not understood"]


@ON_SQLITE
async def test_what_is_not_understood_is_told_no_more_once_it_is_removed(
    store: Store, tmp_path: Path
) -> None:
    keep(tmp_path / "digest-unread", hello())
    async with press(store, tmp_path) as room:
        desk = reading(room, pipe="yes").desk()
        alerts = Alerts(desk)
        (way,) = Intake(desk, alerts)._ways
        await way._look(tmp_path / "digest-unread")
        assert len(await alerts.lasting("unread:", room.clock.now)) == 1
        for mail in (tmp_path / "digest-unread/new").iterdir():
            mail.unlink()
        await way._look(tmp_path / "digest-unread")
        assert await alerts.lasting("unread:", room.clock.now) == []
        assert room.told == ["digest: 1 mail was not understood"]
