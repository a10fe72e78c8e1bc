"""Approval: what the editor approved is what is sent, and what was not approved is not."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from press import NEXT, ON_SQLITE, SLOT, Press, live_at, press

from digest.model import SLOT_PATTERN, Issue, IssueState
from digest.publish import draft
from digest.service import Service
from digest.store import issues
from digest.store.database import Store

MINUTE = timedelta(minutes=1)


def approve(room: Press) -> Issue:
    with room.store.write() as session:
        return issues.approve(session, room.issue(), room.clock())


def assert_says(message: EmailMessage, kind: str, approved: str) -> None:
    """What a reader gets is what was approved, but for what stands in the slots."""
    body = message.get_body((kind,))
    assert body is not None
    pieces = SLOT_PATTERN.sub("\0", approved).split("\0")
    assert len(pieces) > 1
    wanted = ".*?".join(re.escape(piece) for piece in pieces)
    assert re.fullmatch(wanted, body.get_content().replace("\r\n", "\n"), re.DOTALL)


async def drafted(room: Press) -> Service:
    room.newsletters += 'approval = "required"\n'
    service = room.service()
    await live_at(service, room.clock, room.clock(), SLOT.instant - timedelta(minutes=50))
    assert room.issue().state is IssueState.DRAFT
    return service


async def test_what_was_approved_is_what_is_sent_to_the_byte(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = await drafted(room)
        approve(room)
        with room.store.read() as session:
            approved = issues.latest_rendering(session, room.issue().id)
        room.publish("too-late-for-this-one")
        await live_at(service, room.clock, SLOT.instant - 20 * MINUTE, SLOT.instant)
        assert room.issue().state is IssueState.SENT
        assert approved is not None
        assert len(room.mailed) == 3
        for one in room.mailed:
            message = message_from_bytes(one.data, _class=EmailMessage, policy=policy.default)
            assert str(message["Subject"]) == approved.subject == "Ferry runs again"
            assert_says(message, "html", approved.html)
            assert_says(message, "plain", approved.text)
        assert room.decided() == {"ferry-runs-again": "included"}
        await live_at(service, room.clock, NEXT.instant - timedelta(hours=1))
        assert room.decided(NEXT) == {"too-late-for-this-one": "included"}


@ON_SQLITE
async def test_without_approval_nobody_is_mailed_and_it_is_asked_for(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = await drafted(room)
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + MINUTE)
        assert room.told == [f"daily {SLOT.name} waits for approval"]
        assert f"digest issues approve {SLOT.name}" in room.letters[0].get_content()
        assert not room.mailed
        room.publish("while-it-waits")
        await live_at(service, room.clock, SLOT.instant + 20 * MINUTE)
        assert "while-it-waits" in room.decided()
        approve(room)
        await live_at(service, room.clock, SLOT.instant + 21 * MINUTE)
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_what_was_never_approved_is_skipped_after_its_grace(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = await drafted(room)
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + timedelta(hours=7))
        assert room.issue().state is IssueState.SKIPPED
        assert "was not approved" in room.issue().reason
        assert room.told[1:] == [f"daily {SLOT.name} was skipped"]


@ON_SQLITE
async def test_a_draft_that_is_not_asked_for_again_keeps_its_bytes(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await drafted(room)
        desk = room.desk()
        with room.store.read() as session:
            before = issues.latest_rendering(session, room.issue().id)
        made = draft(desk, desk.settings.newsletter[0], SLOT)
        assert made.rendering == before


async def change(room: Press, how: str) -> None:
    if how == "edited":
        room.site.stories[0].title = "Ferry runs again, corrected"
    else:
        room.site.stories.pop(0)


@ON_SQLITE
@pytest.mark.parametrize("how", ["edited", "trashed"])
@pytest.mark.parametrize("minutes", [20, 0], ids=["before the slot", "at the slot"])
async def test_an_approved_article_that_is_changed_takes_the_approval_back_and_is_told(
    store: Store, tmp_path: Path, how: str, minutes: int
) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=300)
        service = await drafted(room)
        approve(room)
        if minutes == 0:
            await live_at(service, room.clock, SLOT.instant - MINUTE)
        await change(room, how)
        await live_at(service, room.clock, SLOT.instant - minutes * MINUTE)
        assert room.issue().state is IssueState.DRAFT
        assert not room.mailed
        assert room.told == [f"daily {SLOT.name} has changed"]
        assert "Ferry runs again" in room.letters[0].get_content()
        approve(room)
        await live_at(service, room.clock, SLOT.instant + 5 * MINUTE)
        assert set(room.copies.values()) == {1}
        there = b"Ferry runs again, corrected" if how == "edited" else b"Older story"
        assert there in room.mailed[0].data
        assert how == "edited" or b"Ferry" not in room.mailed[0].data


@ON_SQLITE
async def test_on_an_empty_day_there_is_nothing_to_approve(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.stories[:] = [room.publish("old-news", minutes_ago=3 * 24 * 60)]
        room.newsletters += 'approval = "required"\n'
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant, SLOT.instant + MINUTE)
        assert room.issue().state is IssueState.SKIPPED
        assert room.told == [f"daily {SLOT.name}: skipped"]
        assert room.pings == 1


@ON_SQLITE
async def test_two_approved_issues_that_share_an_article_mail_it_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        room.newsletters = room.newsletters.replace("0 7 * * *", "0 7,8 * * *")
        service = await drafted(room)
        # The first waits past its slot, so that both are drafts of the same article.
        await live_at(service, room.clock, SLOT.instant + 5 * MINUTE, SLOT.instant + 20 * MINUTE)
        eight = [one for one in _all(room) if one.slot == "2026-11-24T08:00"]
        with room.store.write() as session:
            for issue in (room.issue(), *eight):
                issues.approve(session, issue, room.clock())
        for minutes in (21, 36, 60, 61, 76):
            await live_at(service, room.clock, SLOT.instant + minutes * MINUTE)
            with room.store.write() as session:
                for issue in _all(room):
                    if issue.state is IssueState.DRAFT and issues.latest_rendering(session, issue.id):
                        issues.approve(session, issue, room.clock())
        assert sum(b"Ferry runs again" in one.data for one in room.mailed) == 1


def _all(room: Press) -> list[Issue]:
    with room.store.read() as session:
        return issues.listing(session)
