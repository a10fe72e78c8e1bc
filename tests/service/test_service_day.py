"""A day of the service, look by look."""

from datetime import timedelta
from pathlib import Path

from press import NEXT, ON_SQLITE, SLOT, live, live_at, live_until, press

from digest.model import IssueState
from digest.store.database import Store


async def test_a_day_from_feed_to_report(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        await live_until(service, room.clock, SLOT.instant - timedelta(minutes=61), every=240)
        assert room.find() is None
        room.publish("mayor-resigns", minutes_ago=0)
        await live_at(service, room.clock, SLOT.instant - timedelta(hours=1))
        assert room.issue().state is IssueState.DRAFT
        await live_until(service, room.clock, SLOT.instant - timedelta(minutes=1), every=15)
        assert not room.mailed
        await live_at(service, room.clock, SLOT.instant)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies.values()) == {1}
        assert len(room.copies) == 3
        assert b"Mayor resigns" in room.mailed[0].data
        assert room.decided() == {"ferry-runs-again": "included", "mayor-resigns": "included"}
        assert room.told == [f"daily {SLOT.name}: 3 of 3 accepted"]
        assert room.pings == 1
        # Whoever looks again finds nothing to do.
        await live_until(service, room.clock, SLOT.instant + timedelta(hours=2), every=30)
        await live(room.service())
        assert sum(room.copies.values()) == 3
        assert (len(room.told), room.pings) == (1, 1)


@ON_SQLITE
async def test_the_feed_is_asked_every_quarter_of_an_hour_and_unconditionally_before_freezing(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, now=SLOT.instant - timedelta(minutes=45)) as room:
        service = room.service()
        await live(service)
        await live_until(service, room.clock, SLOT.instant - timedelta(minutes=1), every=4)
        assert [bool(sent) for sent in room.site.conditions] == [False, True, True]
        await live_at(service, room.clock, SLOT.instant)
        # And one page further, as if it were a WordPress that hides itself.
        assert [bool(sent) for sent in room.site.conditions[3:]] == [False, False]
        assert room.site.asked.count("/feed?paged=2") == 1


@ON_SQLITE
async def test_a_week_of_days_mails_each_article_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        service = room.service()
        await live(service)
        for day in range(7):
            room.publish(f"story-of-day-{day}")
            await live_at(service, room.clock, SLOT.instant + timedelta(days=day))
        bodies = [one.data for one in room.mailed]
        assert len(bodies) == 7
        for day in range(7):
            assert sum(f"Story of day {day}".encode() in body for body in bodies) == 1


async def test_too_few_articles_skip_the_issue_and_carry_them(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += "min_articles = 2\n"
        service = room.service()
        await live(service)
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + timedelta(minutes=1))
        assert room.issue().state is IssueState.SKIPPED
        assert room.issue().reason == "1 new articles, fewer than min_articles = 2"
        assert room.told == [f"daily {SLOT.name}: skipped"]
        assert room.pings == 1
        room.publish("second-story")
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"ferry-runs-again": "included", "second-story": "included"}
        assert len(room.copies) == 3


async def test_what_does_not_fit_is_carried_over_and_goes_first(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        room.newsletters += "max_articles = 2\n"
        room.site.stories.clear()
        for number in range(1, 4):
            room.publish(f"monday-{number}", minutes_ago=100 - number)
        service = room.service()
        await live(service)
        await live_at(service, room.clock, SLOT.instant)
        assert room.decided() == {
            "monday-3": "included",
            "monday-2": "included",
            "monday-1": "carried over",
        }
        for number in range(1, 3):
            room.publish(f"tuesday-{number}", minutes_ago=100 - number)
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {
            "monday-1": "included",
            "tuesday-2": "included",
            "tuesday-1": "carried over",
        }


@ON_SQLITE
async def test_several_newsletters_each_have_their_own_issue(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += '[[newsletter]]\nname = "noon"\nschedule = "0 12 * * *"\n'
        room.subscribe(2, newsletter="noon", first=50)
        service = room.service()
        await live(service)
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + timedelta(hours=5))
        assert len(room.copies) == 5
        assert set(room.copies.values()) == {1}
        assert len(room.told) == 2


@ON_SQLITE
async def test_a_first_start_after_the_slot_mails_nobody_that_day(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, now=SLOT.instant + timedelta(minutes=5)) as room:
        service = room.service()
        await live(service)
        await live_until(service, room.clock, SLOT.instant + timedelta(hours=8), every=120)
        assert room.find() is None
        assert not room.relay.received


@ON_SQLITE
async def test_a_service_that_was_down_at_the_slot_sends_on_its_return(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await live(room.service())
        room.clock.now = SLOT.instant + timedelta(hours=5)
        await live(room.service())
        assert set(room.copies.values()) == {1}
        assert room.issue().state is IssueState.SENT


@ON_SQLITE
async def test_after_a_week_away_one_alert_names_every_missed_slot_and_nothing_is_lost(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=1) as room:
        await live(room.service())
        room.clock.now = SLOT.instant + timedelta(days=6, hours=1)
        await live(room.service())
        skipped, report = room.letters
        assert str(skipped["Subject"]) == "6 issues were skipped"
        assert skipped.get_content().count("was skipped") == 6
        assert "accepted" in str(report["Subject"])
        assert b"Ferry runs again" in room.mailed[0].data
        assert len(room.mailed) == 1


@ON_SQLITE
async def test_a_late_back_dated_article_goes_into_the_next_issue(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        room.publish("imported-from-last-week", minutes_ago=4 * 24 * 60)
        await live_at(service, room.clock, NEXT.instant)
        assert room.decided(NEXT) == {"imported-from-last-week": "included"}


@ON_SQLITE
async def test_an_edit_after_it_was_mailed_mails_nothing_again(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        room.site.stories[0].title = "Ferry runs again, corrected"
        await live_at(service, room.clock, NEXT.instant)
        assert room.issue(NEXT).state is IssueState.SKIPPED
        assert sum(room.copies.values()) == 1
