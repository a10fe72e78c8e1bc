"""Where a feed is really found: at its configured address, or where its site has moved it for good."""

from sqlmodel import Session

from digest.store.tables import FeedRow

MOVED_TIMES = 3
"""How often running a permanent redirect is seen before it is believed: some are mistakes of an hour."""


def address(session: Session, feed_id: int) -> str:
    """Give the address to fetch a feed from."""
    row = session.get_one(FeedRow, feed_id)
    return row.moved_to if row.moved_times >= MOVED_TIMES else row.url


def note(session: Session, feed_id: int, target: str | None) -> None:
    """Take note of where a good fetch was led by 301 and 308 alone, None where it was not."""
    row = session.get_one(FeedRow, feed_id)
    if row.moved_times >= MOVED_TIMES:
        # Believed already; where that leads on, a fetch follows.
        return
    row.moved_times = 0 if target is None else 1 + (row.moved_times if row.moved_to == target else 0)
    row.moved_to = target or ""
    session.add(row)


def found(session: Session, feed_id: int, target: str) -> None:
    """Take note of the feed that the page at the configured address names."""
    row = session.get_one(FeedRow, feed_id)
    row.moved_to, row.moved_times = target, MOVED_TIMES
    session.add(row)
