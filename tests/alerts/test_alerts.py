"""Alerts: by mail, by a command, by a ping; none of them ever raises."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from feed_site import Answer, FeedSite, feed_site
from press import CONFIG, DAILY, KEYS, OPERATOR, utc
from smtp_server import Bad, SmtpServer

from digest.alerts import AGAIN, REPEAT, Alerts
from digest.config import load
from digest.desk import Desk
from digest.errors import DigestError, StoreError
from digest.store.database import Store
from digest.store.schema import upgrade

NOW = utc("2026-11-24 12:00")
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(f"sqlite:///{tmp_path / 'subscribers.db'}")) as fresh:
        upgrade(fresh, NOW)
        yield fresh


@pytest.fixture
async def relay() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as server:
        yield server


def alerts(
    folder: Path,
    store: Store,
    *,
    port: int,
    host: str = "127.0.0.1",
    base: str = "",
    seconds: float = 10,
    **environ: str,
) -> Alerts:
    text = CONFIG.format(
        feeds='["sample:"]',
        newsletters=DAILY,
        host=host,
        port=port,
        operator=OPERATOR,
        base=base or "http://127.0.0.1:1",
    )
    (folder / "config.toml").write_text(text, encoding="utf-8")
    given = {f"DIGEST_ALERTS__{key}": text for key, text in environ.items()}
    settings = load(folder / "config.toml", given)
    return Alerts(Desk(settings=settings, store=store, keys=KEYS), seconds=seconds)


async def test_an_alert_is_a_mail_that_no_robot_answers(
    tmp_path: Path, store: Store, relay: SmtpServer
) -> None:
    await alerts(tmp_path, store, port=relay.port).alert(
        "key", "The feed\nis down", "Grüße: it is down.", NOW
    )
    [mail] = relay.received
    assert (mail.sender, mail.recipient) == ("news@ledger.example", OPERATOR)
    assert b"Subject: The feed is down\r\n" in mail.data
    assert b"Auto-Submitted: auto-generated\r\n" in mail.data
    assert b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n" in mail.data
    assert mail.message_id.endswith("@ledger.example>")


async def test_every_operator_gets_it(tmp_path: Path, store: Store, relay: SmtpServer) -> None:
    told = alerts(tmp_path, store, port=relay.port, TO='["one@ledger.example", "two@ledger.example"]')
    await told.alert("key", "Trouble", "It is so.", NOW)
    assert relay.commands["RCPT"] == 2
    assert b"To: one@ledger.example,\r\n two@ledger.example\r\n" in relay.received[0].data


async def test_the_same_trouble_is_told_once_a_day(tmp_path: Path, store: Store, relay: SmtpServer) -> None:
    told = alerts(tmp_path, store, port=relay.port)
    for later in (0 * SECOND, SECOND, REPEAT - SECOND, REPEAT, REPEAT + SECOND):
        await told.alert("key", "Trouble", "It is so.", NOW + later)
    assert len(relay.received) == 2
    await told.alert("other", "Other trouble", "It is so.", NOW + REPEAT)
    assert len(relay.received) == 3


@pytest.mark.parametrize("once", [False, True])
async def test_a_trouble_is_told_again_where_the_clock_was_set_back_and_not_where_it_was_put_right(
    tmp_path: Path, store: Store, relay: SmtpServer, *, once: bool
) -> None:
    told = alerts(tmp_path, store, port=relay.port)
    years = timedelta(days=400)
    for now in (NOW + years, NOW + years - 60 * SECOND, NOW, NOW + SECOND):
        await told.alert("key", "Trouble", "It is so.", now, once=once)
    assert len(relay.received) == 2


async def test_a_report_that_reaches_nobody_is_not_tried_at_every_look_after_the_clock_was_set_back(
    tmp_path: Path, store: Store
) -> None:
    async with SmtpServer(Bad(at="mail", how="451 4.3.0 not now")) as relay:
        told = alerts(tmp_path, store, port=relay.port)
        await told.report("daily is sent", "All of them.", NOW)
        for now in (-SECOND * 3600, -SECOND * 3570, -SECOND * 3540):
            await told.catch_up(NOW + now)
        assert relay.commands["MAIL"] == 2


async def test_trouble_that_was_over_and_returns_is_told_at_once(
    tmp_path: Path, store: Store, relay: SmtpServer
) -> None:
    told = alerts(tmp_path, store, port=relay.port)
    await told.alert("key", "Trouble", "It is so.", NOW)
    await told.over("key", NOW + SECOND)
    await told.over("never told", NOW + SECOND)
    await told.alert("key", "Trouble", "It is so again.", NOW + SECOND)
    assert len(relay.received) == 3


async def test_what_reached_nobody_is_told_again_after_ten_minutes(tmp_path: Path, store: Store) -> None:
    refusal = Bad(at="mail", how="451 4.3.0 not now", times=[1])
    async with SmtpServer(refusal) as relay:
        told = alerts(tmp_path, store, port=relay.port)
        for later in (0 * SECOND, AGAIN - SECOND, AGAIN, AGAIN + SECOND):
            await told.alert("key", "Trouble", "It is so.", NOW + later)
        assert len(relay.received) == 1


async def test_a_command_finds_the_alert_on_its_standard_input(tmp_path: Path, store: Store) -> None:
    told = alerts(tmp_path, store, port=25, host="", COMMAND="tee alert.txt")
    await told.alert("key", "The feed is down", "Grüße: it is down.", NOW)
    assert (tmp_path / "alert.txt").read_text(encoding="utf-8") == "The feed is down\n\nGrüße: it is down.\n"
    await told.alert("key", "The feed is down", "Again.", NOW + SECOND)
    assert "Again" not in (tmp_path / "alert.txt").read_text(encoding="utf-8")


async def test_a_commands_quotes_are_a_shells(tmp_path: Path, store: Store) -> None:
    told = alerts(tmp_path, store, port=25, host="", COMMAND="""sh -c 'cat > "two words.txt"'""")
    await told.alert("key", "Trouble", "It is so.", NOW)
    assert (tmp_path / "two words.txt").exists()


@pytest.mark.parametrize(
    "command",
    ["/nowhere/at-all", ".", "false", "sh -c 'exit 3'", "sh -c 'kill -9 $$'", "true"],
    ids=["missing", "a folder", "fails", "exits 3", "killed", "reads nothing"],
)
async def test_a_command_that_fails_raises_nothing(
    tmp_path: Path, store: Store, relay: SmtpServer, command: str
) -> None:
    told = alerts(tmp_path, store, port=relay.port, COMMAND=command)
    await told.alert("key", "Trouble", "It is so.\n" * 50_000, NOW)
    assert len(relay.received) == 1


@pytest.mark.parametrize(
    "bad",
    [
        Bad(at="banner", how="554 5.7.1 no"),
        Bad(at="ehlo", how="close"),
        Bad(at="mail", how="550 5.7.1 no"),
        Bad(at="rcpt", how="550 5.1.1 no"),
        Bad(at="data", how="close"),
        Bad(at="dot", how="554 5.7.1 spam"),
        Bad(at="dot", how="reset"),
        Bad(at="banner", how="garbage"),
    ],
    ids=lambda bad: f"{bad.at} {bad.how}",
)
async def test_a_relay_that_fails_raises_nothing(tmp_path: Path, store: Store, bad: Bad) -> None:
    async with SmtpServer(bad) as relay:
        told = alerts(tmp_path, store, port=relay.port, COMMAND="tee -a alert.txt")
        await told.alert("key", "Trouble", "It is so.", NOW)
        await told.report("daily is sent", "All of them.", NOW)
        said = (tmp_path / "alert.txt").read_text(encoding="utf-8")
        assert said == "Trouble\n\nIt is so.\ndaily is sent\n\nAll of them.\n"


async def test_ways_of_telling_that_hang_are_given_up(tmp_path: Path, store: Store) -> None:
    async with SmtpServer(Bad(at="mail", how="hang")) as relay:
        with feed_site() as site:
            site.hold["/ping"] = threading.Event()
            command = "sh -c 'echo $$ > pid; exec sleep 60'"
            told = alerts(tmp_path, store, port=relay.port, base=site.base, seconds=0.3, COMMAND=command)
            async with asyncio.timeout(30):
                await told.alert("key", "Trouble", "It is so.", NOW)
                await told.report("daily is sent", "All of them.", NOW)
                while not (tmp_path / "pid").exists():
                    # On a busy machine it was ended before it had begun.
                    await told.test(NOW)
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), 0)


async def test_a_relay_that_is_not_there_raises_nothing(tmp_path: Path, store: Store) -> None:
    await alerts(tmp_path, store, port=1).alert("key", "Trouble", "It is so.", NOW)


async def test_words_that_cannot_be_encoded_raise_nothing(
    tmp_path: Path, store: Store, relay: SmtpServer
) -> None:
    told = alerts(tmp_path, store, port=relay.port, COMMAND="tee alert.txt")
    await told.alert("key\udcff", "No \udcff such user", "The relay said \udc80\x00\udcff.", NOW)
    await told.report("No \udcff such user", "The relay said \udc80.", NOW)
    assert len(relay.received) == 2
    assert "No ? such user" in (tmp_path / "alert.txt").read_text(encoding="utf-8")


async def test_a_report_is_mailed_and_the_ping_is_called(
    tmp_path: Path, store: Store, relay: SmtpServer
) -> None:
    with feed_site() as site:
        told = alerts(tmp_path, store, port=relay.port, base=site.base, COMMAND="tee alert.txt")
        await told.report("daily is sent", "All of them.", NOW)
        assert site.asked == ["/ping"]
        assert len(relay.received) == 1
        # A report is no trouble.
        assert not (tmp_path / "alert.txt").exists()


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_ping_that_fails_raises_nothing(
    tmp_path: Path, store: Store, relay: SmtpServer, status: int
) -> None:
    with feed_site() as site:
        site.answers["/ping"] = Answer(status=status)
        await alerts(tmp_path, store, port=relay.port, base=site.base).report("daily is sent", "All.", NOW)
        await alerts(tmp_path, store, port=relay.port).report("daily is sent", "All.", NOW)
        assert len(relay.received) == 2
        assert isinstance(site, FeedSite)


async def test_without_a_relay_nothing_is_mailed(tmp_path: Path, store: Store, relay: SmtpServer) -> None:
    told = alerts(tmp_path, store, port=relay.port, host="")
    await told.alert("key", "Trouble", "It is so.", NOW)
    assert relay.received == []


async def test_guarded_trouble_is_told_and_a_mistake_is_raised(
    tmp_path: Path, store: Store, relay: SmtpServer
) -> None:
    told = alerts(tmp_path, store, port=relay.port)
    for error in (StoreError("The disk is full."), DigestError("The disk is full.")):
        async with told.guard("the feeds", lambda: NOW):
            raise error
    assert len(relay.received) == 1
    assert b"Subject: digest: trouble with the feeds\r\n" in relay.received[0].data
    with pytest.raises(ZeroDivisionError):
        async with told.guard("the feeds", lambda: NOW):
            raise ZeroDivisionError
    assert sys.exc_info() == (None, None, None)
