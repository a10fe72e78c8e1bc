"""What an operator reads about an issue that was sent, and what a rehearsal leaves behind."""

from datetime import timedelta
from mailbox import Maildir
from pathlib import Path

import pytest
from press import ON_SQLITE, SLOT, Press, press
from smtp_server import Bad, SmtpServer

from digest.desk import Desk
from digest.errors import DigestError
from digest.model import Issue, IssueState, Recipient
from digest.publish import collect, draft, freeze, rehearse, send
from digest.publish.report import counts, report
from digest.store import watch
from digest.store.database import Store

DEAD = Bad(at="rcpt", how="550 5.1.1 no such user", to="reader2@mail.example")


async def sent(room: Press, desk: Desk) -> Issue:
    [newsletter] = desk.settings.newsletter
    await collect(desk)
    frozen = await freeze(desk, newsletter, draft(desk, newsletter, SLOT).issue)
    [issue] = await send(desk, [frozen])
    assert issue.state is IssueState.SENT
    assert room.issue() == issue
    return issue


@ON_SQLITE
async def test_a_report_counts_everybody_and_says_where_more_is_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(DEAD)) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        subject, text = report(desk, issue)
        assert subject == f"daily {SLOT.name}: 2 of 3 accepted"
        told = dict(line.split(maxsplit=1) for line in text.splitlines()[:9])
        assert told == {
            "Subject": "Ferry runs again",
            "Audience": "3",
            "Accepted": "2",
            "Refused": "1",
            "Expired": "0",
            "Unknown": "0",
            "Withdrawn": "0",
            "Doubtful": "0",
            "Left": "0",
        }
        assert f"digest issues undelivered {SLOT.name}" in text
        assert counts(desk, issue).total == issue.audience


@ON_SQLITE
async def test_each_end_is_reported_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        day = timedelta(days=1)
        with store.read() as session:
            assert watch.unreported(session, room.clock() - day) == [issue]
            assert watch.unreported(session, room.clock() + day) == []
        report(desk, issue)
        with store.read() as session:
            assert watch.unreported(session, room.clock() - day) == []


@ON_SQLITE
async def test_a_rehearsal_writes_a_message_for_each_reader(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        await collect(desk)
        made = draft(desk, newsletter, SLOT)
        assert made.rendering is not None
        seen: list[int] = []
        outbox, written = rehearse(desk, newsletter, SLOT.name, made.rendering, on_progress=seen.append)
        assert (outbox, written, seen) == (tmp_path / "outbox", 3, [1, 2, 3])
        me = [Recipient(id=1, email="me@ledger.example", since=room.clock())]
        _, written = rehearse(desk, newsletter, SLOT.name, made.rendering, recipients=me)
        assert written == 1
        box = Maildir(outbox, create=False)
        assert len(box) == 4
        assert all(message["Subject"] == "Ferry runs again" for message in box)
        assert not room.relay.received
        assert room.issue().state is IssueState.DRAFT


@ON_SQLITE
async def test_an_outbox_in_the_way_is_told_and_nobody_was_mailed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        await collect(desk)
        made = draft(desk, newsletter, SLOT)
        assert made.rendering is not None
        (tmp_path / "outbox").write_text("in the way", encoding="utf-8")
        with pytest.raises(DigestError, match="Nobody was mailed"):
            rehearse(desk, newsletter, SLOT.name, made.rendering)
