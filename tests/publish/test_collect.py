"""Collecting: what a feed shows comes into the ledger, and what it fails to show changes nothing."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from feed_site import Answer, Story
from press import ON_SQLITE, Press, press

from digest.model import FeedStatus
from digest.publish import Collected, collect
from digest.publish.collect import ask_feeds
from digest.store import articles
from digest.store.database import Store

HOUR = timedelta(hours=1)
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment</title></head><body>Checking you</body></html>"


async def once(room: Press, *, conditional: bool = True, patient: bool = False) -> Collected:
    [collected] = await collect(room.desk(), conditional=conditional, patient=patient)
    return collected


def status(room: Press, url: str = "") -> FeedStatus:
    with room.store.read() as session:
        return next(one for one in articles.feeds(session) if one.url == (url or room.site.feed_url))


def standing(room: Press) -> dict[str, dict[str, str]]:
    """Each article's standing with each newsletter, by guid."""
    with room.store.read() as session:
        return {article.guid: dict(phrases) for article, phrases in articles.listing(session, 100)}


def everything(store: Store) -> list[tuple[Any, ...]]:
    """Articles and judgements, row by row."""
    with store.read() as session:
        connection = session.connection()
        return [
            tuple(row)
            for table in ("article", "judgement")
            for row in connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1, 2"))
        ]


async def test_a_first_collecting_tells_news_from_what_was_there_before(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("yesterdays-but-fresh", minutes_ago=23 * 60)
        room.publish("of-last-week", minutes_ago=4 * 24 * 60)
        room.publish("of-last-year", minutes_ago=300 * 24 * 60)
        collected = await once(room)
        assert collected.arrived is not None
        assert len(collected.arrived.new) == 4
        assert standing(room) == {
            "ferry-runs-again": {"daily": "waiting"},
            "yesterdays-but-fresh": {"daily": "waiting"},
            "of-last-week": {"daily": "baseline"},
            "of-last-year": {"daily": "baseline"},
        }


@ON_SQLITE
async def test_what_is_too_old_when_first_seen_stays_so(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        room.clock.now += HOUR
        room.publish("imported", minutes_ago=8 * 24 * 60)
        room.publish("late", minutes_ago=6 * 24 * 60)
        await once(room)
        room.clock.now += 3 * 24 * HOUR
        await once(room, conditional=False)
        assert standing(room)["imported"] == {"daily": "too old"}
        assert standing(room)["late"] == {"daily": "waiting"}


@ON_SQLITE
async def test_each_newsletter_judges_for_itself(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        room.clock.now += 3 * 24 * HOUR
        room.publish("todays")
        room.newsletters += '[[newsletter]]\nname = "noon"\nschedule = "0 12 * * *"\n'
        await once(room)
        assert standing(room) == {
            "ferry-runs-again": {"daily": "waiting", "noon": "baseline"},
            "todays": {"daily": "waiting", "noon": "waiting"},
        }


@ON_SQLITE
async def test_a_feed_that_is_added_later_has_a_baseline_of_its_own(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        room.clock.now += 5 * 24 * HOUR
        sport = f"{room.site.base}/sport"
        room.feeds = [room.site.feed_url, sport]
        room.site.feeds["/sport"] = [
            Story(slug="old-match", published_at=room.clock() - 3 * 24 * HOUR),
            Story(slug="new-match", published_at=room.clock() - HOUR),
        ]
        room.site.down("/sport")
        await collect(room.desk())
        room.clock.now += HOUR
        room.site.up("/sport")
        await collect(room.desk())
        assert standing(room)["old-match"] == {"daily": "baseline"}
        assert standing(room)["new-match"] == {"daily": "waiting"}


async def test_a_feed_whose_address_is_changed_goes_on_with_what_waits(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        for number in range(4):
            room.publish(f"story-{number}", minutes_ago=number + 1)
        await once(room)
        moved = f"{room.site.base}/news"
        # It lists the newest by then; the others have fallen off its end.
        room.site.feeds["/news"] = sorted(room.site.stories, key=lambda each: each.published_at)[-3:]
        room.feeds = [moved]
        room.clock.now += HOUR
        await collect(room.desk())
        assert set(standing(room)) == {"ferry-runs-again", *(f"story-{number}" for number in range(4))}
        with store.read() as session:
            assert [one.url for one in articles.feeds(session)] == [moved]
            candidates = articles.candidates(session, "daily", [moved])
        assert len(candidates) == 5


@ON_SQLITE
async def test_what_a_damaged_reading_leaves_out_has_not_vanished(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("in-the-middle", minutes_ago=20)
        room.publish("the-oldest", minutes_ago=30)
        await once(room)
        whole = room.site.answer("/feed", {})
        for lost in (b'<guid isPermaLink="false">in-the-middle</guid>', b"/in-the-middle"):
            assert lost in whole.body
            whole.body = whole.body.replace(lost, b"")
        whole.body = whole.body.replace(f"<link>{room.site.base}</link><pubDate>".encode(), b"<pubDate>")
        room.site.answers["/feed"] = Answer(body=whole.body, headers={"Content-Type": "application/rss+xml"})
        collected = await once(room)
        assert collected.complaints
        assert collected.vanished == ()
        assert standing(room)["in-the-middle"] == {"daily": "waiting"}


FAILURES = {
    "an error": Answer(status=500),
    "not found": Answer(status=404),
    "forbidden": Answer(status=403, body=PAGE, headers={"Content-Type": "text/html"}),
    "too many": Answer(status=429, headers={"Retry-After": "600"}),
    "gone": Answer(status=410),
    "a challenge page": Answer(body=PAGE, headers={"Content-Type": "text/html"}),
    "nothing": Answer(body=b""),
    "garbage": Answer(body=b"\x00\x01\x02 what is this"),
    "cut off": Answer(body=b'<?xml version="1.0"?><rss version="2.0"><chan'),
    "a redirect into nothing": Answer(status=302, headers={"Location": "ftp://nowhere.example/"}),
    "a redirect in a circle": Answer(status=302, headers={"Location": "/feed"}),
    "a false compression": Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
}


@ON_SQLITE
@pytest.mark.parametrize("conditional", [True, False], ids=["conditional", "unconditional"])
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
async def test_a_failure_changes_nothing_but_what_is_known_of_the_feed(
    store: Store, tmp_path: Path, answer: Answer, conditional: bool
) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        ledger, before = everything(store), status(room)
        room.clock.now += HOUR
        room.publish("unseen")
        room.site.answers["/feed"] = answer
        for failures in (1, 2):
            collected = await once(room, conditional=conditional)
            assert collected.error
            assert collected.arrived is None
            now = status(room)
            assert (now.failures, now.last_error) == (failures, collected.error)
            assert everything(store) == ledger
            kept = (now.etag, now.last_modified, now.body_hash, now.good_at, now.first_fetched_at)
            assert kept == (
                before.etag,
                before.last_modified,
                before.body_hash,
                before.good_at,
                before.first_fetched_at,
            )
        room.site.up()
        collected = await once(room, conditional=conditional)
        assert collected.arrived is not None
        assert [article.guid for article in collected.arrived.new] == ["unseen"]
        assert (status(room).failures, status(room).last_error, status(room).gone) == (0, "", False)


@ON_SQLITE
async def test_a_feed_whose_server_is_not_there_changes_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.feeds = ["http://127.0.0.1:1/feed"]
        collected = await once(room)
        assert "cannot be reached" in collected.error
        assert everything(store) == []


@ON_SQLITE
async def test_not_modified_is_neither_a_failure_nor_news(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        before = status(room)
        room.clock.now += HOUR
        collected = await once(room)
        assert (collected.arrived, collected.error) == (None, "")
        assert status(room).good_at == room.clock()
        assert status(room).etag == before.etag
        collected = await once(room, conditional=False)
        assert collected.arrived is not None
        assert collected.arrived.new == ()


@ON_SQLITE
async def test_one_feed_that_fails_keeps_no_other_from_being_read(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        names = [f"/feed-{number}" for number in range(6)]
        for name in names:
            room.site.feeds[name] = [
                Story(slug=f"of{name}".replace("/", "-"), published_at=room.clock() - HOUR)
            ]
        room.feeds = [f"{room.site.base}{name}" for name in names]
        room.site.down("/feed-0")
        room.site.down("/feed-3")
        collected = await collect(room.desk())
        assert [one.url for one in collected] == room.feeds
        assert [bool(one.error) for one in collected] == [True, False, False, True, False, False]
        assert len(standing(room)) == 4


async def test_two_who_collect_at_once_take_each_article_in_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        for number in range(20):
            room.publish(f"story-{number}")
        desk = room.desk()
        await asyncio.gather(*(collect(desk, conditional=False) for _ in range(3)))
        assert len(standing(room)) == 21
        assert {tuple(one.values()) for one in standing(room).values()} == {("waiting",)}


@ON_SQLITE
async def test_a_damaged_feed_gives_what_it_has_and_is_asked_for_as_a_whole(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        whole = room.site.answer("/feed", {})
        damaged = whole.body.replace(b"</item>", b"</item><odd></channel></rss>")
        room.site.answers["/feed"] = Answer(body=damaged, headers=whole.headers)
        collected = await once(room)
        assert set(standing(room)) == {"ferry-runs-again"}
        assert "malformed" in collected.complaints[0]
        room.site.up()
        await once(room)
        assert room.site.conditions[-1] == {}


@ON_SQLITE
async def test_a_feed_that_breaks_off_is_a_failure(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=300)
        whole = room.site.answer("/feed", {})
        end = whole.body.index(b"</item>") + len(b"</item><item><guid>")
        room.site.answers["/feed"] = Answer(body=whole.body[:end], headers=whole.headers)
        assert "cut off" in (await once(room)).error
        assert standing(room) == {}
        room.site.up()
        await once(room)
        assert set(standing(room)) == {"ferry-runs-again", "older-story"}


# What sites ask for.


@ON_SQLITE
async def test_who_is_patient_waits_as_long_as_the_site_asks_and_a_hand_does_not(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.site.down(status=429, Retry_After="600")
        await once(room, patient=True)
        room.site.up()
        asked = len(room.site.asked)
        collected = await once(room, patient=True)
        assert "not asked again before 2026-11-23 20:10 UTC" in collected.error
        assert (len(room.site.asked), status(room).failures) == (asked, 1)
        assert (await once(room)).error == ""
        assert (await once(room, patient=True)).error == ""


@ON_SQLITE
async def test_a_feed_is_not_left_alone_for_years_where_the_clock_was_set_back(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.site.down(status=429, Retry_After="600")
        await once(room, patient=True)
        room.site.up()
        room.clock.now -= timedelta(days=400)
        assert (await once(room, patient=True)).error == ""


@ON_SQLITE
async def test_a_permanent_redirect_is_believed_after_three_times_running(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.site.feeds["/new"] = room.site.stories
        moved = Answer(status=301, headers={"Location": f"{room.site.base}/new"})
        room.site.answers["/feed"] = moved
        await once(room)
        await once(room)
        room.site.up()
        await once(room, conditional=False)
        room.site.answers["/feed"] = moved
        for _ in range(3):
            room.site.asked.clear()
            await once(room, conditional=False)
            assert room.site.asked == ["/feed", "/new"]
        room.site.asked.clear()
        await once(room)
        assert room.site.asked == ["/new"]
        assert len(standing(room)) == 1


async def settled(room: Press) -> None:
    """The site moves its feed to another address for good, and that is believed."""
    room.site.feeds["/new"] = room.site.stories
    room.site.answers["/feed"] = Answer(status=301, headers={"Location": f"{room.site.base}/new"})
    for _ in range(3):
        await once(room, conditional=False)


async def asking(room: Press, **how: bool) -> list[str]:
    """Collect, and give what was asked."""
    room.site.asked.clear()
    await once(room, **how)
    return room.site.asked


@ON_SQLITE
async def test_a_feed_that_is_gone_from_where_it_was_moved_to_is_asked_where_it_was(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await settled(room)
        room.site.down("/new", 410)
        room.site.up()
        room.publish("back-home", minutes_ago=5)
        assert await asking(room) == ["/new", "/feed"]
        assert "back-home" in standing(room)
        assert not status(room).gone
        room.site.up("/new")
        assert await asking(room) == ["/feed"]
        # It has to be told three times running anew.
        await settled(room)
        assert await asking(room) == ["/new"]


@ON_SQLITE
async def test_a_moved_feed_that_fails_is_asked_where_it_was_after_a_day(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await settled(room)
        room.site.down("/new")
        room.site.up()
        room.clock.now += 23 * HOUR
        assert await asking(room) == ["/new"]
        room.clock.now += HOUR
        assert await asking(room) == ["/new", "/feed"]
        assert await asking(room) == ["/feed"]


@ON_SQLITE
async def test_a_move_stands_where_the_old_address_has_no_feed_either(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await settled(room)
        room.site.down("/new", 410)
        collected = await once(room)
        assert "/new is gone for good" in collected.error
        room.site.down("/feed", 404)
        assert "/new is gone for good" in (await once(room)).error
        room.site.up("/new")
        assert await asking(room) == ["/new"]


@ON_SQLITE
async def test_a_passing_redirect_is_followed_and_never_believed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.feeds["/elsewhere"] = room.site.stories
        room.site.answers["/feed"] = Answer(status=302, headers={"Location": "/elsewhere"})
        for _ in range(5):
            assert (await once(room)).error == ""
        room.site.asked.clear()
        await once(room)
        assert room.site.asked[0] == "/feed"


@ON_SQLITE
async def test_a_sites_own_address_is_asked_for_its_feed_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        link = b'<link rel="alternate" type="application/rss+xml" href="/feed">'
        page = b"<!DOCTYPE html><html><head>" + link + b"</head><body>News</body></html>"
        room.site.answers["/home"] = Answer(body=page, headers={"Content-Type": "text/html"})
        room.feeds = [f"{room.site.base}/home"]
        collected = await once(room)
        assert (collected.error, collected.url) == ("", room.feeds[0])
        assert set(standing(room)) == {"ferry-runs-again"}
        room.site.asked.clear()
        await once(room)
        assert room.site.asked == ["/feed"]


@ON_SQLITE
async def test_a_page_in_the_place_of_a_known_feed_is_not_asked_for_another(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        link = b'<link rel="alternate" type="application/rss+xml" href="/comments">'
        page = b"<!DOCTYPE html><html><head>" + link + b"</head><body>Sorry</body></html>"
        room.site.answers["/feed"] = Answer(body=page, headers={"Content-Type": "text/html"})
        room.site.feeds["/comments"] = [Story(slug="a-comment", published_at=room.clock())]
        assert "web page" in (await once(room)).error
        assert set(standing(room)) == {"ferry-runs-again"}


async def named_by_a_page(room: Press, path: str) -> None:
    """The configured address is a page's, which names its feed: at first another, which is gone by now."""
    for named in ("/feed", path):
        link = f'<link rel="alternate" type="application/rss+xml" href="{named}">'.encode()
        page = b"<!DOCTYPE html><html><head>" + link + b"</head><body>News</body></html>"
        room.site.answers["/home"] = Answer(body=page, headers={"Content-Type": "text/html"})
        room.feeds = [f"{room.site.base}/home"]
        if named == "/feed":
            await once(room)
    room.site.down("/feed", 410)


@ON_SQLITE
async def test_a_found_feed_that_is_gone_is_found_anew(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await named_by_a_page(room, "/news")
        room.publish("found-again", minutes_ago=5)
        room.site.feeds["/news"] = room.site.stories
        assert await asking(room) == ["/feed", "/home", "/news"]
        assert set(standing(room)) == {"ferry-runs-again", "found-again"}
        assert await asking(room) == ["/news"]


@ON_SQLITE
async def test_a_feed_that_shows_nothing_known_is_not_taken_for_one_that_is_gone(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await named_by_a_page(room, "/comments")
        room.site.feeds["/comments"] = [Story(slug="a-comment", published_at=room.clock())]
        assert "gone for good" in (await once(room)).error
        assert status(room, room.feeds[0]).gone
        assert set(standing(room)) == {"ferry-runs-again"}
        room.site.up("/feed")
        assert await asking(room) == ["/feed"]


@ON_SQLITE
async def test_a_page_that_names_no_feed_is_a_failure(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.answers["/home"] = Answer(body=PAGE, headers={"Content-Type": "text/html"})
        room.site.feeds.clear()
        room.feeds = [f"{room.site.base}/home"]
        assert "names no feed" in (await once(room)).error


async def test_a_feed_that_takes_too_long_in_all_has_failed_and_that_is_said(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.site.hold["/feed"] = threading.Event()
        [collected] = await ask_feeds(room.desk(), [room.site.feed_url], conditional=True, seconds=0.2)
        assert "took longer than 0 s in all" in collected.error
        with room.store.read() as session:
            [feed] = articles.feeds(session)
        assert (feed.failures, feed.last_error) == (1, collected.error)


async def test_a_reading_that_is_overtaken_by_one_that_began_later_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        back = room.site.hold_back["/feed"] = threading.Event()
        earlier = asyncio.create_task(once(room, conditional=False))
        async with asyncio.timeout(20):
            while len(room.site.asked) == 1:  # noqa: ASYNC110 - what is waited for happens in another thread
                await asyncio.sleep(0.01)
        del room.site.hold_back["/feed"]
        room.clock.now += timedelta(minutes=1)
        room.site.stories[0].title = "Corrected"
        assert len((await once(room, conditional=False)).changes) == 1
        room.site.stories[0].title = "Once more"
        back.set()
        assert (await earlier).arrived is None
        with room.store.read() as session:
            assert [one.title for one, _ in articles.listing(session, 10)] == ["Corrected"]
        assert status(room).good_at == room.clock.now


async def test_a_feed_is_read_on_where_the_clock_was_set_back(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await once(room)
        room.clock.now -= timedelta(days=400)
        room.publish("since-then")
        collected = await once(room)
        assert collected.arrived is not None
        assert [one.guid for one in collected.arrived.new] == ["since-then"]
