"""How a feed is doing, and what is to be done about it, in words for an operator. Pure.

Takes what the ledger knows of a feed, and `now`; asks nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from digest.feed.rhythm import Rhythm
from digest.feed.urls import public
from digest.spans import spelled

DOWN_AFTER = timedelta(hours=2)
"""How long a feed may fail: that long its last good fetch may stand in for it as an issue is made."""

DAMAGED_AFTER = timedelta(hours=2)
"""How long articles may be left out before somebody is told: one answer may be broken, and the next whole."""

BLOCKED_TIMES = 2
"""How often in a row a site refuses us before that is no accident. It does not mend itself."""

BLOCKED_WORDS = "allow the user agent"
"""What the reason of such a failure says is to be done."""


@dataclass(frozen=True, kw_only=True)
class FeedHealth:
    """What the ledger knows of a feed. All but `url` is as it was where the feed has never been asked."""

    url: str
    first_good_at: datetime | None = None
    good_at: datetime | None = None
    tried_at: datetime | None = None
    failures: int = 0
    last_error: str = ""
    next_try_at: datetime | None = None
    """Before that the site has asked not to be asked."""
    gone: bool = False
    found_at: str = ""
    """Where it is really read from, where that is not `url`."""
    gap: str = ""
    gap_at: datetime | None = None
    gap_left_at: datetime | None = None
    """When the last gap arose that was given up."""
    complaints: str = ""
    """What was wrong with it as it was last read."""
    damaged_at: datetime | None = None
    """Since when articles are left out by that."""
    newest_at: datetime | None = None
    """The last sign of life: when its newest article was published, or was first seen."""
    newest_title: str = ""
    rhythm: Rhythm | None = None


class State(Enum):
    """How a feed is doing."""

    GOOD = "good"
    UNASKED = "not asked yet"
    FAILING = "failing"
    DOWN = "down"
    BLOCKED = "blocked"
    GONE = "gone"
    STALE = "stale"


TROUBLES = frozenset({State.DOWN, State.BLOCKED, State.GONE, State.STALE})
"""What the operator is told."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A feed's state, and what to do; `todo` is empty where there is nothing to be done."""

    state: State
    todo: str = ""


def standing(feed: FeedHealth, now: datetime) -> Standing:
    """Judge a feed."""
    state = _state(feed, now)
    match state:
        case State.UNASKED:
            todo = "`digest collect` asks it; `digest run` does so every quarter of an hour."
        case State.GONE:
            todo = "It is gone for good (410): give its new address in [site] feeds, or take it out."
        case State.DOWN | State.BLOCKED | State.FAILING:
            todo = feed.last_error
        case State.STALE:
            assert feed.newest_at is not None
            todo = (
                f"Nothing new for {spelled(now - feed.newest_at)}, though it has something {feed.rhythm}: "
                "see whether the site still publishes, and whether this is still its feed."
            )
        case State.GOOD:
            todo = ""
    also = [said for said in (feed.gap, feed.complaints) if said]
    if feed.found_at and state is not State.GONE:
        also.append(f"It is read from {public(feed.found_at)}: put that into [site] feeds.")
    return Standing(state=state, todo=" ".join([todo, *also]).strip())


def is_damaged(feed: FeedHealth, now: datetime) -> bool:
    """Whether articles of a feed have been left out for long because it is damaged."""
    return feed.damaged_at is not None and now - feed.damaged_at >= DAMAGED_AFTER


def _state(feed: FeedHealth, now: datetime) -> State:
    if feed.gone:
        return State.GONE
    if feed.failures:
        if BLOCKED_WORDS in feed.last_error and feed.failures >= BLOCKED_TIMES:
            return State.BLOCKED
        failing_for = now - feed.good_at if feed.good_at else None
        # In a time before the last good fetch the clock has been set back.
        fresh = failing_for is not None and timedelta() <= failing_for < DOWN_AFTER
        return State.FAILING if fresh else State.DOWN
    if feed.good_at is None:
        return State.UNASKED
    if feed.rhythm and feed.newest_at and now - feed.newest_at > feed.rhythm.silence:
        return State.STALE
    return State.GOOD
