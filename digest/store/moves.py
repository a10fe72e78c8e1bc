"""Where a feed is really found: at its configured address, or where its site has moved it for good."""

from datetime import datetime, timedelta

from sqlmodel import Session

from digest.store.tables import FeedRow

MOVED_TIMES = 3
"""How often running a permanent redirect is seen before it is believed: some are mistakes of an hour."""

DOUBTED_AFTER = timedelta(days=1)
"""How long the place where a feed was moved to may fail before its configured address is asked again."""


def address(session: Session, feed_id: int) -> str:
    """Give the address to fetch a feed from."""
    row = session.get_one(FeedRow, feed_id)
    return row.moved_to if row.moved_times >= MOVED_TIMES else row.url


def is_doubted(good_at: datetime | None, now: datetime) -> bool:
    """Whether a place that fails, and last gave its feed at `good_at`, may not be the right one any more."""
    return good_at is None or now - good_at >= DOUBTED_AFTER


def note(session: Session, feed_id: int, asked: str, target: str | None) -> None:
    """Take note of a good fetch from the address `asked`, which 301 and 308 alone have led to `target`.

    From the configured address it counts anew: what it does not lead to any more is not where the feed is.
    From one that is not known yet, that is where the page at the configured address says the feed is.
    """
    row = session.get_one(FeedRow, feed_id)
    if asked == row.url:
        row.moved_times = 0 if target is None else 1 + (row.moved_times if row.moved_to == target else 0)
        row.moved_to = target or ""
    elif asked != row.moved_to:
        row.moved_to, row.moved_times = asked, MOVED_TIMES
    # Where a believed address leads on, a fetch follows.
    session.add(row)
