"""What an operator reads about an issue that was sent, and what a rehearsal leaves behind."""

from datetime import timedelta
from mailbox import Maildir
from pathlib import Path

import pytest
from press import EVE, NEXT, ON_SQLITE, SLOT, Press, press
from returned_scene import came_back
from smtp_server import Bad, SmtpServer

from digest.desk import Desk
from digest.errors import DigestError
from digest.model import Channel, DeliveryState, Issue, IssueState, Recipient, Slot
from digest.publish import collect, draft, freeze, rehearse, send
from digest.publish.report import counts, report, reported
from digest.store import issues, subscribers, watch
from digest.store.database import Store
from digest.store.subscribers import Visit
from digest.store.tables import DELIVERY, DELIVERY_REPLY, ISSUE

DEAD = Bad(at="rcpt", how="550 5.1.1 no such user", to="reader2@mail.example")


async def sent(room: Press, desk: Desk, slot: Slot = SLOT) -> Issue:
    [newsletter] = desk.settings.newsletter
    await collect(desk)
    frozen = await freeze(desk, newsletter, draft(desk, newsletter, slot).issue)
    [issue] = await send(desk, [frozen])
    assert issue.state is IssueState.SENT
    assert room.issue(slot) == issue
    return issue


@ON_SQLITE
async def test_a_report_counts_everybody_and_says_where_more_is_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(DEAD)) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        subject, text = report(desk, issue)
        assert subject == f"daily {SLOT.name}: 2 of 3 accepted"
        assert text == (
            "Subject     Ferry runs again\n"
            "Audience    3\n"
            "Accepted    2\n"
            "Refused     1\n"
            "Left        0\n"
            "Took        0 s\n"
            "\n"
            "Refused\n"
            "  1 × dead address (550 5.1.1 no such user)\n"
            "\n"
            f"Who did not get it: digest issues undelivered {SLOT.name}\n"
        )
        assert counts(desk, issue).total == issue.audience


@ON_SQLITE
async def test_where_all_went_well_it_is_short(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        _, text = report(desk, await sent(room, desk))
        assert [line.split()[0] for line in text.splitlines()] == [
            "Subject",
            "Audience",
            "Accepted",
            "Left",
            "Took",
        ]


def settle(store: Store, issue: Issue, replies: dict[int, tuple[DeliveryState, str, str]]) -> Issue:
    """Give deliveries to some subscribers another end: a state, a kind, a reply."""
    with store.write() as session:
        connection = session.connection()
        connection.execute(ISSUE.update().values(counts=None))
        for number, (state, kind, reply) in replies.items():
            mine = (DELIVERY.c.issue_id == issue.id, DELIVERY.c.subscriber_id == number)
            connection.execute(DELIVERY.update().where(*mine).values(state=state.value))
            said = {"issue_id": issue.id, "subscriber_id": number, "kind": kind, "reply": reply}
            connection.execute(DELIVERY_REPLY.insert().values(**said, at=EVE))
        return issues.get(session, issue.id)


async def test_reasons_are_grouped_by_what_they_are_and_name_nobody(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=9) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        refused, unknown = DeliveryState.REFUSED, DeliveryState.UNKNOWN
        dead = {
            number: (refused, "dead address", f"550 5.1.1 <reader{number}@mail.example>: no such user")
            for number in (1, 2, 3)
        }
        others = {
            4: (refused, "dead address", "550 5.2.1 mailbox disabled"),
            5: (unknown, "unknown", ""),
            6: (DeliveryState.EXPIRED, "soft", "452 4.2.2 " + "mailbox full " * 40),
            7: (DeliveryState.WITHDRAWN, "", ""),
        }
        with store.write() as session:
            subscribers.leave(session, 7, ["daily"], Visit(channel=Channel.PAGE), room.clock())
        _, text = report(desk, settle(store, issue, dead | others))
        lines = text.splitlines()
        at = lines.index("Refused")
        assert lines[at + 1 : at + 3] == [
            "  3 × dead address (550 5.1.1 no such user)",
            "  1 × dead address (550 5.2.1 mailbox disabled)",
        ]
        assert "  1 × unknown" in lines
        assert "  1 × has left" in lines
        [full] = [line for line in lines if "soft" in line]
        assert full.startswith("  1 × soft (452 4.2.2 mailbox full")
        assert full.endswith("…)")
        assert "mail.example" not in text


@ON_SQLITE
async def test_of_many_reasons_the_most_frequent_are_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=14) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        many = {
            number: (DeliveryState.REFUSED, "dead address", f"550 5.1.{number} no") for number in range(1, 15)
        }
        _, text = report(desk, settle(store, issue, many))
        assert text.count("1 × dead address") == 10
        assert "  4 for 4 other reasons\n" in text


@ON_SQLITE
async def test_what_was_carried_over_is_named(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += "max_articles = 1\n"
        for number in range(12):
            room.publish(f"story-{number}", minutes_ago=60 + number)
        desk = room.desk()
        _, text = report(desk, await sent(room, desk))
        lines = text.splitlines()
        at = lines.index("Carried over to the next issue")
        assert lines[at + 1] == "  Story 0"
        assert lines[at + 11] == "  and 2 more"


@ON_SQLITE
async def test_a_skipped_issue_says_why_and_what_it_leaves_for_the_next(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        await collect(desk)
        issue = draft(desk, newsletter, SLOT).issue
        with store.write() as session:
            skipped = issues.move(
                session, issue, IssueState.SKIPPED, EVE, allowed=(issue.state,), reason="it was late"
            )
        assert skipped is not None
        assert report(desk, skipped) == (
            f"daily {SLOT.name}: skipped",
            f"daily {SLOT.name} is skipped: it was late.\n",
        )


@ON_SQLITE
async def test_it_tells_who_left_by_the_issue_before(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        before = await sent(room, desk)
        with store.write() as session:
            visit = Visit(channel=Channel.PAGE, issue_id=before.id)
            subscribers.leave(session, 1, ["daily"], visit, room.clock())
        room.publish("second-day")
        room.clock.now = NEXT.instant
        _, text = report(desk, await sent(room, desk, NEXT))
        assert f"Left        0\n            1 by the issue before, {SLOT.name}\n" in text


@ON_SQLITE
async def test_each_end_is_reported_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        issue = await sent(room, desk)
        day = timedelta(days=1)
        with store.read() as session:
            assert watch.unreported(session, room.clock() - day) == [issue]
            assert watch.unreported(session, room.clock() + day) == []
        with store.write() as session:
            reported(desk, issue)(session)
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


@ON_SQLITE
async def test_it_tells_what_came_back_of_the_issue_before(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        before = await sent(room, desk)
        with store.write() as session:
            came_back(session, room.clock(), [1, 2], issue_id=before.id)
            came_back(session, room.clock(), [3], issue_id=before.id, kind="complaint")
        room.publish("second-day")
        room.clock.now = NEXT.instant
        _, text = report(desk, await sent(room, desk, NEXT))
        assert f"Bounced     2 of the issue before, {SLOT.name} (66.67 %)\n" in text
        assert f"Complained  1 of the issue before, {SLOT.name} (33.33 %)\n" in text
