"""Issues in succession that came back from an address to which the relay answers 250 each time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.run import RETURNS_WITHIN, Came, Mailed, run

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LETTERS = {"b": Came.BACK, "t": Came.TAKEN, "u": Came.UNTOLD}


def days(course: str, at: int, *, now: float) -> list[int]:
    """Give the days that count, of a course of an issue a day; `now` in days, too."""
    mailed = [Mailed(issue_id=day, at=START + day * DAY, came=LETTERS[one]) for day, one in enumerate(course)]
    return [(when - START) // DAY for when in run(mailed, at, START + now * DAY)]


def test_what_came_back_in_succession_counts_whatever_says_nothing_between() -> None:
    assert days("bubb", 3, now=3) == [0, 2, 3]


def test_an_issue_that_was_taken_ends_what_came_before_it() -> None:
    assert days("bbtbb", 4, now=4) == [3, 4]


def test_what_was_taken_since_ends_it_all_once_it_can_come_back_no_more() -> None:
    assert days("bbbt", 2, now=9) == [0, 1, 2]
    assert days("bbbt", 2, now=10) == []


def test_beyond_what_may_still_come_back_nothing_counts() -> None:
    assert days("bbtbb", 1, now=5) == [0, 1]


def test_an_issue_that_was_never_mailed_counts_nothing() -> None:
    assert days("bb", 7, now=9) == []


@given(course=st.text("btu", min_size=1, max_size=30), at=st.integers(0, 29), late=st.integers(0, 20))
def test_a_run_holds_its_issue_and_nothing_that_was_taken(course: str, at: int, late: int) -> None:
    at %= len(course)
    course = f"{course[:at]}b{course[at + 1 :]}"
    found = days(course, at, now=len(course) + late)
    if found:
        assert at in found
        assert found == sorted(set(found))
        assert "t" not in course[found[0] : found[-1] + 1]
    else:
        taken = course.find("t", at)
        assert taken > at
        assert (len(course) + late - taken) * DAY >= RETURNS_WITHIN
