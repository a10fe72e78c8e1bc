"""From the form to the mailbox, over a real relay."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from press import KEYS, ON_SQLITE, SLOT, Press, live, live_at, press
from smtp_server import Bad, Received, SmtpServer

from digest.alerts import Alerts
from digest.dkim import record
from digest.links import Link, LinkKind, read
from digest.service.postbox import Postbox
from digest.store import asking, readermail, signups, subscribers
from digest.store.asking import Rates, Wish
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.reader_tables import ReaderMailRow

ROSA = "rosa@mail.example"
RATES = Rates(per_ip=0, per_network=0, in_all=0)
HOUR = timedelta(hours=1)


@dataclass
class Box:
    """A press's postbox, and what waits in it."""

    room: Press

    async def once(self) -> int:
        return await self.box().once()

    def box(self) -> Postbox:
        desk = self.room.desk()
        return Postbox(desk, Alerts(desk))

    def sign_up(self, email: str = ROSA) -> int:
        wish = Wish(email=email, newsletters=("daily",), ip="203.0.113.9")
        with self.room.store.write() as session:
            asking.ask(hand(session), wish, RATES, self.room.clock())
            found = subscribers.find(session, email)
        assert found is not None
        return found.id

    def queue(self, kind: str, subscriber_id: int) -> int:
        with self.room.store.write() as session:
            return readermail.queue(
                hand(session),
                kind=kind,
                subscriber_id=subscriber_id,
                email="reader1@mail.example",
                newsletters=["daily"],
                now=self.room.clock(),
            )

    def row(self, mail_id: int = 1) -> ReaderMailRow:
        with self.room.store.read() as session:
            return session.get_one(ReaderMailRow, mail_id)

    @property
    def letters(self) -> list[EmailMessage]:
        return [parsed(one) for one in self.room.mailed]


def parsed(received: Received) -> EmailMessage:
    return message_from_bytes(received.data, _class=EmailMessage, policy=policy.default)


def body(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def test_a_confirmation_is_mailed_once_and_its_address_forgotten(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        box = Box(room)
        rosa = box.sign_up()
        assert [await box.once(), await box.once()] == [1, 0]
        [letter] = box.letters
        row = box.row()
    assert (letter["To"], letter["From"]) == (ROSA, "The Harbour Ledger <news@ledger.example>")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Unsubscribe"] is None
    assert letter["Subject"] == "Please confirm: The Harbour Ledger by mail"
    base = f"{room.site.base}/c/"
    for kind in ("plain", "html"):
        text = body(letter, kind)
        assert "The Daily Ledger" in text
        assert "If it was not you" in text.replace("\n", " ")
        assert text.count(base) == 1
    token = body(letter, "plain").partition(base)[2].split()[0]
    assert read(token, KEYS) == Link(kind=LinkKind.CONFIRM, subscriber_id=rosa, issue_id=row.id or 0)
    assert (row.email, row.next_at, row.sent_at) == ("", None, room.clock())


@ON_SQLITE
async def test_a_relay_in_trouble_is_tried_again_later_and_given_up_after_a_day(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, relay=SmtpServer(Bad(at="rcpt", how="451 4.7.1 later"))) as room:
        box = Box(room)
        box.sign_up()
        tried = 0
        for _ in range(60):
            tried += await box.once()
            room.clock.now += HOUR / 2
        row = box.row()
        assert not room.mailed
    assert 20 < tried < 35
    assert (row.email, row.next_at, row.error) == ("", None, "rcpt: 451 4.7.1 later")


@ON_SQLITE
async def test_a_relay_that_is_down_loses_nothing_and_is_told(store: Store, tmp_path: Path) -> None:
    relay = SmtpServer(Bad(at="banner", how="421 4.3.2 not now", times=range(1, 2)))
    async with press(store, tmp_path, relay=relay) as room:
        box = Box(room)
        box.sign_up()
        with pytest.raises(Exception, match="No relay takes the mail"):
            await box.once()
        assert await box.once() == 0
        room.clock.now += HOUR
        assert await box.once() == 1
        assert len(room.mailed) == 1


@ON_SQLITE
async def test_a_dead_address_is_given_up_at_once_and_keeps_no_other_waiting(
    store: Store, tmp_path: Path
) -> None:
    relay = SmtpServer(Bad(at="rcpt", how="550 5.1.1 no such user", to=ROSA))
    async with press(store, tmp_path, relay=relay) as room:
        box = Box(room)
        box.sign_up()
        box.sign_up("ada@mail.example")
        box.sign_up("jürgen@mail.example")
        assert await box.once() == 3
        assert [one.recipient for one in room.mailed] == ["ada@mail.example"]
        assert [(box.row(number).email, box.row(number).next_at) for number in (1, 3)] == [("", None)] * 2


@ON_SQLITE
async def test_a_wrong_template_is_told_and_keeps_no_other_mail_back(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        box = Box(room)
        wrong = box.queue("no-such-template", box.sign_up("ada@mail.example"))
        box.sign_up()
        with pytest.raises(Exception, match="no mail template"):
            await box.once()
        assert [one.recipient for one in room.mailed] == ["ada@mail.example", ROSA]
        assert box.row(wrong).next_at is not None


@ON_SQLITE
async def test_what_was_forgotten_before_it_was_sent_is_not_sent(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        box = Box(room)
        rosa = box.sign_up()
        with store.write() as session:
            signups.forget(session, [rosa])
        assert await box.once() == 0
        assert not room.mailed


@ON_SQLITE
async def test_a_rehearsal_writes_it_into_the_outbox(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        box = Box(room)
        box.sign_up()
        assert await box.once() == 1
        [file] = (tmp_path / "outbox" / "new").iterdir()
        assert b"Please confirm" in file.read_bytes()
        assert not room.relay.received


@ON_SQLITE
async def test_a_newcomer_is_welcomed_with_the_last_issue_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=2) as room:
        service = room.service()
        await live_at(service, room.clock, SLOT.instant - HOUR, SLOT.instant)
        await live(service)
        assert room.issue().reached
        box = Box(room)
        room.subscribe(1, first=7)
        rosa = _id(store, "reader7@mail.example")
        for kind in (readermail.WELCOME, readermail.ISSUE):
            with store.write() as session:
                readermail.queue(
                    hand(session),
                    kind=kind,
                    subscriber_id=rosa,
                    email="reader7@mail.example",
                    newsletters=["daily"],
                    now=room.clock(),
                )
        box.queue(readermail.ISSUE, _id(store, "reader1@mail.example"))
        assert await box.once() == 3
        welcome, issue = [parsed(one) for one in room.mailed if one.recipient == "reader7@mail.example"]
        assert welcome["Subject"] == "Welcome to The Harbour Ledger"
        assert "/u/" in str(welcome["List-Unsubscribe"])
        assert str(issue["List-Id"]).endswith("<daily.ledger.example>")
        token = str(issue["List-Unsubscribe"]).strip("<>").rpartition("/u/")[2]
        assert read(token, KEYS).subscriber_id == rosa
        assert room.copies["reader1@mail.example"] == 1


def _id(store: Store, email: str) -> int:
    with store.read() as session:
        found = subscribers.find(session, email)
    assert found is not None
    return found.id


@ON_SQLITE
async def test_it_is_signed_where_issues_are(store: Store, tmp_path: Path) -> None:
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "rsa.key").touch(0o600)
    (tmp_path / "rsa.key").write_bytes(pem)
    async with press(store, tmp_path) as room:
        room.environ |= {"DIGEST_DKIM__SELECTOR": "news", "DIGEST_DKIM__KEY_FILE": "rsa.key"}
        box = Box(room)
        box.sign_up()
        await box.once()
        [message] = room.mailed
        public = record(room.desk().signing[0]).encode()
    assert dkim.verify(message.data, dnsfunc=lambda *_, **__: public)


@ON_SQLITE
async def test_the_service_sends_it_by_itself(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        Box(room).sign_up()
        stop = asyncio.Event()

        async def pages(ended: asyncio.Event) -> None:
            await ended.wait()

        running = asyncio.create_task(room.service().run(stop, pages))
        async with asyncio.timeout(20):
            while not room.mailed:  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.02)
        stop.set()
        await running
        assert [one.recipient for one in room.mailed] == [ROSA]


@ON_SQLITE
async def test_who_gets_it_already_is_told_so_with_a_way_to_the_settings(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        box = Box(room)
        box.sign_up("reader1@mail.example")
        await box.once()
        [letter] = box.letters
    assert letter["Subject"] == "You already get The Harbour Ledger by mail"
    for kind in ("plain", "html"):
        text = body(letter, kind)
        assert f"{room.site.base}/p/" in text
        assert "/c/" not in text
