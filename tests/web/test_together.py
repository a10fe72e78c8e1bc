"""What visitors ask for at the same time is written together, and one's trouble is not another's."""

import asyncio
from datetime import datetime

import pytest

from digest.errors import StoreError
from digest.store import readermail
from digest.store.database import Store
from digest.store.prepared import Hand
from digest.web.together import TOGETHER, Together

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Room:
    """Queues a mail for each visitor, by his number; for one of them it cannot."""

    def __init__(self, store: Store, now: datetime, *, wrong: int = -1) -> None:
        self.together = Together(store, self._write)
        self._now, self._wrong = now, wrong

    def _write(self, hand: Hand, number: int) -> int:
        made = readermail.queue(hand, kind="confirm", subscriber_id=number, email="", now=self._now)
        if number == self._wrong:
            raise ValueError(number)
        return made

    async def visit(self, *numbers: int) -> list[int | BaseException]:
        return await asyncio.gather(*map(self.together.do, numbers), return_exceptions=True)


def waiting(store: Store, now: datetime) -> int:
    with store.read() as session:
        return readermail.waiting(session, now)


async def test_all_that_wait_get_their_own_answer(store: Store, now: datetime) -> None:
    count = 2 * TOGETHER + 1
    ids = await Room(store, now).visit(*range(1, count + 1))
    assert len(set(ids)) == count == waiting(store, now)
    with store.read() as session:
        assert [readermail.get(session, int(str(one))).subscriber_id for one in ids[:3]] == [1, 2, 3]  # type: ignore[union-attr] # they are there


async def test_one_that_fails_takes_nobody_with_it(store: Store, now: datetime) -> None:
    answers = await Room(store, now, wrong=3).visit(1, 2, 3, 4, 5)
    assert [type(one) for one in answers] == [int, int, ValueError, int, int]
    assert waiting(store, now) == 4


async def test_a_ledger_that_cannot_be_written_is_tried_once_for_all(store: Store) -> None:
    tries = []

    def refuse(_hand: Hand, number: int) -> int:
        tries.append(number)
        raise StoreError("The disk is full.")

    room = Together(store, refuse)
    answers = await asyncio.gather(*map(room.do, (1, 2, 3)), return_exceptions=True)
    assert [str(one) for one in answers] == ["The disk is full."] * 3
    assert tries == [1]


async def test_a_visitor_who_has_gone_keeps_nobody(store: Store, now: datetime) -> None:
    room = Room(store, now)
    gone = asyncio.ensure_future(room.together.do(1))
    others = asyncio.ensure_future(room.visit(2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(set(await others)) == 2
    assert waiting(store, now) == 3
