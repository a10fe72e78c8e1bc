"""What keeps an issue from going out: an audience that cannot be, pages that do not answer, a hand."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from feed_site import Answer
from press import NEXT, ON_SQLITE, SLOT, Press, live, live_at, press

from digest.model import Channel, IssueState
from digest.service import Service
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit

MINUTE = timedelta(minutes=1)


def leave(room: Press, *addresses: str) -> None:
    with room.store.write() as session:
        for address in addresses:
            reader = subscribers.find(session, address)
            assert reader is not None
            subscribers.leave(session, reader.id, ["daily"], Visit(channel=Channel.PAGE), room.clock())


async def held_at_the_slot(room: Press, reason: str) -> Service:
    """Live to the slot, at which the issue must be held and the operator told once."""
    service = room.service()
    await live(service)
    await live_at(service, room.clock, SLOT.instant, SLOT.instant + MINUTE)
    issue = room.issue()
    assert issue.state is IssueState.HELD
    assert reason in issue.reason
    assert room.told == [f"daily {SLOT.name} is held"]
    assert reason in room.letters[0].get_content().replace("\n", " ")
    assert not room.mailed
    return service


@ON_SQLITE
async def test_an_issue_without_an_audience_waits_for_its_first_reader(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0) as room:
        service = await held_at_the_slot(room, "nobody is subscribed")
        [late] = room.subscribe(1)
        await live_at(service, room.clock, SLOT.instant + 2 * MINUTE)
        assert room.copies == {late: 1}


async def test_half_an_audience_is_held_until_somebody_says_that_it_is_right(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=0) as room:
        readers = room.subscribe(5)
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        room.publish("second-day")
        leave(room, *readers[:3])
        await live_at(service, room.clock, NEXT.instant, NEXT.instant + MINUTE)
        assert room.issue(NEXT).state is IssueState.HELD
        assert room.told[1:] == [f"daily {NEXT.name} is held"]
        with room.store.write() as session:
            issues.resume(session, room.issue(NEXT), room.clock(), confirm_audience=True)
        await live_at(service, room.clock, NEXT.instant + 2 * MINUTE)
        assert room.issue(NEXT).state is IssueState.SENT
        assert [room.copies[reader] for reader in readers] == [1, 1, 1, 2, 2]


@ON_SQLITE
async def test_a_few_who_leave_hold_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0) as room:
        readers = room.subscribe(4)
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        room.publish("second-day")
        leave(room, *readers[:2])
        await live_at(service, room.clock, NEXT.instant)
        assert room.issue(NEXT).state is IssueState.SENT


@ON_SQLITE
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=502), "is not this installation (it answers 502)"),
        (Answer(body=b'{"installation": "somebody else"}'), "is not this installation"),
        (Answer(body=b"<html>parked</html>"), "is not this installation (it answers 200)"),
        (Answer(body=b"[]"), "is not this installation"),
    ],
    ids=["a proxy alone", "another installation", "a page", "no object"],
)
async def test_dead_links_hold_the_issue_and_it_is_freed_once_they_live(
    store: Store, tmp_path: Path, answer: Answer, reason: str
) -> None:
    async with press(store, tmp_path) as room:
        room.site.answers["/healthz"] = answer
        service = await held_at_the_slot(room, reason)
        room.site.up("/healthz")
        await live_at(service, room.clock, SLOT.instant + 2 * MINUTE)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_pages_at_an_address_where_nothing_listens_hold_the_issue(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_WEB__PUBLIC_URL"] = "http://127.0.0.1:1"
        await held_at_the_slot(room, "does not answer")


@ON_SQLITE
async def test_pages_that_start_a_moment_after_the_service_hold_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        room.site.down("/healthz")
        asyncio.get_running_loop().call_later(0.1, room.site.up, "/healthz")
        await live(service)
        assert room.issue().state is IssueState.SENT
        assert len(room.told) == 1


@ON_SQLITE
async def test_verify_false_asks_nobody(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_WEB__VERIFY"] = "false"
        room.site.down("/healthz")
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENT


@ON_SQLITE
async def test_a_held_draft_still_follows_the_feed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        trashed = room.publish("mayor-resigns")
        room.publish("older-story", minutes_ago=300)
        room.site.down("/healthz")
        service = await held_at_the_slot(room, "is not this installation")
        room.site.stories.remove(trashed)
        room.publish("breaking-news")
        room.site.up("/healthz")
        await live_at(service, room.clock, SLOT.instant + 6 * MINUTE)
        assert room.issue().state is IssueState.SENT
        included = {guid for guid, what in room.decided().items() if what == "included"}
        assert included == {"ferry-runs-again", "older-story", "breaking-news"}
        assert b"Mayor resigns" not in room.mailed[0].data


@ON_SQLITE
async def test_what_a_check_holds_past_its_grace_is_skipped_and_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.down("/healthz")
        service = await held_at_the_slot(room, "is not this installation")
        await live_at(service, room.clock, SLOT.instant + timedelta(hours=6, minutes=1))
        issue = room.issue()
        assert (issue.state, issue.hold_code, issue.held_from) == (IssueState.SKIPPED, "", None)
        assert room.told[1:] == [f"daily {SLOT.name} was skipped"]
        room.site.up("/healthz")
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"ferry-runs-again": "included"}


@ON_SQLITE
async def test_the_reason_of_a_hold_is_the_one_that_stands(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0) as room:
        room.site.down("/healthz")
        service = await held_at_the_slot(room, "nobody is subscribed")
        room.subscribe(2)
        await live_at(service, room.clock, SLOT.instant + 2 * MINUTE)
        assert room.issue().hold_code == "public_url"
        assert "is not this installation" in room.issue().reason


@ON_SQLITE
async def test_what_an_operator_holds_stays_and_is_no_alert(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - MINUTE)
        with room.store.write() as session:
            issues.hold(session, room.issue(), "operator", "the mayor has resigned", room.clock())
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + timedelta(hours=8))
        assert room.issue().state is IssueState.HELD
        assert not room.relay.received
        room.publish("second-day")
        await live_at(service, room.clock, NEXT.instant)
        # It keeps its articles; the next issue goes out with its own.
        assert room.decided(NEXT) == {"second-day": "included"}


@ON_SQLITE
async def test_a_held_issue_that_is_resumed_within_its_grace_goes_out(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - MINUTE)
        with room.store.write() as session:
            issues.hold(session, room.issue(), "operator", "wait", room.clock())
        await live_at(service, room.clock, SLOT.instant)
        with room.store.write() as session:
            issues.resume(session, room.issue(), room.clock())
        await live_at(service, room.clock, SLOT.instant + MINUTE)
        assert room.issue().state is IssueState.SENT


@ON_SQLITE
async def test_the_articles_of_a_cancelled_issue_go_into_the_next(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - MINUTE)
        with room.store.write() as session:
            issues.cancel(session, room.issue(), "not today", room.clock())
        await live_at(service, room.clock, SLOT.instant)
        assert not room.mailed
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"ferry-runs-again": "included"}
        assert set(room.copies.values()) == {1}
