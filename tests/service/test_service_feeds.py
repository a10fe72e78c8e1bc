"""Feeds that fail: at the slot, for hours, for good."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from feed_site import Story
from press import EVE, NEXT, ON_SQLITE, SLOT, Press, live, live_at, live_until, press
from structlog.testing import capture_logs

from digest.alerts import Alerts
from digest.model import IssueState
from digest.service import Service
from digest.store.database import Store

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def test_a_feed_that_fails_at_the_slot_is_replaced_by_its_last_good_fetch_and_told(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - 119 * MINUTE)
        room.site.down()
        await live_at(service, room.clock, SLOT.instant)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies.values()) == {1}
        older, report = room.letters
        assert str(older["Subject"]) == "daily: made of an older fetch of a feed"
        assert "answers 500" in older.get_content()
        assert "3 of 3 accepted" in str(report["Subject"])


@ON_SQLITE
async def test_a_stale_feed_is_asked_every_five_minutes_and_the_issue_goes_out_when_it_is_back(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - 2 * HOUR)
        room.site.down()
        await live_at(service, room.clock, SLOT.instant)
        asked = len(room.site.asked)
        await live_until(service, room.clock, SLOT.instant + 10 * MINUTE, every=1)
        assert len(room.site.asked) - asked == 2
        assert not room.mailed
        room.site.up()
        room.publish("from-the-dark-hours", minutes_ago=60)
        await live_until(service, room.clock, SLOT.instant + 15 * MINUTE, every=1)
        assert room.issue().state is IssueState.SENT
        assert room.decided() == {"ferry-runs-again": "included", "from-the-dark-hours": "included"}
        assert "daily: waiting for a feed" in room.told


@ON_SQLITE
async def test_a_feed_that_is_back_is_asked_unconditionally_before_freezing(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock())
        room.site.down()
        await live_until(service, room.clock, SLOT.instant + 13 * MINUTE, every=60)
        room.site.up()
        # The quarter of an hour comes before the next five minutes are over.
        await live_until(service, room.clock, SLOT.instant + 20 * MINUTE, every=1)
        assert room.issue().state is IssueState.SENT
        assert room.site.conditions[-1] == {}


@ON_SQLITE
async def test_an_issue_whose_feed_stays_away_is_skipped_and_carried(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.site.down()
        await live_until(service, room.clock, SLOT.instant + 6 * HOUR + MINUTE, every=60)
        assert room.issue().state is IssueState.SKIPPED
        assert not room.mailed
        assert f"daily {SLOT.name} was skipped" in room.told
        room.site.up()
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"ferry-runs-again": "included"}
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_a_feed_that_is_down_is_told_once_and_so_is_its_return(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, now=SLOT.instant + HOUR) as room:
        service = room.service()
        await live(service)
        room.site.down()
        await live_until(service, room.clock, SLOT.instant + 2 * HOUR, every=15)
        assert room.told == []
        await live_until(service, room.clock, SLOT.instant + 10 * HOUR, every=30)
        down = f"The feed {room.site.feed_url} is down"
        assert room.told == [down]
        room.site.up()
        service = room.service()
        await live_at(service, room.clock, SLOT.instant + 10 * HOUR + 15 * MINUTE)
        assert room.told == [down, f"Over: {down}"]
        room.site.down()
        await live_at(service, room.clock, SLOT.instant + 13 * HOUR)
        assert room.told[2:] == [down]


@ON_SQLITE
async def test_another_feed_that_is_down_delays_no_newsletter_that_does_not_take_from_it(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        sport = f"{room.site.base}/sport"
        room.site.feeds["/sport"] = []
        room.feeds = [room.site.feed_url, sport]
        room.newsletters = room.newsletters + f'feeds = ["{room.site.feed_url}"]\n'
        room.site.down("/sport")
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENT
        assert f"The feed {sport} is down" in room.told


async def two_feeds(room: Press, *, status: int) -> Service:
    """A newsletter of two feeds, one of which gives nothing more."""
    sport = f"{room.site.base}/sport"
    room.site.feeds["/sport"] = [Story(slug="match", published_at=room.clock())]
    room.feeds = [room.site.feed_url, sport]
    service = room.service()
    await live(service)
    room.site.down("/sport", status)
    return service


@ON_SQLITE
async def test_a_feed_that_is_gone_holds_up_no_issue(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = await two_feeds(room, status=410)
        await live_at(service, room.clock, SLOT.instant)
        assert room.decided() == {"ferry-runs-again": "included", "match": "included"}
        room.publish("next-days-news")
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"next-days-news": "included"}
        assert set(room.copies.values()) == {2}
        assert f"The feed {room.feeds[1]} is gone" in room.told


@ON_SQLITE
async def test_what_the_only_feed_gave_before_it_was_gone_is_mailed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.site.down(status=410)
        await live_at(service, room.clock, SLOT.instant)
        assert room.decided() == {"ferry-runs-again": "included"}
        await live_at(service, room.clock, NEXT.instant)
        assert room.issue(NEXT).state is IssueState.SKIPPED
        assert "0 new articles" in str(room.issue(NEXT).reason)


@ON_SQLITE
async def test_a_feed_that_has_been_down_for_a_day_keeps_the_others_waiting_no_more(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = await two_feeds(room, status=500)
        await live_at(service, room.clock, SLOT.instant)
        assert room.find() is None or room.issue().state is not IssueState.SENT
        await live_at(service, room.clock, NEXT.instant)
        assert room.issue(NEXT).state is IssueState.SENT


@ON_SQLITE
async def test_a_trashed_post_is_caught_by_the_fetch_before_freezing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=300)
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - 2 * MINUTE)
        assert "ferry-runs-again" in room.decided()
        room.site.stories.pop(0)
        await live_at(service, room.clock, SLOT.instant)
        assert room.decided() == {"older-story": "included", "ferry-runs-again": "vanished"}
        assert b"Ferry runs again" not in room.mailed[0].data


@ON_SQLITE
async def test_a_site_that_asks_for_time_is_given_it(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.site.down(status=503, Retry_After="7200")
        await live_at(service, room.clock, room.clock() + 15 * MINUTE)
        asked = len(room.site.asked)
        await live_until(service, room.clock, room.clock() + 119 * MINUTE, every=15)
        assert len(room.site.asked) == asked
        await live_at(service, room.clock, room.clock() + 15 * MINUTE)
        assert len(room.site.asked) == asked + 1


@ON_SQLITE
async def test_a_feed_that_is_gone_is_told_at_once_and_left_alone_for_a_day(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, now=SLOT.instant + HOUR) as room:
        service = room.service()
        await live(service)
        room.site.down(status=410)
        await live_at(service, room.clock, room.clock() + 15 * MINUTE)
        assert room.told == [f"The feed {room.site.feed_url} is gone"]
        assert "gone for good" in room.letters[0].get_content().replace("\n", " ")
        asked = room.site.asked.count("/feed")
        await live_until(service, room.clock, SLOT.instant + 20 * HOUR, every=120)
        assert room.site.asked.count("/feed") == asked
        room.site.up()
        await live_at(service, room.clock, NEXT.instant + 2 * HOUR)
        assert room.issue(NEXT).state is IssueState.SENT


@ON_SQLITE
async def test_a_trouble_that_turns_into_another_is_told_at_once_and_each_once(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, now=SLOT.instant + HOUR) as room:
        service = room.service()
        await live(service)
        down, blocked, gone = (
            f"The feed {room.site.feed_url} is {how}" for how in ("down", "refused to us by its site", "gone")
        )
        room.site.down()
        await live_until(service, room.clock, SLOT.instant + 4 * HOUR, every=15)
        for status in (403, 500, 403, 410):
            room.site.down(status=status)
            await live_at(service, room.clock, room.clock() + 15 * MINUTE)
        assert room.told == [down, blocked, gone]
        room.site.up()
        await live_at(service, room.clock, room.clock() + 25 * HOUR)
        ends = [subject for subject in room.told if subject.startswith("Over: The feed")]
        assert sorted(ends) == [f"Over: {one}" for one in (down, gone, blocked)]


@ON_SQLITE
async def test_feeds_whose_long_addresses_begin_alike_are_told_apart(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, now=SLOT.instant + HOUR) as room:
        room.feeds = [f"{room.site.base}/{'long' * 200}/{end}" for end in ("one", "two")]
        service = room.service()
        await live_at(service, room.clock, room.clock(), room.clock() + 15 * MINUTE)
        assert room.told == [f"The feed {feed} is down" for feed in room.feeds]


@ON_SQLITE
async def test_of_mistakes_in_two_collections_at_once_one_is_raised_and_both_are_logged(
    store: Store, tmp_path: Path
) -> None:
    def clock() -> datetime:
        with contextlib.suppress(RuntimeError):
            task = asyncio.current_task()
            if task is not None and task.get_name().startswith("collecting"):
                raise ZeroDivisionError
        return EVE

    async with press(store, tmp_path) as room:
        room.feeds = [room.site.feed_url, f"{room.site.base}/sport"]
        desk = replace(room.desk(), clock=clock)
        service = Service(desk, Alerts(desk), patience=60)
        with capture_logs() as logs, pytest.raises(ZeroDivisionError):
            await service.pulse()
        assert {one["feed"] for one in logs if one["event"] == "collecting.mistake"} == set(room.feeds)
