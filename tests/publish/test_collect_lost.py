"""What stands beneath the pages that are read is missing there, as what is trashed is; and is found again."""

from datetime import timedelta
from pathlib import Path

from feed_site import Answer, Story
from press import ON_SQLITE, Press, press

from digest.publish import collect, select_for
from digest.store.database import Store

pytestmark = ON_SQLITE


async def started(room: Press) -> None:
    """A site that shows four a page, known as it is."""
    room.site.paged = "wordpress"
    for number in range(9):
        room.publish(f"old-{number}", minutes_ago=60 * (number + 2))
    await collect(room.desk())
    room.site.per_page = 4


async def burst(room: Press) -> None:
    """Nine new stories: more than two pages of them."""
    room.clock.now += timedelta(hours=1)
    for number in range(9):
        room.publish(f"new-{number}", minutes_ago=9 - number)
    await collect(room.desk())


def story(room: Press, slug: str) -> Story:
    return next(one for one in room.site.stories if one.slug == slug)


def depth(room: Press) -> int:
    """How far down the feed was read."""
    return max(int(path.partition("paged=")[2] or 1) for path in room.site.asked if "/feed" in path)


def trash(room: Press, slug: str) -> Story:
    one = story(room, slug)
    room.site.stories.remove(one)
    room.site.taken_down.add(slug)
    return one


def restore(room: Press, one: Story) -> None:
    room.site.stories.append(one)
    room.site.taken_down.discard(one.slug)


async def chosen(room: Press) -> set[str]:
    """What an issue made now would hold."""
    await collect(room.desk(), conditional=False)
    desk = room.desk()
    return {article.guid for article in select_for(desk, desk.settings.newsletter[0]).articles}


async def test_a_story_that_is_dated_back_beneath_the_pages_read_is_mailed(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        await burst(room)
        story(room, "new-8").published_at -= timedelta(hours=30)
        assert "new-8" in await chosen(room)
        assert "new-8" in await chosen(room)


async def test_a_site_that_withholds_its_pages_is_searched_all_the_same(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        await burst(room)
        story(room, "new-8").published_at -= timedelta(hours=30)
        room.site.answers["/new-8"] = Answer(status=403)
        assert "new-8" in await chosen(room)


async def test_a_story_out_of_the_bin_beneath_the_pages_read_is_mailed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        binned = trash(room, "ferry-runs-again")
        await collect(room.desk())
        await burst(room)
        assert "ferry-runs-again" not in await chosen(room)
        restore(room, binned)
        assert "ferry-runs-again" in await chosen(room)


async def test_a_story_out_of_the_bin_on_the_page_that_was_read_for_late_ones_is_mailed(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        binned = trash(room, "old-4")
        await collect(room.desk())
        assert "old-4" not in await chosen(room)
        restore(room, binned)
        assert "old-4" in await chosen(room)


async def test_a_story_that_its_feed_drops_stays_out_though_its_page_lives(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        room.site.stories.remove(story(room, "old-0"))
        assert "old-0" not in await chosen(room)
        # It was looked for down to the very end.
        assert depth(room) >= 3


async def test_a_trashed_story_costs_a_look_at_its_page_and_no_walk_through_the_feed(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        trash(room, "old-0")
        assert "old-0" not in await chosen(room)
        assert any("old-0" in path for path in room.site.pages_asked)
        assert depth(room) <= 2


async def test_a_site_that_sends_what_is_trashed_to_its_front_page_is_not_searched(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        trash(room, "old-0")
        room.site.answers["/old-0"] = Answer(status=301, headers={"Location": "/"})
        room.site.answers["/"] = Answer(body=b"<p>The Harbour Ledger</p>")
        assert "old-0" not in await chosen(room)
        assert "/" in room.site.asked
        assert depth(room) <= 2


async def test_a_story_that_vanished_a_week_ago_is_not_looked_for(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        room.site.stories.remove(story(room, "old-0"))
        await collect(room.desk())
        room.clock.now += timedelta(days=8)
        room.site.pages_asked.clear()
        await chosen(room)
        assert not any("old-0" in path for path in room.site.pages_asked)


async def test_a_further_page_that_fails_keeps_a_lost_story_for_the_next_issue(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        await burst(room)
        story(room, "new-8").published_at -= timedelta(hours=30)
        room.site.answers["/feed?paged=3"] = Answer(status=500)
        assert "new-8" not in await chosen(room)
        del room.site.answers["/feed?paged=3"]
        assert "new-8" in await chosen(room)


async def test_a_known_story_with_a_new_date_and_a_new_guid_does_not_end_the_reading(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await started(room)
        room.clock.now += timedelta(hours=1)
        for number in range(5):
            room.publish(f"new-{number}", minutes_ago=number)
        moved = story(room, "old-3")
        moved.published_at, moved.guid = room.clock() - timedelta(minutes=2, seconds=30), "elsewhere"
        [came] = await collect(room.desk())
        assert came.arrived is not None
        assert "new-4" in {article.guid for article in came.arrived.new}
