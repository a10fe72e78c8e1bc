"""Whoever asks at `/subscribe` learns of no address whether it is known: not by the answer, nor by its time.

For time, what takes it is counted: statements, and rows written.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import cast

import pytest
from signup_site import NOW, ROSA, Site, serving

from digest.config import Signup
from digest.store.database import Store
from digest.store.erasure import erase

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

NO_LIMIT = Signup(per_ip=0, per_network=0, in_all=0)
READS = ("SELECT", "BEGIN", "COMMIT")


async def pending(site: Site) -> None:
    await site.sign_up()
    site.now += site.now.resolution * 25 * 3_600_000_000


async def reading(site: Site) -> None:
    site.join(ROSA, "daily")


async def reading_another(site: Site) -> None:
    site.join(ROSA, "weekly")


async def left(site: Site) -> None:
    site.leave(site.join(ROSA, "daily"), "daily")


async def suppressed(site: Site) -> None:
    site.join(ROSA, "daily")
    site.suppress(ROSA)


async def suppressed_unknown(site: Site) -> None:
    site.suppress(ROSA)


async def erased(site: Site) -> None:
    site.join(ROSA, "daily")
    reader = site.reader()
    assert reader is not None
    with site.store.write() as session:
        erase(session, reader, NOW)


async def asked_today(site: Site) -> None:
    await site.sign_up()


async def asked_twice(site: Site) -> None:
    for _ in range(2):
        await pending(site)


async def not_me(site: Site) -> None:
    await site.sign_up()
    await site.press(site.link(site.mails[-1]), "not-me")
    site.now += site.now.resolution * 25 * 3_600_000_000


STANDINGS = (
    *(pending, reading, reading_another, left, suppressed, suppressed_unknown, erased),
    *(asked_today, asked_twice, not_me),
)


@dataclass
class Work:
    """What a database did: statements that read and that write, and rows written."""

    reads: int = 0
    writes: int = 0
    rows: int = 0


@contextmanager
def watched(store: Store) -> Iterator[Work]:
    """Count what the writer does."""
    work = Work()
    with store.bare() as hand:
        writer = cast(Connection, hand.cursor.connection)

    def note(statement: str) -> None:
        if statement.startswith(READS):
            work.reads += 1
        else:
            work.writes += 1

    before = writer.total_changes
    writer.set_trace_callback(note)
    try:
        yield work
    finally:
        writer.set_trace_callback(None)
        work.rows = writer.total_changes - before


async def told(site: Site, email: str) -> tuple[object, Work]:
    """What is answered to a sign-up, and what it cost."""
    mark = await site.mark()
    with watched(site.store) as work:
        answer = await site.sign_up(email, mark=mark)
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return (answer.status_code, headers, answer.content), work


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: str(standing.__name__))
async def test_an_address_is_answered_and_worked_for_as_an_unknown_one(
    store: Store, standing: Callable[[Site], Awaitable[None]]
) -> None:
    async with serving(store, signup=NO_LIMIT) as site:
        await standing(site)
        asked = await told(site, ROSA)
        assert asked == await told(site, "nobody.yet@mail.example")
        assert asked[1].rows > 0
