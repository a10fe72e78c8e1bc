"""Extras, as far as the schedule and approval are concerned."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from press import NEXT, ON_SQLITE, SLOT, Press, live_at, press

from digest.errors import IssueError, UsageError
from digest.model import Issue, IssueState, Rendering
from digest.publish import draft, freeze
from digest.publish.extra import checked_name, draft_extra, find_extra, free_minutes
from digest.publish.letter import letter
from digest.slots import Schedule
from digest.store import issues
from digest.store.database import Store

NEW_YORK = "America/New_York"


def written(room: Press, body: str = "It was on time.") -> Rendering:
    desk = room.desk()
    return letter(
        desk,
        desk.settings.newsletter[0],
        SLOT.local.date(),
        subject="Correction",
        body=body,
        nonce="0123456789abcdef",
    )


def begun(room: Press, name: str = "correction", body: str = "It was on time.") -> Issue:
    desk = room.desk()
    return draft_extra(desk, desk.settings.newsletter[0], name, written(room, body))


def test_an_extra_is_named_for_the_local_minute() -> None:
    now = datetime(2026, 11, 24, 14, 12, 40, tzinfo=UTC)
    minute = next(free_minutes(Schedule.parse("0 7 * * *", NEW_YORK), now))
    assert (minute.name, minute.instant) == ("2026-11-24T09:12", now)


def test_a_minute_of_the_schedules_own_is_left_to_it() -> None:
    schedule = Schedule.parse("0-2 7 * * *", NEW_YORK)
    assert next(free_minutes(schedule, SLOT.instant)).name == "2026-11-24T07:03"
    assert list(free_minutes(Schedule.parse("* * * * *", NEW_YORK), SLOT.instant)) == []


@given(st.integers(0, 366 * 24 * 60))
def test_no_extra_ever_has_a_slot_of_the_schedule(minutes: int) -> None:
    schedule = Schedule.parse("*/7 * * * *", NEW_YORK)
    minute = next(free_minutes(schedule, SLOT.instant + timedelta(minutes=minutes)))
    assert minute.name not in {slot.name for slot in schedule.day(minute.local.date())}


@pytest.mark.parametrize("name", ["", "a b", "2026-11-24", "2026-11-24T07:00", "ü", "-x", "a" * 41])
def test_a_name_that_no_command_could_say_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for an extra"):
        checked_name(name)


def test_a_plain_name_is_taken() -> None:
    assert checked_name("correction-1.b_C") == "correction-1.b_C"


@ON_SQLITE
async def test_an_extra_that_is_begun_takes_other_words_until_it_is_approved(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        first = begun(room)
        again = begun(room, body="It was early.")
        assert again.id == first.id
        desk = room.desk()
        found, rendering = find_extra(desk, desk.settings.newsletter[0], "correction")
        assert found == again
        assert rendering == written(room, "It was early.")
        with room.store.write() as session:
            issues.approve(session, again, room.clock())
        with pytest.raises(IssueError, match="approved and its words are fixed"):
            begun(room)


@ON_SQLITE
async def test_no_feed_fills_an_extra(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        issue = begun(room)
        desk = room.desk()
        slot = next(free_minutes(desk.schedule(desk.settings.newsletter[0]), room.clock()))
        assert slot.name == issue.slot
        made = draft(desk, desk.settings.newsletter[0], slot)
        assert (made.issue.id, made.rendering, made.selection.articles) == (issue.id, written(room), ())


async def test_the_schedule_goes_its_way_whatever_extras_there_are(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        begun(room, "never-sent")
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        room.clock.now = SLOT.instant + timedelta(hours=2)
        desk = room.desk()
        sent = await freeze(desk, desk.settings.newsletter[0], begun(room))
        assert sent.state is IssueState.FROZEN
        # The service is the sender, of extras too.
        await live_at(service, room.clock, room.clock())
        assert set(room.copies.values()) == {2}
        room.publish("second-day")
        await live_at(service, room.clock, NEXT.instant - timedelta(minutes=30), NEXT.instant)
        assert set(room.copies.values()) == {3}
        assert room.issue(NEXT).state is IssueState.SENT
        assert room.told == [
            f"daily {SLOT.name}: 3 of 3 accepted",
            "daily 2026-11-24T09:00 (correction): 3 of 3 accepted",
            f"daily {NEXT.name}: 3 of 3 accepted",
        ]


@ON_SQLITE
async def test_an_extra_that_a_quota_stopped_is_tried_again_every_hour(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        service = room.service()
        issue = await freeze(desk, desk.settings.newsletter[0], begun(room))
        with room.store.write() as session:
            issues.hold(session, issue, "quota", "used up", room.clock())
        start = room.clock()
        await live_at(service, room.clock, start + timedelta(minutes=59))
        assert room.mailed == []
        await live_at(service, room.clock, start + timedelta(minutes=61))
        assert len(room.mailed) == 3
