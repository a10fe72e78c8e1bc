"""Days in the life of the service, on a travelled clock: real store, feed over HTTP, relay over SMTP."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from press import DAILY, NEXT, OPERATOR, SLOT, Press, live_at, live_until, press

from digest.model import Channel, IssueState
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVEN = SLOT.instant
"""Seven in New York, on Tuesday."""
EVENING = SEVEN - timedelta(hours=12)
FIVE = {f"reader{number}@mail.example" for number in range(1, 6)}


@pytest.fixture
async def room(store: Store, tmp_path: Path) -> AsyncIterator[Press]:
    """A press with five readers and the story "ice" of an hour ago."""
    async with press(store, tmp_path, readers=5, now=EVENING) as opened:
        opened.site.stories.clear()
        opened.publish("ice", minutes_ago=60)
        yield opened


async def test_a_day_passes_and_everybody_gets_the_issue_once(room: Press) -> None:
    service = room.service()
    await live_until(service, room.clock, SEVEN - HOUR - timedelta(minutes=10), every=30)
    assert room.find() is None
    await live_at(service, room.clock, SEVEN - HOUR)
    assert room.issue().state is IssueState.DRAFT
    await live_at(service, room.clock, SEVEN - timedelta(minutes=1))
    assert not room.relay.received
    await live_until(service, room.clock, SEVEN + HOUR, every=5)
    assert room.copies == Counter(FIVE)
    assert room.issue().state is IssueState.SENT
    assert room.relay.recipients.count(OPERATOR) == 1
    await live_until(room.service(), room.clock, SEVEN + 3 * HOUR, every=5)
    assert room.copies == Counter(FIVE)


async def test_two_schedulers_on_one_database_mail_everybody_once(room: Press) -> None:
    one, two = room.service(), room.service()
    for service in (one, two):
        await live_at(service, room.clock, EVENING)
    for service in (one, two, one):
        await live_at(service, room.clock, SEVEN)
    assert room.copies == Counter(FIVE)
    assert slots(room) == [SLOT.name]


async def test_a_first_start_after_todays_slot_waits_for_tomorrows(room: Press) -> None:
    room.clock.now = SEVEN + HOUR
    service = room.service()
    await live_until(service, room.clock, SEVEN + 4 * HOUR, every=60)
    assert not room.mailed
    room.clock.now = SEVEN + 10 * HOUR
    room.publish("snow", minutes_ago=0)
    room.clock.now = SEVEN + 4 * HOUR
    await live_until(service, room.clock, SEVEN + DAY, every=60)
    assert slots(room) == [NEXT.name]
    assert room.copies == Counter(FIVE)


@pytest.mark.parametrize(
    "back",
    [timedelta(minutes=-10), timedelta(0), 5 * HOUR],
    ids=["before the slot", "at the slot", "within its grace"],
)
async def test_a_restart_makes_up_for_a_missed_slot_within_its_grace(room: Press, back: timedelta) -> None:
    await live_at(room.service(), room.clock, EVENING)
    later = max(SEVEN, SEVEN + back) + timedelta(minutes=1)
    await live_at(room.service(), room.clock, SEVEN + back, later)
    assert room.issue().state is IssueState.SENT
    assert room.copies == Counter(FIVE)


async def test_a_slot_missed_beyond_its_grace_is_skipped_and_its_articles_are_carried(room: Press) -> None:
    await live_at(room.service(), room.clock, EVENING)
    service = room.service()
    await live_at(service, room.clock, SEVEN + 7 * HOUR)
    assert room.issue().state is IssueState.SKIPPED
    assert not room.mailed
    await live_at(service, room.clock, SEVEN + DAY)
    assert room.issue(NEXT).state is IssueState.SENT
    assert room.copies == Counter(FIVE)
    assert holds(room, "ice") == [True] * 5


async def test_a_stale_feed_delays_the_issue_until_it_is_back(room: Press) -> None:
    service = room.service()
    await live_at(service, room.clock, EVENING)
    room.site.down()
    await live_until(service, room.clock, SEVEN + HOUR, every=30)
    assert not room.mailed
    room.site.up()
    await live_until(service, room.clock, SEVEN + HOUR + timedelta(minutes=10), every=5)
    assert room.copies == Counter(FIVE)


async def test_a_feed_that_fails_at_the_slot_is_stood_in_for_by_its_last_good_fetch(room: Press) -> None:
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN - HOUR)
    room.site.down()
    await live_at(service, room.clock, SEVEN)
    assert room.copies == Counter(FIVE)


async def test_a_post_trashed_before_the_slot_is_not_mailed(room: Press) -> None:
    room.publish("older", minutes_ago=120)
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN - HOUR)
    room.site.stories[:] = [story for story in room.site.stories if story.slug != "ice"]
    await live_at(service, room.clock, SEVEN)
    assert room.copies == Counter(FIVE)
    assert holds(room, "ice") == [False] * 5
    assert holds(room, "older") == [True] * 5


async def test_too_few_articles_skip_the_issue(room: Press) -> None:
    room.site.stories.clear()
    await live_at(room.service(), room.clock, EVENING, SEVEN)
    assert room.issue().state is IssueState.SKIPPED
    assert not room.mailed


async def test_what_is_over_the_maximum_is_carried_and_comes_first(room: Press) -> None:
    room.newsletters = f"{DAILY}max_articles = 1\n"
    room.publish("older", minutes_ago=120)
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN, SEVEN + HOUR)
    room.publish("newest", minutes_ago=0)
    await live_at(service, room.clock, SEVEN + DAY)
    assert holds(room, "ice") == [True] * 5 + [False] * 5
    assert holds(room, "older") == [False] * 5 + [True] * 5
    assert holds(room, "newest") == [False] * 10


async def test_an_empty_audience_holds_the_issue_until_somebody_joins(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0, now=EVENING) as room:
        service = room.service()
        await live_at(service, room.clock, EVENING, SEVEN)
        held = room.issue()
        assert (held.state, held.hold_code) == (IssueState.HELD, "audience")
        room.subscribe(1)
        await live_at(service, room.clock, SEVEN + timedelta(minutes=10))
        assert room.copies == Counter({"reader1@mail.example": 1})


async def test_an_audience_that_has_halved_holds_the_issue_until_an_operator_looks(room: Press) -> None:
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN)
    with room.store.write() as session:
        for number in range(1, 4):
            reader = subscribers.find(session, f"reader{number}@mail.example")
            assert reader is not None
            subscribers.leave(session, reader.id, ["daily"], Visit(channel=Channel.OPERATOR), SEVEN)
    await live_at(service, room.clock, SEVEN + HOUR)
    room.publish("snow", minutes_ago=0)
    await live_at(service, room.clock, SEVEN + DAY)
    held = room.issue(NEXT)
    assert (held.state, held.hold_code) == (IssueState.HELD, "audience")
    with room.store.write() as session:
        issues.resume(session, held, room.clock(), confirm_audience=True)
    await live_at(service, room.clock, SEVEN + DAY + timedelta(minutes=10))
    assert room.issue(NEXT).state is IssueState.SENT
    assert len(room.mailed) == 7


async def test_an_issue_that_needs_approval_waits_for_it_and_an_edit_takes_it_back(room: Press) -> None:
    room.newsletters = f'{DAILY}approval = "required"\n'
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN - HOUR)
    approve(room)
    room.site.stories[0].text = "It froze over."
    await live_at(service, room.clock, SEVEN)
    assert not room.mailed
    assert room.issue().state is IssueState.DRAFT
    approve(room)
    await live_at(service, room.clock, SEVEN + timedelta(minutes=10))
    assert room.copies == Counter(FIVE)
    assert all(b"It froze over." in message.data for message in room.mailed)


async def test_a_cancelled_issues_articles_return(room: Press) -> None:
    service = room.service()
    await live_at(service, room.clock, EVENING, SEVEN - HOUR)
    with room.store.write() as session:
        issues.cancel(session, room.issue(), "wrong day", room.clock())
    await live_at(service, room.clock, SEVEN)
    assert not room.mailed
    await live_at(service, room.clock, SEVEN + DAY)
    assert holds(room, "ice") == [True] * 5
    assert room.copies == Counter(FIVE)


async def test_a_service_without_a_relay_rehearses_once_and_uses_nothing_up(room: Press) -> None:
    room.rehearses = True
    service = room.service()
    await live_at(service, room.clock, EVENING)
    await live_until(service, room.clock, SEVEN + timedelta(minutes=20), every=5)
    assert len(list((room.folder / "outbox" / "new").iterdir())) == 5
    assert room.issue().frozen_at is None


@pytest.mark.parametrize(
    ("slot", "instant"),
    [
        ("2026-03-08T02:30", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-11-01T01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
    ids=["the hour that is left out", "the hour that comes twice"],
)
async def test_a_night_in_which_clocks_change_has_one_issue(
    store: Store, tmp_path: Path, slot: str, instant: datetime
) -> None:
    hour, minute = slot[11:].split(":")
    async with press(store, tmp_path, readers=5, now=instant - 2 * HOUR) as room:
        room.newsletters = DAILY.replace("0 7 * * *", f"{int(minute)} {int(hour)} * * *")
        service = room.service()
        await live_at(service, room.clock, instant - 2 * HOUR)
        await live_until(service, room.clock, instant + 3 * HOUR, every=30)
        assert slots(room) == [slot]
        assert room.copies == Counter(FIVE)


def slots(room: Press) -> list[str]:
    """The slots of all issues that there are."""
    with room.store.read() as session:
        return [issue.slot for issue in issues.listing(session)]


def holds(room: Press, slug: str) -> list[bool]:
    """Whether a story's link stands in each message to a reader, in the order in which they went out."""
    return [f"/{slug}".encode() in message.data for message in room.mailed]


def approve(room: Press) -> None:
    with room.store.write() as session:
        issues.approve(session, room.issue(), room.clock())
