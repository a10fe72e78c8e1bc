"""Collecting on: what has fallen off a feed's first page is read from the next, and a gap is told."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from feed_site import Answer, Story
from press import ON_SQLITE, Press, press, utc

from digest.feed.fetch import Fetched, Validators, client, fetch
from digest.publish import Collected, booking, collect
from digest.publish.paging import MOST_PAGES, Walk
from digest.publish.reading import reading
from digest.store import articles, gaps, health
from digest.store.database import Store
from digest.store.gaps import Gap

pytestmark = ON_SQLITE
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PER_PAGE = 4
DATA = Path(__file__).parents[1] / "feeds"


async def once(room: Press, *, conditional: bool = True, patient: bool = False) -> Collected:
    [collected] = await collect(room.desk(), conditional=conditional, patient=patient)
    return collected


def gap(room: Press) -> Gap | None:
    with room.store.read() as session:
        return gaps.standing(session, 1)


def known(room: Press) -> set[str]:
    with room.store.read() as session:
        return {article.guid for article, _ in articles.listing(session, 1000)}


def vanished(room: Press) -> set[str]:
    with room.store.read() as session:
        return {article.guid for article, _ in articles.listing(session, 1000) if article.vanished}


def burst(room: Press, count: int, name: str = "new") -> set[str]:
    """Publish so many at once, an hour after what was there."""
    room.clock.now += max(HOUR, count * MINUTE)
    return {room.publish(f"{name}-{number:03}", minutes_ago=count - number).slug for number in range(count)}


@contextmanager
def counting(room: Press) -> Iterator[list[str]]:
    room.site.asked.clear()
    yield room.site.asked


async def ready(room: Press, paged: str = "wordpress", *, stories: int = 6) -> None:
    """A site with more than a page, which has been collected once."""
    room.site.per_page, room.site.paged = PER_PAGE, paged
    for number in range(stories - 1):
        room.publish(f"old-{number}", minutes_ago=60 + number)
    with counting(room) as asked:
        await once(room)
    assert asked == ["/feed"]  # a first run reads one page


@pytest.mark.parametrize("paged", ["wordpress", "names"])
async def test_a_burst_is_read_on_until_an_article_is_known(store: Store, tmp_path: Path, paged: str) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, paged)
        came = burst(room, 11)
        with counting(room) as asked:
            collected = await once(room)
        assert asked == ["/feed", "/feed?paged=2", "/feed?paged=3"]
        assert collected.arrived is not None
        assert {article.guid for article in collected.arrived.new} == came
        assert [article.guid for article in collected.shown][:2] == ["new-010", "new-009"]
        assert (collected.pages, collected.gap, gap(room)) == (3, "", None)
        assert not vanished(room)


async def test_no_page_is_asked_that_is_not_needed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, PER_PAGE - 1)
        with counting(room) as asked:
            await once(room)
        assert asked == ["/feed"]


async def test_further_pages_carry_no_conditions(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 5)
        room.site.conditions.clear()
        await once(room)
        first, second = room.site.conditions
        assert first
        assert second == {}


async def test_what_was_trashed_is_seen_on_any_page(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 3, "middle")
        await once(room)
        trashed = next(story for story in room.site.stories if story.slug == "middle-001")
        room.site.stories.remove(trashed)
        burst(room, 9)
        collected = await once(room)
        assert collected.pages == 3
        assert vanished(room) == {"middle-001"}
        assert [article.guid for article in collected.vanished] == ["middle-001"]


async def test_the_end_of_the_site_ends_it(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.stories.clear()
        await ready(room, stories=1)
        came = burst(room, 6)
        with counting(room) as asked:
            collected = await once(room)
        assert asked == ["/feed", "/feed?paged=2", "/feed?paged=3"]
        assert (collected.gap, known(room)) == ("", came)


async def test_an_article_that_was_dated_anew_is_not_taken_for_the_end(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        came = burst(room, 7)
        bumped = next(story for story in room.site.stories if story.slug == "old-0")
        bumped.published_at = room.clock()
        await once(room)
        assert came < known(room)


async def test_a_known_article_that_was_dated_anew_into_the_last_place_is_not_taken_for_the_end(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        came = burst(room, 7)
        bumped = next(story for story in room.site.stories if story.slug == "old-0")
        bumped.published_at = room.clock() - 3 * MINUTE - timedelta(seconds=30)
        first = room.site.answer("/feed", {}).body.decode()
        assert first.rindex("<guid") == first.index('<guid isPermaLink="false">old-0')
        await once(room)
        assert came < known(room)


async def test_a_site_that_has_moved_is_known_by_its_paths(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        body = room.site.answer("/feed", {}).body.replace(
            b'isPermaLink="false">', b'isPermaLink="false">moved-'
        )
        room.site.answers["/feed"] = Answer(body=body)
        with counting(room) as asked:
            assert (await once(room)).gap == ""
        assert asked == ["/feed"]


# One page further, before an issue.


async def grown(room: Press, paged: str = "wordpress") -> None:
    """A site whose second page has been its first."""
    await ready(room, paged)
    burst(room, 3, "middle")
    await once(room)
    burst(room, 3)
    await once(room)


@pytest.mark.parametrize("paged", ["wordpress", "names", "hidden"])
async def test_an_article_that_comes_late_below_the_first_page_is_read_before_an_issue(
    store: Store, tmp_path: Path, paged: str
) -> None:
    async with press(store, tmp_path) as room:
        await grown(room, paged)
        came = room.publish("embargo-lifted", minutes_ago=90).slug
        await once(room)
        assert came not in known(room)
        with counting(room) as asked:
            collected = await once(room, conditional=False)
        assert asked == ["/feed", "/feed?paged=2"]
        assert collected.arrived is not None
        assert [article.guid for article in collected.arrived.new] == [came]
        assert collected.gap == ""


async def test_what_nobody_has_looked_at_further_down_is_no_news(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        before = known(room)
        with counting(room) as asked:
            await once(room, conditional=False)
        assert asked == ["/feed", "/feed?paged=2"]
        assert known(room) == before
        burst(room, 2)
        await once(room, conditional=False)
        assert len(known(room)) == len(before) + 2


async def test_an_article_that_was_dated_back_proves_nothing_about_those_above_it(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 1)
        await once(room)
        before = known(room)
        moved = next(story for story in room.site.stories if story.slug == "old-2")
        moved.published_at -= DAY
        await once(room, conditional=False)
        assert known(room) == before


@pytest.mark.parametrize("status", [404, 500])
async def test_one_page_further_that_does_not_come_is_no_gap(
    store: Store, tmp_path: Path, status: int
) -> None:
    async with press(store, tmp_path) as room:
        await grown(room, "names")
        room.site.down("/feed?paged=2", status)
        collected = await once(room, conditional=False)
        assert (collected.gap, collected.error, gap(room)) == ("", "", None)


async def test_a_page_further_that_is_out_of_some_cache_changes_nothing_that_is_known(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await grown(room)
        stale = room.site.answer("/feed?paged=2", {}).body.replace(b"Middle", b"Muddle")
        room.site.answers["/feed?paged=2"] = Answer(body=stale)
        burst(room, 2, "newest")
        await once(room, conditional=False)
        with room.store.read() as session:
            assert not [one for one, _ in articles.listing(session, 1000) if "Muddle" in one.title]
        assert vanished(room) == set()


async def test_pages_that_take_too_long_are_a_gap_and_what_came_before_them_is_kept(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 11)
        room.site.hold["/feed?paged=3"] = threading.Event()
        desk = room.desk()
        opened = booking.opened(desk, room.site.feed_url, room.clock())
        async with client("https://ledger.example", room.site.feed_url) as http:
            first = await fetch(http, room.site.feed_url, Validators(), now=room.clock())
            assert isinstance(first, Fetched)
            listed = await reading(first.body, first.headers, url=first.url, now=room.clock())
            for seconds in (0.5, 2, 8):
                walk = Walk(
                    desk=desk,
                    http=http,
                    status=opened.status,
                    gap=None,
                    keen=True,
                    thorough=False,
                    now=room.clock(),
                    on_page=lambda: None,
                    seconds=seconds,
                )
                trail = await walk.down(first, listed)
                # A busy machine may not have come as far as the page that hangs.
                if trail.pages > 1:
                    break
        assert "took longer" in trail.broken
        assert (trail.pages, len(trail.articles)) == (2, 2 * PER_PAGE)


# Gaps.


async def test_a_page_that_fails_is_a_gap_and_what_came_before_it_is_kept(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 11)
        room.site.down("/feed?paged=3")
        collected = await once(room)
        assert len(known(room)) == PER_PAGE + 2 * PER_PAGE
        assert collected.gap == (
            "What was published between 2026-11-23 19:50 and 2026-11-23 20:52 UTC may be missing: "
            f"{room.site.feed_url}?paged=3 answers 500."
        )
        assert collected.error == ""
        assert gap(room) == Gap(said=collected.gap, at=room.clock())
        assert not vanished(room)


async def test_a_page_that_leaves_articles_out_is_a_gap_and_says_which(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 5)
        whole = room.site.answer("/feed?paged=2", {}).body
        nameless = whole.replace(b"</channel>", b"<item><title>Whose?</title></item></channel>")
        room.site.answers["/feed?paged=2"] = Answer(body=nameless)
        collected = await once(room)
        [said] = collected.complaints
        assert said.startswith(f"{room.site.feed_url}?paged=2: 1 of 5 items")
        assert said in collected.gap
        assert len(known(room)) == PER_PAGE + 5
        assert not vanished(room)
        room.site.answers.clear()
        assert (await once(room)).gap == ""


async def test_what_is_wrong_with_a_further_page_is_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 5)
        page = room.site.answer("/feed?paged=2", {}).body
        room.site.answers["/feed?paged=2"] = Answer(body=b"<b>Warning</b>: in a.php on line 3\n" + page)
        collected = await once(room)
        [said] = collected.complaints
        assert said.startswith(f"{room.site.feed_url}?paged=2: ")
        assert collected.gap == ""
        with store.read() as session:
            [feed] = health.health(session, [room.site.feed_url])
        assert feed.complaints == said


@pytest.mark.parametrize("more", [0, 2, 9])
async def test_a_gap_is_closed_by_the_next_run_that_can(store: Store, tmp_path: Path, more: int) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        came = burst(room, 11)
        room.site.down("/feed?paged=3")
        await once(room)
        if more:
            came |= burst(room, more, "later")
        for number in range(1, 10):
            room.site.up(f"/feed?paged={number}")
        collected = await once(room, patient=True)
        assert came < known(room)
        assert (collected.gap, gap(room)) == ("", None)
        with counting(room) as asked:
            await once(room)
        assert asked == ["/feed"]


async def test_a_second_gap_before_the_first_is_closed_loses_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        came = burst(room, 11)
        room.site.down("/feed?paged=2")
        first = await once(room)
        since = room.clock()
        came |= burst(room, 9, "later")
        second = await once(room)
        assert first.gap != second.gap
        found = gap(room)
        assert found is not None
        assert (found.said, found.at) == (second.gap, since)
        room.site.up("/feed?paged=2")
        assert (await once(room)).gap == ""
        assert came < known(room)


async def test_an_old_gap_is_tried_by_hand_and_before_an_issue_and_left_alone_otherwise(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 11)
        room.site.down("/feed?paged=2")
        await once(room)
        said = gap(room)
        assert said is not None
        for span, how, pages in (
            (HOUR, {"patient": True}, 2),
            (3 * HOUR, {"patient": True}, 1),
            (3 * HOUR, {"patient": True, "conditional": False}, 2),
            (3 * HOUR, {}, 2),
        ):
            room.clock.now = said.at + span
            with counting(room) as asked:
                assert (await once(room, **how)).gap == said.said
            assert len(asked) == pages
        assert gap(room) == said


async def test_a_gap_that_a_failing_feed_has_stays_and_is_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 11)
        room.site.down("/feed?paged=2")
        told = (await once(room)).gap
        room.site.down()
        collected = await once(room)
        assert collected.error
        assert collected.gap == told


async def test_a_gap_is_let_go_once_nobody_would_mail_what_is_in_it(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 11)
        room.site.down("/feed?paged=2")
        await once(room)
        room.clock.now += 7 * DAY
        assert (await once(room)).gap
        room.clock.now += HOUR
        assert (await once(room)).gap == ""
        assert gap(room) is None


async def test_so_many_pages_are_a_runs_most(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, (MOST_PAGES + 1) * PER_PAGE)
        with counting(room) as asked:
            collected = await once(room)
        assert len(asked) == collected.pages == MOST_PAGES
        assert "further back than 20 pages" in collected.gap
        assert len(known(room)) == PER_PAGE + MOST_PAGES * PER_PAGE


BROKEN = {
    "a page": Answer(body=b"<!DOCTYPE html><title>Wait</title>", headers={"Content-Type": "text/html"}),
    "nothing": Answer(),
    "cut off": Answer(body=b'<?xml version="1.0"?><rss version="2.0"><channel><item><guid>x</guid><title>A'),
    "forbidden": Answer(status=403),
    "too many": Answer(status=429),
    "elsewhere": Answer(status=302, headers={"Location": "ftp://nowhere.example/"}),
    "in a circle": Answer(status=302, headers={"Location": "/feed?paged=2"}),
    "a false compression": Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_whatever_is_no_page_is_a_gap(store: Store, tmp_path: Path, answer: Answer) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 7)
        room.site.answers["/feed?paged=2"] = answer
        collected = await once(room)
        assert collected.gap
        assert collected.error == ""
        assert len(known(room)) == 2 * PER_PAGE


async def test_a_page_that_the_feed_names_and_that_is_not_there_is_a_gap(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, "names")
        burst(room, 7)
        room.site.down("/feed?paged=2", 404)
        assert "answers 404" in (await once(room)).gap


async def test_a_second_page_that_is_withheld_is_a_gap(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room)
        burst(room, 7)
        # WordPress says so past its end too; but older articles are known to have stood there.
        room.site.down("/feed?paged=2", 404)
        assert "no further page" in (await once(room)).gap


async def test_pages_that_lead_in_a_circle_are_a_gap(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, "names")
        burst(room, 11)
        page = room.site.answer("/feed?paged=2", {})
        room.site.answers["/feed?paged=2"] = Answer(body=page.body.replace(b"paged=3", b"paged=2"))
        with counting(room) as asked:
            assert "in a circle" in (await once(room)).gap
        assert len(asked) == 2


async def test_a_feed_without_further_pages_that_has_overflowed_is_a_gap(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, paged="")
        burst(room, 7)
        collected = await once(room)
        assert "no further page" in collected.gap
        assert len(known(room)) == 2 * PER_PAGE


async def test_a_feed_without_further_pages_that_lists_less_than_it_could_has_no_gap(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, paged="")
        room.site.stories.clear()
        burst(room, PER_PAGE - 1)
        assert (await once(room)).gap == ""


async def test_a_feed_of_one_item_has_no_gap(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.per_page = 1
        await once(room)
        burst(room, 1)
        assert (await once(room)).gap == ""


async def test_one_feed_with_a_gap_keeps_no_other_from_being_read(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        other = f"{room.site.base}/sport"
        room.site.feeds["/sport"] = [
            Story(slug="match", published_at=datetime.fromisoformat("2026-11-23T19:00Z"))
        ]
        room.feeds = [room.site.feed_url, other]
        room.site.per_page, room.site.paged = PER_PAGE, "wordpress"
        await collect(room.desk())
        burst(room, 7)
        room.site.feeds["/sport"].append(Story(slug="result", published_at=room.clock()))
        room.site.down("/feed?paged=2")
        news, sport = await collect(room.desk())
        assert news.gap
        assert (sport.gap, sport.error) == ("", "")
        assert "result" in known(room)


async def test_progress_is_told_page_by_page(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        await ready(room)
        burst(room, 11)
        seen: list[int] = []
        await collect(room.desk(), on_page=lambda: seen.append(1))
        assert len(seen) == 2


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_fails_in_between_nothing_is_missed_and_nothing_vanishes(
    store: Store, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        await ready(room, chance.choice(["wordpress", "names"]), stories=PER_PAGE)
        published = known(room)
        for step in range(8):
            published |= burst(room, chance.randrange(12), f"at-{step}")
            broken = [f"/feed?paged={number}" for number in range(2, 6) if chance.random() < 1 / 3]
            for path in broken:
                room.site.down(path)
            how = {"patient": chance.random() < 1 / 2, "conditional": chance.random() < 3 / 4}
            collected = await once(room, **how)
            assert bool(collected.gap) == (not published <= known(room) or gap(room) is not None)
            for path in broken:
                room.site.up(path)
        collected = await once(room)
        assert (collected.gap, known(room)) == ("", published)
        assert not vanished(room)


# What a real WordPress answered.


def wordpress(room: Press, *names: str) -> None:
    """Serve these files as the first page, the second, and so on; then what WordPress gives past the end."""
    rss = {"Content-Type": "application/rss+xml"}
    past = (DATA / "t0-page5-past-end.xml").read_bytes()
    for number in range(1, 6):
        path = "/feed/" if number == 1 else f"/feed/?paged={number}"
        room.site.answers[path] = Answer(status=404, body=past, headers=rss)
    for number, name in enumerate(names, 1):
        path = "/feed/" if number == 1 else f"/feed/?paged={number}"
        room.site.answers[path] = Answer(body=(DATA / name).read_bytes(), headers=rss)


@pytest.mark.parametrize("before", ["t0-page2.xml", "t0-page3.xml", "t0-page4.xml"])
async def test_a_wordpress_that_was_not_asked_for_days_is_read_down_to_what_was_known(
    store: Store, tmp_path: Path, before: str
) -> None:
    async with press(store, tmp_path, now=utc("2026-11-23 03:00")) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        room.feeds = [f"{room.site.base}/feed/"]
        wordpress(room, before)
        await once(room)
        room.clock.now = utc("2026-11-24 03:00")
        pages = ["t0.xml", "t0-page2.xml", "t0-page3.xml", "t0-page4.xml"]
        wordpress(room, *pages)
        collected = await once(room)
        assert collected.pages == pages.index(before) + 1
        assert collected.gap == ""
        assert len(known(room)) == sum(
            (DATA / page).read_text().count("<item>") for page in pages[: collected.pages]
        )


async def test_a_wordpress_is_read_to_its_very_end(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, now=utc("2026-11-23 03:00")) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        room.feeds = [f"{room.site.base}/feed/"]
        wordpress(room, "empty.xml")
        await once(room)
        room.clock.now = utc("2026-11-24 03:00")
        wordpress(room, "t0.xml", "t0-page2.xml", "t0-page3.xml", "t0-page4.xml")
        with counting(room) as asked:
            collected = await once(room)
        assert asked[-1] == "/feed/?paged=5"
        assert (collected.pages, collected.gap, len(known(room))) == (4, "", 38)


async def test_neither_a_feed_nor_its_next_page_leads_inside_by_a_redirect(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await ready(room, "names")
        burst(room, 2 * PER_PAGE)
        inside = Answer(status=302, headers={"Location": "http://127.0.0.1:9/"})
        room.site.answers["/feed?paged=2"] = inside
        assert "no public address" in (await once(room)).gap
        room.site.answers["/feed"] = inside
        assert "no public address" in (await once(room)).error
