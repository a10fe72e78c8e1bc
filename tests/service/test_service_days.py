"""Days in the life of the service, on a travelled clock: real store, feed over HTTP, relay over SMTP."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feed_server import FeedServer
from smtp_server import SmtpServer
from travelled import newsroom, settings

from digest.model import Channel, IssueState
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""Seven in New York, on Tuesday."""
EVENING = SEVEN - timedelta(hours=12)
FIVE = {f"reader{number}@mail.example" for number in range(1, 6)}


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with FeedServer(stories={"Ice": EVENING - HOUR}) as server:
        yield server


@pytest.fixture
async def relay() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as server:
        yield server


def readers(relay: SmtpServer) -> Counter[str]:
    return Counter(name for name in relay.recipients if name.startswith("reader"))


async def test_a_day_passes_and_everybody_gets_the_issue_once(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    found = settings(
        tmp_path, feed=feed.url, smtp=relay.port, environ={"DIGEST_ALERTS__TO": "operator@ledger.example"}
    )
    room = newsroom(store, found, EVENING)
    await room.until(SEVEN - HOUR - timedelta(minutes=10), timedelta(minutes=30))
    assert room.issues() == []
    await room.look(SEVEN - HOUR)
    assert room.find("2026-11-24T07:00").state is IssueState.DRAFT
    await room.look(SEVEN - timedelta(minutes=1))
    assert not relay.received
    await room.until(SEVEN + HOUR)
    assert readers(relay) == Counter(FIVE)
    assert room.find("2026-11-24T07:00").state is IssueState.SENT
    assert relay.recipients.count("operator@ledger.example") == 1
    room.restart()
    await room.until(SEVEN + 3 * HOUR)
    assert readers(relay) == Counter(FIVE)


async def test_two_schedulers_on_one_database_mail_everybody_once(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    found = settings(tmp_path, feed=feed.url, smtp=relay.port)
    one = newsroom(store, found, EVENING)
    two = newsroom(store, found, EVENING, readers=0)
    for room in (one, two):
        await room.look(EVENING)
    for room in (one, two, one):
        await room.look(SEVEN)
    assert readers(relay) == Counter(FIVE)
    assert len(one.issues()) == 1


async def test_a_first_start_after_todays_slot_waits_for_tomorrows(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), SEVEN + HOUR)
    await room.until(SEVEN + 4 * HOUR, HOUR)
    assert not relay.received
    feed.stories["Snow"] = SEVEN + 10 * HOUR
    await room.until(SEVEN + DAY, HOUR)
    assert [issue.slot for issue in room.issues()] == ["2026-11-25T07:00"]
    assert readers(relay) == Counter(FIVE)


@pytest.mark.parametrize(
    "back",
    [timedelta(minutes=-10), timedelta(0), 5 * HOUR],
    ids=["before the slot", "at the slot", "within its grace"],
)
async def test_a_restart_makes_up_for_a_missed_slot_within_its_grace(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer, *, back: timedelta
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    room.restart()
    await room.look(SEVEN + back)
    await room.look(max(SEVEN, SEVEN + back) + timedelta(minutes=1))
    assert room.find("2026-11-24T07:00").state is IssueState.SENT
    assert readers(relay) == Counter(FIVE)


async def test_a_slot_missed_beyond_its_grace_is_skipped_and_its_articles_are_carried(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    room.restart()
    await room.look(SEVEN + 7 * HOUR)
    assert room.find("2026-11-24T07:00").state is IssueState.SKIPPED
    assert not relay.received
    await room.look(SEVEN + DAY)
    assert room.find("2026-11-25T07:00").state is IssueState.SENT
    assert readers(relay) == Counter(FIVE)
    assert b"ledger.example/ice/" in relay.received[0].data


async def test_a_stale_feed_delays_the_issue_until_it_is_back(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    feed.down = True
    await room.until(SEVEN + HOUR, timedelta(minutes=30))
    assert not readers(relay)
    feed.down = False
    await room.until(SEVEN + HOUR + timedelta(minutes=10))
    assert readers(relay) == Counter(FIVE)


async def test_a_feed_that_fails_at_the_slot_is_stood_in_for_by_its_last_good_fetch(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN - HOUR)
    feed.down = True
    await room.look(SEVEN)
    assert readers(relay) == Counter(FIVE)


async def test_a_post_trashed_before_the_slot_is_not_mailed(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    feed.stories["Older"] = EVENING - 2 * HOUR
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN - HOUR)
    del feed.stories["Ice"]
    await room.look(SEVEN)
    assert readers(relay) == Counter(FIVE)
    assert all(b"/ice/" not in message.data for message in relay.received)
    assert all(b"/older/" in message.data for message in relay.received)


async def test_too_few_articles_skip_the_issue(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    feed.stories.clear()
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN)
    assert room.find("2026-11-24T07:00").state is IssueState.SKIPPED
    assert not relay.received


async def test_what_is_over_the_maximum_is_carried_and_comes_first(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    environ = {"DIGEST_NEWSLETTER__0__MAX_ARTICLES": "1"}
    feed.stories["Older"] = EVENING - 2 * HOUR
    found = settings(tmp_path, feed=feed.url, smtp=relay.port, environ=environ)
    room = newsroom(store, found, EVENING, readers=1)
    await room.look(EVENING)
    await room.look(SEVEN)
    feed.stories["Newest"] = SEVEN + HOUR
    await room.look(SEVEN + DAY)
    first, second = (message.data for message in relay.received)
    assert b"/ice/" in first
    assert b"/older/" in second
    assert b"/newest/" not in second


async def test_an_empty_audience_holds_the_issue_until_somebody_joins(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING, readers=0)
    await room.look(EVENING)
    await room.look(SEVEN)
    held = room.find("2026-11-24T07:00")
    assert (held.state, held.hold_code) == (IssueState.HELD, "audience")
    with store.write() as session:
        newcomer = subscribers.Newcomer(email="reader1@mail.example", newsletter="daily")
        subscribers.add(session, [newcomer], SEVEN)
    await room.look(SEVEN + timedelta(minutes=10))
    assert readers(relay) == Counter({"reader1@mail.example": 1})


async def test_an_audience_that_has_halved_holds_the_issue_until_an_operator_looks(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN)
    with store.write() as session:
        for number in range(1, 4):
            reader = subscribers.find(session, f"reader{number}@mail.example")
            assert reader is not None
            subscribers.leave(session, reader.id, ["daily"], Visit(channel=Channel.OPERATOR), SEVEN)
    feed.stories["Snow"] = SEVEN + HOUR
    await room.look(SEVEN + DAY)
    held = room.find("2026-11-25T07:00")
    assert (held.state, held.hold_code) == (IssueState.HELD, "audience")
    with store.write() as session:
        issues.resume(session, held, room.clock.now, confirm_audience=True)
    await room.look(SEVEN + DAY + timedelta(minutes=10))
    assert room.find("2026-11-25T07:00").state is IssueState.SENT
    assert len(relay.received) == 7


async def test_an_issue_that_needs_approval_waits_for_it_and_an_edit_takes_it_back(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    environ = {"DIGEST_NEWSLETTER__0__APPROVAL": "required"}
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port, environ=environ), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN - HOUR)
    with store.write() as session:
        issues.approve(session, room.find("2026-11-24T07:00"), room.clock.now)
    feed.excerpt = "It froze over."
    await room.look(SEVEN)
    assert not relay.received
    assert room.find("2026-11-24T07:00").state is IssueState.DRAFT
    with store.write() as session:
        issues.approve(session, room.find("2026-11-24T07:00"), room.clock.now)
    await room.look(SEVEN + timedelta(minutes=10))
    assert readers(relay) == Counter(FIVE)
    assert all(b"It froze over." in message.data for message in relay.received)


async def test_a_cancelled_issues_articles_return(
    tmp_path: Path, store: Store, feed: FeedServer, relay: SmtpServer
) -> None:
    room = newsroom(store, settings(tmp_path, feed=feed.url, smtp=relay.port), EVENING)
    await room.look(EVENING)
    await room.look(SEVEN - HOUR)
    with store.write() as session:
        issues.cancel(session, room.find("2026-11-24T07:00"), "wrong day", room.clock.now)
    await room.look(SEVEN)
    assert not relay.received
    await room.look(SEVEN + DAY)
    assert all(b"/ice/" in message.data for message in relay.received)
    assert readers(relay) == Counter(FIVE)


async def test_a_service_without_a_relay_rehearses_once_and_uses_nothing_up(
    tmp_path: Path, store: Store, feed: FeedServer
) -> None:
    found = settings(tmp_path, feed=feed.url, smtp=25, environ={"DIGEST_SMTP__HOST": ""})
    room = newsroom(store, found, EVENING)
    await room.look(EVENING)
    await room.until(SEVEN + timedelta(minutes=20))
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 5
    assert room.find("2026-11-24T07:00").frozen_at is None


@pytest.mark.parametrize(
    ("slot", "instant"),
    [
        ("2026-03-08T02:30", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-11-01T01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
    ids=["the hour that is left out", "the hour that comes twice"],
)
async def test_a_night_in_which_clocks_change_has_one_issue(
    tmp_path: Path, store: Store, relay: SmtpServer, slot: str, instant: datetime
) -> None:
    hour, minute = slot[11:].split(":")
    environ = {"DIGEST_NEWSLETTER__0__SCHEDULE": f"{int(minute)} {int(hour)} * * *"}
    with FeedServer(stories={"Ice": instant - 3 * HOUR}) as feed:
        found = settings(tmp_path, feed=feed.url, smtp=relay.port, environ=environ)
        room = newsroom(store, found, instant - 2 * HOUR)
        await room.look(instant - 2 * HOUR)
        await room.until(instant + 3 * HOUR, timedelta(minutes=30))
    assert [issue.slot for issue in room.issues()] == [slot]
    assert readers(relay) == Counter(FIVE)
