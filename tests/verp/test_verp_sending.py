"""What leaves, where what comes back is read: an envelope for each reader, and a way out by mail."""

import re
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from press import EVE, ON_SQLITE, SLOT, Press, live_at, press
from smtp_server import Received

from digest import verp
from digest.alerts import Alerts
from digest.model import Rendering, slot_placeholder
from digest.publish.rehearse import rehearse
from digest.publish.send import send_test
from digest.service.postbox import Postbox
from digest.store import installation, readermail, subscribers
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.tables import SUBSCRIBER
from digest.verp import Mark, Purpose

PLAIN = "bounces@ledger.example"
READ = {"DIGEST_BOUNCES__ADDRESS": PLAIN, "DIGEST_BOUNCES__PIPE": "yes"}
VERP = READ | {"DIGEST_MAIL__ENVELOPE": "verp"}
VERSIONS = {1: 1, 2: 4, 3: 1}
"""Each reader's address_version: the second has moved three times."""


NONCE = "0123456789abcdef"
LEAVE = slot_placeholder(NONCE, "unsubscribe_url")
RENDERING = Rendering(subject="News", preheader="", html=LEAVE, text=LEAVE, nonce=NONCE)


def moved(room: Press) -> None:
    """Have the second reader's address be the fourth."""
    with room.store.write() as session:
        change = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == 2).values(address_version=VERSIONS[2])
        session.connection().execute(change)


def key(room: Press) -> bytes:
    with room.store.read() as session:
        return installation.permanent_key(session)


def parsed(received: Received) -> EmailMessage:
    return message_from_bytes(received.data, _class=EmailMessage, policy=policy.default)


def ways_out(message: EmailMessage) -> list[str]:
    """Give the URIs of List-Unsubscribe in their order (RFC 2369 2)."""
    return re.findall(r"<([^<>\s]+)>", str(message["List-Unsubscribe"]))


def number(received: Received) -> int:
    return int(received.recipient.removeprefix("reader").partition("@")[0])


async def issue_by(room: Press, **environ: str) -> dict[int, Received]:
    """Mail the day's issue; give each reader's message by the reader's id."""
    room.environ = environ
    moved(room)
    await live_at(room.service(), room.clock, EVE, SLOT.instant)
    found = {number(one): one for one in room.mailed}
    assert set(found) == set(VERSIONS)
    return found


@ON_SQLITE
async def test_each_reader_has_an_envelope_and_a_way_out_that_name_the_delivery(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        mailed = await issue_by(room, **VERP)
        permanent, issue = key(room), room.issue().id
        for reader, version in VERSIONS.items():
            expected = Mark(Purpose.BOUNCE, issue, reader, version)
            assert verp.read(mailed[reader].sender, permanent) == expected
            link, mailto = ways_out(parsed(mailed[reader]))
            assert link.startswith(f"{room.site.base}/u/")
            assert (urlsplit(mailto).scheme, urlsplit(mailto).query) == ("mailto", "subject=unsubscribe")
            leaving = expected._replace(purpose=Purpose.UNSUBSCRIBE)
            assert verp.read(Address(addr_spec=urlsplit(mailto).path).addr_spec, permanent) == leaving
        reports = [one for one in room.relay.received if one not in room.mailed]
        assert {one.sender for one in reports} == {PLAIN}


@ON_SQLITE
async def test_two_readers_messages_differ_in_what_is_theirs_alone(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        mailed = await issue_by(room, **VERP)
    bare = {one: _without_whom(received) for one, received in mailed.items()}
    assert bare[1] == bare[2] == bare[3]


def _without_whom(received: Received) -> bytes:
    """Give a message without the values that are one reader's: link, mailto, Message-ID, address."""
    text = received.data.replace(b"=\r\n", b"")
    for mine in (rb"/u/[\w-]+", rb"bounces\+u[\w.]+", rb"<\d+\.\d+\.[a-z2-7]{16}@", rb"reader\d@"):
        text, count = re.subn(mine, b"*", text)
        assert count
    return text


@ON_SQLITE
async def test_with_a_reader_alone_all_have_the_plain_envelope_and_the_way_out(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        mailed = await issue_by(room, **READ)
        assert {one.sender for one in mailed.values()} == {PLAIN}
        assert [len(ways_out(parsed(one))) for one in mailed.values()] == [2, 2, 2]


@ON_SQLITE
async def test_where_nothing_is_read_no_message_names_an_address_for_it(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        mailed = await issue_by(room)
        assert {one.sender for one in mailed.values()} == {"news@ledger.example"}
        assert [len(ways_out(parsed(one))) for one in mailed.values()] == [1, 1, 1]


@ON_SQLITE
async def test_a_test_and_a_rehearsal_name_nobody(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ = VERP
        desk = room.desk()
        daily = desk.settings.newsletter[0]
        await send_test(desk, daily, SLOT.name, RENDERING, ["me@mail.example"])
        [mailed] = room.mailed
        assert mailed.sender == PLAIN
        assert len(ways_out(parsed(mailed))) == 1
        folder, _ = rehearse(desk, daily, SLOT.name, RENDERING)
        for file in (folder / "new").iterdir():
            assert b"mailto:bounces" not in file.read_bytes()


@pytest.mark.parametrize("kind", [readermail.WELCOME, readermail.CONFIRM, readermail.ISSUE])
@ON_SQLITE
async def test_mail_to_a_single_reader_names_that_reader(kind: str, store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await issue_by(room, **VERP)
        newcomer = room.subscribe(1, first=4)[0]
        received = await letter(room, kind, newcomer)
        issue = room.issue().id if kind == readermail.ISSUE else 0
        mark = Mark(Purpose.BOUNCE, issue, 4, 1)
        assert verp.read(received.sender, key(room)) == mark
        if kind == readermail.CONFIRM:
            assert parsed(received)["List-Unsubscribe"] is None
        else:
            mailto = ways_out(parsed(received))[1]
            leaving = mark._replace(purpose=Purpose.UNSUBSCRIBE)
            assert verp.read(urlsplit(mailto).path, key(room)) == leaving


@ON_SQLITE
async def test_what_a_new_address_sends_back_says_nothing_about_the_present_one(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.environ = VERP
        received = await letter(room, readermail.CONFIRM, "new@mail.example", "reader1@mail.example")
        assert received.sender == PLAIN


async def letter(room: Press, kind: str, email: str, reader: str = "") -> Received:
    """Mail one letter to an address, for a reader, who has it unless said otherwise."""
    desk = room.desk()
    with room.store.write() as session:
        found = subscribers.find(session, reader or email)
        assert found is not None
        readermail.queue(
            hand(session),
            kind=kind,
            subscriber_id=found.id,
            email=email,
            newsletters=["daily"],
            now=room.clock(),
        )
    assert await Postbox(desk, Alerts(desk)).once() == 1
    return room.mailed[-1]
