"""Each trouble is told once, and once when it is over, whatever restarts in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from feed_site import feed_site
from press import ON_SQLITE, Press, press, utc
from smtp_server import Bad, SmtpServer
from sqlmodel import Session

from digest.alerts import AGAIN, CALM, LATEST, REPEAT, Alerts
from digest.errors import RenderError, StoreError
from digest.store import troubles
from digest.store.database import Store
from digest.store.troubles import Trouble

NOW = utc("2026-11-24 12:00")
HOUR = timedelta(hours=1)


@pytest.fixture
async def room(store: Store, tmp_path: Path) -> AsyncIterator[Press]:
    async with press(store, tmp_path) as opened:
        yield opened


def alerts(room: Press) -> Alerts:
    """What a process that has just begun tells with."""
    return Alerts(room.desk())


async def test_a_restart_neither_tells_a_trouble_again_nor_forgets_its_end(room: Press) -> None:
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW + HOUR)
    assert room.told == ["The feed x is down"]
    await alerts(room).over("feed:x", NOW + 3 * HOUR)
    await alerts(room).over("feed:x", NOW + 4 * HOUR)
    assert room.told == ["The feed x is down", "Over: The feed x is down"]
    said = room.letters[1].get_content()
    assert "that is over. It lasted 3 h, since 2026-11-24 12:00 UTC." in said
    with room.store.read() as session:
        assert troubles.listing(session) == []


@ON_SQLITE
async def test_a_reminder_says_how_long_it_has_lasted(room: Press) -> None:
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW + 2 * REPEAT)
    assert "This has lasted for 2 days" in room.letters[1].get_content()


@ON_SQLITE
async def test_what_is_told_once_has_no_reminder(room: Press) -> None:
    for day in range(4):
        await alerts(room).alert("gap:x", "Articles are missing", "So it is.", NOW + day * REPEAT, once=True)
    assert len(room.told) == 1


@ON_SQLITE
async def test_the_end_of_a_trouble_that_nobody_was_told_of_is_not_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(Bad(at="mail", how="451 4.3.0 no"))) as room:
        told = alerts(room)
        await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW)
        room.relay.bad.clear()
        await told.over("feed:x", NOW + HOUR)
        assert room.told == []


@ON_SQLITE
async def test_what_was_tried_in_vain_before_a_restart_is_tried_again_after_it(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, relay=SmtpServer(Bad(at="mail", how="451 4.3.0 no"))) as room:
        await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
        room.relay.bad.clear()
        await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW + AGAIN)
        assert room.told == ["The feed x is down"]


@ON_SQLITE
async def test_an_end_an_event_and_a_report_that_reach_nobody_are_tried_again(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        told = alerts(room)
        await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW)
        room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
        room.site.down("/ping")
        await told.over("feed:x", NOW)
        await told.event("skip:x", "daily was skipped", "It was late.", NOW)
        await told.report("daily is sent", "All of them.", NOW)
        room.relay.bad.clear()
        room.site.up("/ping")
        await told.catch_up(NOW + AGAIN / 2)
        assert len(room.told) == 1
        await told.catch_up(NOW + AGAIN)
        await told.catch_up(NOW + 2 * AGAIN)
        assert room.told[1:] == ["Over: The feed x is down", "daily was skipped", "daily is sent"]
        assert room.pings == 2


async def test_what_reached_nobody_is_told_after_a_restart(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
        room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
        room.site.down("/ping")
        told = alerts(room)
        await told.over("feed:x", NOW)
        await told.event("skip:x", "daily was skipped", "It was late.", NOW + AGAIN)
        await told.event("skip:x", "daily was skipped", "It was late again.", NOW + 2 * AGAIN)
        await told.report("daily is sent", "All of them.", NOW + 3 * AGAIN)
        room.relay.bad.clear()
        room.site.up("/ping")
        for _ in range(2):
            await alerts(room).catch_up(NOW + HOUR)
        assert room.told[1:] == [
            "Over: The feed x is down",
            "daily was skipped",
            "daily was skipped",
            "daily is sent",
        ]
        assert "It was late." in room.letters[2].get_content()
        assert room.pings == 2


@ON_SQLITE
async def test_a_report_is_kept_with_its_mark_or_neither_is_and_nobody_is_told(room: Press) -> None:
    def note(session: Session) -> None:
        marked = Trouble(key="marked", subject="marked", since=NOW, next_at=NOW)
        troubles.keep(session, marked)

    def fail(session: Session) -> None:
        note(session)
        raise StoreError("The disk is full.")

    told = alerts(room)
    await told.report("daily is sent", "All of them.", NOW, mark=fail)
    await told.event("nobody:x", "daily reached nobody", "None of them.", NOW, mark=fail)
    await told.catch_up(NOW + AGAIN)
    assert (room.told, room.pings) == ([], 0)
    with room.store.read() as session:
        assert troubles.listing(session) == []
    room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
    await told.report("daily is sent", "All of them.", NOW, mark=note)
    with room.store.read() as session:
        assert {one.subject for one in troubles.listing(session)} == {"marked", "daily is sent"}


@ON_SQLITE
async def test_a_report_that_reached_nobody_runs_the_command_only_where_its_mail_fails_again(
    room: Press,
) -> None:
    room.environ["DIGEST_ALERTS__COMMAND"] = "false"
    room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
    await alerts(room).report("daily is sent", "All of them.", NOW)
    room.environ["DIGEST_ALERTS__COMMAND"] = "tee told.txt"
    room.relay.bad.clear()
    await alerts(room).catch_up(NOW + AGAIN)
    assert room.told == ["daily is sent"]
    assert not (room.folder / "told.txt").exists()


@ON_SQLITE
async def test_what_two_find_to_be_over_at_once_after_a_restart_is_told(room: Press) -> None:
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    told = alerts(room)
    await asyncio.gather(told.over("feed:other", NOW), told.over("feed:x", NOW))
    assert room.told == ["The feed x is down", "Over: The feed x is down"]


@ON_SQLITE
async def test_that_a_trouble_was_over_is_not_told_once_it_is_there_again(room: Press) -> None:
    told = alerts(room)
    await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
    await told.over("feed:x", NOW)
    room.relay.bad.clear()
    await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW + AGAIN / 2)
    await told.catch_up(NOW + AGAIN)
    assert room.told == 2 * ["The feed x is down"]


@ON_SQLITE
async def test_what_reaches_nobody_for_a_day_is_given_up(room: Press) -> None:
    room.relay.bad.append(Bad(at="mail", how="451 4.3.0 no"))
    told = alerts(room)
    await told.event("skip:x", "daily was skipped", "It was late.", NOW)
    await told.catch_up(NOW + LATEST - AGAIN)
    room.relay.bad.clear()
    await alerts(room).catch_up(NOW + LATEST)
    await told.catch_up(NOW + LATEST)
    assert room.told == []


@ON_SQLITE
async def test_only_what_does_not_last_is_over(room: Press) -> None:
    told = alerts(room)
    for name in ("a", "b", "ab"):
        await told.alert(f"feed:{name}", f"{name} is down", "It is so.", NOW)
    await told.over("feed:a", NOW)
    assert room.told[3:] == ["Over: a is down"]
    await told.end("feed:", NOW, but={"feed:b"}.__contains__)
    assert room.told[4:] == ["Over: ab is down"]
    await told.end("feed:", NOW, quietly=True)
    assert len(room.told) == 5


@ON_SQLITE
async def test_what_fails_now_and_then_is_over_once_it_has_been_calm(room: Press) -> None:
    told = alerts(room)

    async def go(minutes: int, *, fails: bool) -> None:
        at = NOW + timedelta(minutes=minutes)
        async with told.guard("sending", lambda: at):
            if fails:
                raise RenderError("The template is wrong.")

    await go(0, fails=True)
    for minute in (1, 9):
        await go(minute, fails=False)
    await go(10, fails=True)
    for minute in (11, 20):
        await go(minute, fails=False)
    assert room.told == ["digest: trouble with sending"]
    await go(11 + int(CALM.total_seconds() // 60), fails=False)
    assert room.told[1:] == ["Over: digest: trouble with sending"]


@ON_SQLITE
async def test_two_reasons_of_one_trouble_are_over_in_one_mail(room: Press) -> None:
    told = alerts(room)
    for reason in ("one", "two"):
        async with told.guard("sending", lambda: NOW):
            raise RenderError(reason)
    for at in (NOW + HOUR, NOW + 2 * HOUR):
        async with told.guard("sending", [at].pop):
            pass
    assert len(room.told) == 3


@contextlib.contextmanager
def broken(store: Store) -> Iterator[None]:
    """Take the table of troubles away."""
    with store.write() as session:
        session.connection().execute(sa.text("ALTER TABLE trouble RENAME TO mislaid"))
    yield
    with store.write() as session:
        session.connection().execute(sa.text("ALTER TABLE mislaid RENAME TO trouble"))


async def test_a_broken_ledger_keeps_nothing_from_being_told_and_is_caught_up_with(room: Press) -> None:
    told = alerts(room)
    with broken(room.store):
        await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW)
        await told.alert("feed:x", "The feed x is down", "It answers 500.", NOW + AGAIN)
        await told.alert("feed:y", "The feed y is down", "It answers 500.", NOW)
        await told.over("feed:y", NOW)
        assert room.told == ["The feed x is down", "The feed y is down", "Over: The feed y is down"]
    await told.alert("feed:z", "The feed z is down", "It answers 500.", NOW)
    await alerts(room).over("feed:x", NOW + HOUR)
    assert room.told[3:] == ["The feed z is down", "Over: The feed x is down"]


async def test_any_words_can_be_kept(room: Press) -> None:
    key = "trouble:\udcff\0" + "é" * 5000
    await alerts(room).alert(key, "No \udcff such \0 user", "It is so.", NOW)
    await alerts(room).over(key, NOW)
    assert len(room.told) == 2


@ON_SQLITE
async def test_what_was_left_by_a_feed_that_is_no_more_is_forgotten_in_time(room: Press) -> None:
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    await alerts(room).over("other", NOW + timedelta(days=40))
    with room.store.read() as session:
        assert troubles.listing(session) == []
    assert len(room.told) == 1


@ON_SQLITE
async def test_where_nobody_is_to_be_told_the_log_has_it_once(room: Press) -> None:
    room.environ |= {"DIGEST_ALERTS__TO": "[]", "DIGEST_ALERTS__PING_URL": ""}
    await alerts(room).alert("feed:x", "The feed x is down", "It answers 500.", NOW)
    with room.store.read() as session:
        [trouble] = troubles.listing(session)
    assert trouble.next_at == NOW + REPEAT
    with feed_site() as site:
        assert site.asked == []
