"""Waiting: which feeds that fail hold an issue up."""

from datetime import UTC, datetime, timedelta

import pytest

from digest.model import FeedStatus
from digest.publish import awaited

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def feed(name: str, hours: float | None, *, gone: bool = False) -> FeedStatus:
    """A feed that was read so many hours ago."""
    good_at = None if hours is None else NOW - hours * HOUR
    return FeedStatus(id=1, url=name, good_at=good_at, gone=gone)


@pytest.mark.parametrize(
    ("hours", "waits", "beside_another"),
    [
        (1.9, False, False),
        (2, True, True),
        (23, True, True),
        (24, True, False),
        (None, True, False),
        (-1, True, False),
    ],
    ids=["just now", "two hours ago", "yesterday", "a day ago", "never", "in a time to come"],
)
def test_an_issue_waits_for_a_feed_that_fails(hours: float | None, waits: bool, beside_another: bool) -> None:
    failing = feed("news", hours)
    assert awaited([failing], {"news"}, NOW) == ({"news"} if waits else set())
    both = [failing, feed("sport", 0)]
    assert awaited(both, {"news"}, NOW) == ({"news"} if beside_another else set())
    assert awaited(both, set(), NOW) == set()


def test_what_stands_in_for_a_feed_that_fails_is_another_that_gives() -> None:
    both = [feed("news", 30), feed("sport", 1)]
    assert awaited(both, {"news", "sport"}, NOW) == set()


def test_where_all_feeds_fail_the_issue_waits_for_them() -> None:
    both = [feed("news", 30), feed("sport", 3)]
    assert awaited(both, {"news", "sport"}, NOW) == {"news", "sport"}


@pytest.mark.parametrize("hours", [None, 1, 30])
def test_no_issue_waits_for_a_feed_that_is_gone(hours: float | None) -> None:
    lost = feed("news", hours, gone=True)
    assert awaited([lost], {"news"}, NOW) == set()
    assert awaited([lost, feed("sport", 3)], {"news", "sport"}, NOW) == {"sport"}
