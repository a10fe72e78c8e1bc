"""A site that takes minutes: it keeps nothing waiting but the issue that is made of its feed."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from feed_site import Story
from press import DAILY, NEXT, ON_SQLITE, SLOT, Press, live, press
from sqlmodel import select

from digest.alerts import Alerts
from digest.model import IssueState, Slot
from digest.service import Service
from digest.store.database import Store
from digest.store.tables import ArticleRow

pytestmark = ON_SQLITE
SECONDS = 20
"""Longer than any of this takes on a busy machine, and shorter than a feed that hangs."""
SPORT = '[[newsletter]]\nname = "sport"\nschedule = "0 7 * * *"\nfeeds = ["{url}"]\n'


def two_newsletters(room: Press) -> Service:
    """A daily of one feed, and a second newsletter of another, at the same time."""
    sport = f"{room.site.base}/sport"
    room.site.feeds["/sport"] = [Story(slug="match", published_at=room.clock())]
    room.feeds = [room.site.feed_url, sport]
    room.newsletters = DAILY + f'feeds = ["{room.site.feed_url}"]\n' + SPORT.format(url=sport)
    room.subscribe(2, newsletter="sport", first=50)
    desk = room.desk()
    return Service(desk, Alerts(desk), patience=0.2)


def hang(room: Press, path: str = "/feed") -> threading.Event:
    room.site.hold[path] = threading.Event()
    return room.site.hold[path]


def is_sent(room: Press, newsletter: str = "daily", slot: Slot = SLOT) -> bool:
    issue = room.find(slot, newsletter)
    return issue is not None and issue.state is IssueState.SENT


async def until_sent(room: Press, service: Service, newsletter: str = "daily", slot: Slot = SLOT) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_sent(room, newsletter, slot):
            await live(service)


async def serve(stop: asyncio.Event) -> None:
    await stop.wait()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens outside this program
            await asyncio.sleep(0.01)


async def test_a_feed_that_hangs_at_the_slot_delays_its_own_newsletter_alone(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        await live(service)
        room.clock.now = SLOT.instant
        held = hang(room)
        await until_sent(room, service, "sport")
        assert not is_sent(room)
        room.publish("in-the-last-minute", minutes_ago=1)
        held.set()
        await until_sent(room, service)
        assert room.decided()["in-the-last-minute"] == "included"
        assert set(room.copies.values()) == {1}


async def test_what_was_asked_before_a_slot_is_no_news_for_it_however_late_it_comes(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        await live(service)
        room.clock.now = SLOT.instant
        back = room.site.hold_back["/feed"] = threading.Event()
        await live(service)
        # Its grace ends before the feed comes: nobody asks what became of it.
        room.clock.now = NEXT.instant - timedelta(hours=1)
        await live(service)
        room.publish("since-then", minutes_ago=1)
        room.clock.now = NEXT.instant
        await live(service)
        assert room.issue(NEXT).state is IssueState.DRAFT
        back.set()
        await until_sent(room, service, slot=NEXT)
        assert room.decided(NEXT)["since-then"] == "included"


async def test_a_feed_that_hangs_delays_no_newsletter_of_another_feed_that_was_asked_with_it(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        sport = f"{room.site.base}/sport"
        room.site.feeds["/sport"] = [Story(slug="match", published_at=room.clock())]
        room.feeds = [room.site.feed_url, sport]
        # The one that is made of both is made first.
        both = SPORT.replace('"{url}"', f'"{room.site.feed_url}", "{sport}"')
        room.newsletters = both + DAILY + f'feeds = ["{room.site.feed_url}"]\n'
        desk = room.desk()
        service = Service(desk, Alerts(desk), patience=0.2)
        await live(service)
        room.clock.now = SLOT.instant
        held = hang(room, "/sport")
        await until_sent(room, service)
        assert not is_sent(room, "sport")
        held.set()


async def test_a_feed_that_hangs_keeps_no_other_from_being_asked_every_quarter_of_an_hour(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        held = hang(room)
        await live(service)
        await eventually(lambda: room.site.asked.count("/sport") == 1)
        room.clock.now += timedelta(minutes=15)
        async with asyncio.timeout(SECONDS):
            while room.site.asked.count("/sport") == 1:
                await live(service)
        held.set()


async def test_an_issue_waits_for_no_page_that_may_name_a_picture_and_hangs(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        await live(service)
        room.publish("with-a-picture", minutes_ago=1)
        held = hang(room, "/with-a-picture")
        room.clock.now = SLOT.instant
        await until_sent(room, service)
        assert room.decided()["with-a-picture"] == "included"
        with store.read() as session:
            asked_at = session.exec(
                select(ArticleRow.page_asked_at).where(ArticleRow.guid == "with-a-picture")
            ).one()
        # The page is given up after ten seconds.
        assert asked_at is None
        held.set()


async def test_a_feed_that_keeps_an_issue_waiting_is_told_of_while_it_hangs(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        await live(service)
        room.clock.now = SLOT.instant
        held = hang(room)
        await live(service)
        assert "daily: waiting for a feed" not in room.told
        room.clock.now += timedelta(minutes=2)
        await live(service)
        assert "daily: waiting for a feed" in room.told
        held.set()
        await until_sent(room, service)
        assert "Over: daily: waiting for a feed" in room.told


async def test_a_feed_that_hangs_is_asked_once_and_not_again_at_each_look(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        held = hang(room)
        for _ in range(3):
            await live(service)
            room.clock.now += timedelta(minutes=20)
        held.set()
        await eventually(lambda: "/feed" in room.site.asked)
        assert room.site.asked.count("/feed") == 1


async def test_a_collection_that_ends_late_has_the_service_look_at_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = two_newsletters(room)
        await live(service)
        room.clock.now = SLOT.instant
        held, stop = hang(room), asyncio.Event()
        running = asyncio.create_task(service.run(stop, serve))
        # By itself it looks around every half a minute.
        await eventually(lambda: is_sent(room, "sport"))
        held.set()
        await eventually(lambda: is_sent(room))
        stop.set()
        await running
