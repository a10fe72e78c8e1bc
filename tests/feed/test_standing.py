"""What an operator is told about a feed, and what is to be done."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from digest.feed import reasons
from digest.feed.rhythm import rhythm
from digest.feed.standing import FeedHealth, State, standing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
URL = "https://me:secret@ledger.example/feed/"


def health(
    *,
    good: timedelta | None = HOUR,
    failures: int = 0,
    error: str = "",
    gone: bool = False,
    found_at: str = "",
    gap: str = "",
    newest: timedelta = HOUR,
) -> FeedHealth:
    """A feed with an article every two hours."""
    return FeedHealth(
        url=URL,
        good_at=None if good is None else NOW - good,
        failures=failures,
        last_error=error,
        gone=gone,
        found_at=found_at,
        gap=gap,
        newest_at=NOW - newest,
        rhythm=rhythm(NOW - newest - n * 2 * HOUR for n in range(200)),
    )


def test_a_feed_that_comes_needs_nothing() -> None:
    found = standing(health(), NOW)
    assert (found.state, found.todo) == (State.GOOD, "")


def test_one_that_was_never_asked_says_how_it_is() -> None:
    found = standing(FeedHealth(url=URL), NOW)
    assert found.state is State.UNASKED
    assert "digest collect" in found.todo


@pytest.mark.parametrize(
    ("good", "state"),
    [(119, State.FAILING), (120, State.DOWN), (None, State.DOWN), (-60, State.DOWN)],
    ids=["a while", "two hours", "for ever", "the clock was set back"],
)
def test_one_that_fails_is_down_after_two_hours(good: int | None, state: State) -> None:
    since = None if good is None else timedelta(minutes=good)
    found = standing(health(good=since, failures=3, error="It answers 500; see its log."), NOW)
    assert (found.state, found.todo) == (state, "It answers 500; see its log.")


@pytest.mark.parametrize(
    ("status", "page"), [(403, "text/html"), (403, "text/plain"), (401, "text/plain"), (503, "text/html")]
)
def test_a_site_that_refuses_us_twice_blocks_us(status: int, page: str) -> None:
    request = httpx2.Request("GET", "https://ledger.example/feed/", headers={"User-Agent": "digest/1"})
    answer = httpx2.Response(status, headers={"Content-Type": page}, request=request)
    said = reasons.of_status(answer)
    assert standing(health(failures=1, error=said), NOW).state is State.FAILING
    assert standing(health(failures=2, error=said), NOW).state is State.BLOCKED


def test_one_that_is_gone_is_gone_at_once() -> None:
    found = standing(health(failures=1, error="It is gone.", gone=True, found_at="https://x.example/"), NOW)
    assert found.state is State.GONE
    assert "take it out" in found.todo


def test_one_with_nothing_new_for_long_is_stale_with_its_figures() -> None:
    assert standing(health(newest=24 * HOUR), NOW).state is State.GOOD
    found = standing(health(newest=25 * HOUR), NOW)
    assert found.state is State.STALE
    assert "Nothing new for 25 h, though it has something about every 2 h" in found.todo


def test_one_that_fails_is_not_called_stale() -> None:
    assert standing(health(newest=99 * HOUR, failures=1, error="It answers 500."), NOW).state is State.FAILING


def test_where_it_has_moved_and_what_is_missing_are_said_beside() -> None:
    found = standing(health(found_at="https://me:secret@new.example/feed/", gap="Some are missing."), NOW)
    assert found.state is State.GOOD
    assert found.todo == (
        "Some are missing. It is read from https://new.example/feed/: put that into [site] feeds."
    )
