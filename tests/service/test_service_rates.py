"""Too much comes back: it is told once, and holds issues. What is our own fault is told and holds nothing."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from press import NEXT, ON_SQLITE, SLOT, Press, live_at, press
from returned_scene import came_back
from smtp_server import Bad, SmtpServer

from digest.model import IssueState, Slot
from digest.publish import rates
from digest.rates import RATES, WATCHED
from digest.service import Service
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Newcomer

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
COMPLAINTS = "daily: too many complaints"


async def mailed(room: Press, service: Service) -> None:
    """Live past the first slot."""
    await live_at(service, room.clock, room.clock(), SLOT.instant)
    assert room.issue().state is IssueState.SENT


def complain(room: Press, who: Sequence[int]) -> None:
    with room.store.write() as session:
        came_back(session, room.clock(), who, issue_id=room.issue().id, kind="complaint")


def blame_us(room: Press, who: Sequence[int], slot: Slot = SLOT) -> None:
    with room.store.write() as session:
        said = "<reader1@mail.example>: 550 5.7.1 listed by example.org"
        issue = room.issue(slot).id
        came_back(session, room.clock(), who, issue_id=issue, verdict="ours", evidence=said)


def resume(room: Press, slot: Slot) -> None:
    with room.store.write() as session:
        issues.resume(session, room.issue(slot), room.clock(), confirm_audience=True)


def words(room: Press) -> str:
    """What the last mail to the operator says."""
    return " ".join(room.letters[-1].get_content().split())


async def test_the_next_issue_is_held_before_it_is_frozen_until_an_operator_has_it_sent(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=8) as room:
        service = room.service()
        await mailed(room, service)
        complain(room, range(1, 6))
        await live_at(service, room.clock, SLOT.instant + MINUTE, SLOT.instant + 2 * MINUTE)
        assert room.told[1:] == [COMPLAINTS]
        assert f"5 complaints of 8 accepted (62.50 %) about daily {SLOT.name}." in words(room)
        assert f"`digest bounces list --kind complaint --issue {SLOT.name} --newsletter daily`" in words(room)
        room.publish("second-day")
        await live_at(service, room.clock, NEXT.instant, NEXT.instant + MINUTE)
        held = room.issue(NEXT)
        assert (held.state, held.hold_code, held.frozen_at) == (IssueState.HELD, RATES, None)
        assert "5 complaints of 8 accepted" in held.reason
        assert room.told[2:] == [f"daily {NEXT.name} is held"]
        resume(room, NEXT)
        await live_at(service, room.clock, NEXT.instant + 2 * MINUTE)
        assert room.issue(NEXT).state is IssueState.SENT


@ON_SQLITE
async def test_an_issue_that_is_being_sent_is_held_and_goes_on_once_an_operator_says_so(
    store: Store, tmp_path: Path
) -> None:
    later = Bad(at="rcpt", how="451 4.3.2 try again later", to="reader8@mail.example", times={1})
    async with press(store, tmp_path, readers=8, relay=SmtpServer(later)) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENDING
        complain(room, range(1, 6))
        await live_at(service, room.clock, SLOT.instant + MINUTE, SLOT.instant + HOUR)
        held = room.issue()
        assert (held.state, held.held_from, held.hold_code) == (IssueState.HELD, IssueState.SENDING, RATES)
        assert sorted(room.told) == [f"daily {SLOT.name} is held", COMPLAINTS]
        resume(room, SLOT)
        await live_at(service, room.clock, SLOT.instant + HOUR + MINUTE)
        assert room.issue().state is IssueState.SENT
        assert room.copies["reader8@mail.example"] == 1


@ON_SQLITE
async def test_what_is_too_much_is_told_once_and_once_when_it_is_over(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=8) as room:
        service = room.service()
        await mailed(room, service)
        complain(room, range(1, 4))
        await live_at(service, room.clock, SLOT.instant + MINUTE, SLOT.instant + HOUR)
        assert room.told[1:] == [COMPLAINTS]
        assert "From 0.30 % on nothing more of daily is sent." in words(room)
        # A restart, and some days later.
        await live_at(room.service(), room.clock, SLOT.instant + WATCHED)
        await live_at(room.service(), room.clock, SLOT.instant + WATCHED + MINUTE)
        assert [told for told in room.told if "complaints" in told] == [COMPLAINTS, f"Over: {COMPLAINTS}"]


@ON_SQLITE
async def test_a_complaint_of_many_readers_holds_nothing_and_is_not_told(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=8) as room:
        service = room.service()
        await mailed(room, service)
        complain(room, [1, 2])
        room.publish("second-day")
        await live_at(service, room.clock, SLOT.instant + MINUTE, NEXT.instant)
        assert room.issue(NEXT).state is IssueState.SENT
        assert not any("complaints" in told for told in room.told)


@ON_SQLITE
async def test_a_draft_that_is_held_has_nothing_counted_anew_at_each_look(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=8) as room:
        await mailed(room, room.service())
        complain(room, range(1, 6))
        desk = room.desk()
        with store.write() as session:
            draft = issues.open_draft(session, "daily", NEXT, room.clock())
        first, asked = rates.obstacle(desk, draft), []

        def note(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
            asked.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            assert first is not None
            assert rates.obstacle(desk, draft) == first
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        assert asked
        assert not [one for one in asked if "returned_about" in one or "FROM delivery" in one]


@ON_SQLITE
async def test_a_domain_that_is_dead_is_told_and_holds_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=410) as room:
        with store.write() as session:
            there = [Newcomer(email=f"r{one}@closed.example", newsletter="daily") for one in range(20)]
            subscribers.add(session, there, room.clock())
        service = room.service()
        await mailed(room, service)
        with store.write() as session:
            who, issue = range(411, 431), room.issue().id
            came_back(session, room.clock(), who, issue_id=issue, domain="closed.example")
        await live_at(service, room.clock, SLOT.instant + MINUTE)
        assert room.told[1:] == ["daily: too many bounces"]
        assert "20 bounces of 20 accepted at closed.example (100.00 %)" in words(room)
        assert "Nothing is held: it is less than 5.00 % of all." in words(room)
        assert "nothing more of daily is sent" not in words(room)


@ON_SQLITE
async def test_what_is_our_own_fault_is_told_once_an_issue_and_again_once_it_has_grown_tenfold(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=40) as room:
        service = room.service()
        await mailed(room, service)
        blame_us(room, range(1, 3))
        await live_at(service, room.clock, SLOT.instant + MINUTE)
        two, twenty = (
            f"daily {SLOT.name}: 2 bounces for our own sake",
            f"daily {SLOT.name}: 20 bounces for our own sake",
        )
        assert room.told[1:] == [two]
        assert words(room).startswith(
            "2 mails came back at mail.example because of our sender, its reputation or what it said. "
            "No reader was touched. The last one says: 550 5.7.1 listed by example.org. "
        )
        blame_us(room, range(3, 20))
        await live_at(room.service(), room.clock, SLOT.instant + 2 * MINUTE)
        assert room.told[1:] == [two]
        blame_us(room, [20])
        service = room.service()
        await live_at(service, room.clock, SLOT.instant + 3 * MINUTE, SLOT.instant + 4 * MINUTE)
        assert room.told[1:] == [two, twenty]
        room.publish("second-day")
        await live_at(service, room.clock, NEXT.instant)
        blame_us(room, [1], NEXT)
        await live_at(service, room.clock, NEXT.instant + MINUTE, SLOT.instant + WATCHED + MINUTE)
        told = [told for told in room.told if "for our own sake" in told]
        assert told == [two, twenty, f"daily {NEXT.name}: 1 bounce for our own sake"]
