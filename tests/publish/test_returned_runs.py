"""What comes back again and again, from addresses to which a relay answers 250 each time."""

from pathlib import Path

import pytest
from comeback_scene import BLOCKED, DAY, DISABLED, FULL, UNKNOWN, Room, dsn, move
from ledger_scene import NOW, sending

from digest.model import Slot, SubscriberState
from digest.store import bounces
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store

ACTIVE, SUPPRESSED = SubscriberState.ACTIVE, SubscriberState.SUPPRESSED


@pytest.fixture
def room(store: Store, tmp_path: Path) -> Room:
    made = Room(store=store, folder=tmp_path)
    made.subscribe(2)
    return made


def issues_on(room: Room, *days: int) -> dict[int, int]:
    """Mail an issue on each of these days; give their ids by day."""
    made = {}
    for day in days:
        room.clock.now = NOW + day * DAY
        made[day] = room.mail()
    return made


def back(room: Room, issue: int, said: str = FULL, *, reader: int = 0) -> tuple[str, ...]:
    head = room.head(issue, room.ids[reader])
    return room.take(dsn(said, head=head, at=room.clock())).effects


def daily(room: Room, said: str, *days: int, of: range) -> list[tuple[str, ...]]:
    """Mail every day, and have what comes back on some days come at once; give what each of those caused."""
    found = []
    for day in of:
        issue = issues_on(room, day)[day]
        if day in days:
            found.append(back(room, issue, said))
    return found


def test_five_soft_bounces_over_two_weeks_suppress_though_the_relay_took_each_issue(room: Room) -> None:
    for day in (0, 4, 8, 12):
        issue = issues_on(room, day)[day]
        assert back(room, issue) == ("soft",)
    assert room.rows("subscriber")[0].soft_bounces == 4
    assert room.rows("subscriber")[0].first_soft_at == NOW
    assert back(room, issues_on(room, 14)[14]) == ("suppressed",)
    assert room.states == [SUPPRESSED, ACTIVE]
    (kept,) = room.rows("suppression")
    assert kept.evidence.startswith("452 4.2.2")


def test_daily_ones_suppress_once_the_fortnight_is_full(room: Room) -> None:
    found = daily(room, FULL, *range(15), of=range(15))
    assert found == [("soft",)] * 14 + [("suppressed",)]


def test_one_good_issue_between_them_resets(room: Room) -> None:
    daily(room, FULL, *range(10), *range(11, 20), of=range(20))
    assert room.states == [ACTIVE, ACTIVE]
    assert room.rows("subscriber")[0].soft_bounces == 9


def test_one_that_came_back_because_of_us_is_no_good_issue_between_them(room: Room) -> None:
    for day in (0, 4, 8, 12):
        back(room, issues_on(room, day)[day])
    back(room, issues_on(room, 13)[13], BLOCKED)
    assert back(room, issues_on(room, 14)[14]) == ("suppressed",)


def test_an_issue_counts_once_however_many_reports_come_of_it(room: Room) -> None:
    made = issues_on(room, 0, 14)
    for number in range(6):
        head = f"{room.head(made[14], room.ids[0])}X-Copy: {number}\n"
        assert room.take(dsn(FULL, head=head)).effects == (() if number else ("soft",))
    assert room.rows("subscriber")[0].soft_bounces == 1


@pytest.mark.parametrize("order", [(0, 4, 8, 12, 14), (14, 12, 8, 4, 0), (8, 0, 14, 4, 12)])
def test_a_backlog_that_is_read_in_any_order_comes_to_the_same(room: Room, order: tuple[int, ...]) -> None:
    made = issues_on(room, 0, 4, 8, 12, 14)
    room.clock.now = NOW + 20 * DAY
    found = [back(room, made[day]) for day in order]
    assert found == [("soft",)] * 4 + [("suppressed",)]


def test_old_ones_that_are_read_late_count_no_more_where_a_later_issue_was_taken(room: Room) -> None:
    made = issues_on(room, 0, 4, 8, 12, 14, 15)
    room.clock.now = NOW + 30 * DAY
    for day in (0, 4, 8, 12, 14):
        assert back(room, made[day]) == ("soft",)
    assert room.states == [ACTIVE, ACTIVE]
    assert room.rows("subscriber")[0].soft_bounces == 0


def test_five_within_days_do_not_suppress_however_late_they_are_read(room: Room) -> None:
    made = issues_on(room, 0, 1, 2, 3, 4)
    room.clock.now = NOW + 20 * DAY
    for issue in made.values():
        assert back(room, issue) == ("soft",)
    assert room.states == [ACTIVE, ACTIVE]


def test_what_came_back_from_an_older_address_does_not_count_against_the_new_one(room: Room) -> None:
    for day in (0, 4, 8, 12):
        back(room, issues_on(room, day)[day])
    room.clock.now += DAY
    move(room, room.ids[0], "moved@mail.example")
    assert back(room, issues_on(room, 14)[14]) == ("soft",)
    assert room.rows("subscriber")[0].soft_bounces == 1


def test_an_issue_that_waits_for_its_first_try_breaks_no_run(room: Room) -> None:
    move(room, room.ids[0], "moved@mail.example")
    made = issues_on(room, 1, 5)
    sending(room.store, slot=Slot(name="waits", instant=room.clock()))
    assert [back(room, made[day]) for day in (1, 5)] == [("soft",)] * 2
    assert room.rows("subscriber")[0].soft_bounces == 2


def test_what_another_reader_got_back_counts_for_that_one(room: Room) -> None:
    for day in (0, 4, 8, 12):
        back(room, issues_on(room, day)[day], reader=1)
    assert back(room, issues_on(room, 14)[14]) == ("soft",)
    assert room.states == [ACTIVE, ACTIVE]


def test_a_disabled_mailbox_is_given_up_at_its_second_report_days_later(room: Room) -> None:
    found = daily(room, DISABLED, *range(4), of=range(4))
    assert found == [("disabled",)] * 3 + [("suppressed",)]
    assert room.states == [SUPPRESSED, ACTIVE]


def test_a_good_issue_between_them_makes_a_disabled_mailbox_a_first_one_again(room: Room) -> None:
    found = daily(room, DISABLED, 0, 1, 3, 4, of=range(5))
    assert found == [("disabled",)] * 4
    assert room.states == [ACTIVE, ACTIVE]


def test_two_reports_of_one_issue_are_one_however_far_apart(room: Room) -> None:
    issue = issues_on(room, 0)[0]
    assert back(room, issue, DISABLED) == ("disabled",)
    room.clock.now += 6 * DAY
    assert back(room, issue, DISABLED) == ("disabled",)
    assert room.states == [ACTIVE, ACTIVE]


def test_what_a_relay_said_at_once_of_a_disabled_mailbox_is_the_first_report(room: Room) -> None:
    issues_on(room, 0)
    with room.store.write() as session:
        bounces.blame(session, room.ids[0], Effect.DISABLED, Evidence(reason="disabled"), NOW)
    # Not taken by a relay since: nothing has cleared it.
    issue = issues_on(room, 3)[3]
    with room.store.write() as session:
        bounces.blame(session, room.ids[0], Effect.DISABLED, Evidence(reason="disabled"), NOW)
    assert back(room, issue, DISABLED) == ("suppressed",)


def test_soft_and_hard_are_told_apart_in_one_run(room: Room) -> None:
    back(room, issues_on(room, 0)[0])
    assert back(room, issues_on(room, 1)[1], UNKNOWN) == ("suppressed",)
    assert room.events("bounce.soft", "bounce.hard") == [
        ("bounce.soft", room.ids[0], 1),
        ("bounce.hard", room.ids[0], 2),
    ]
