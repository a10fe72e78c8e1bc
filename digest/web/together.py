"""Writes together what comes at the same time: one transaction, and one wait for the disk, for many visitors.

Providers post one-click requests by the hundred when an issue goes out, and robots post forms.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from digest.errors import StoreError
from digest.store.database import Store
from digest.store.prepared import Hand

TOGETHER = 50
"""How many are written in one transaction at most: it keeps the writer for 10 ms."""

Asked = TypeVar("Asked")
Done = TypeVar("Done")


@dataclass(frozen=True, kw_only=True)
class _Waiting(Generic[Asked, Done]):
    asked: Asked
    done: asyncio.Future[Done]


class Together(Generic[Asked, Done]):
    """A waiting room, of the event loop that it is called on. `write` does what one has asked for."""

    def __init__(self, store: Store, write: Callable[[Hand, Asked], Done]) -> None:
        self._store, self._write = store, write
        self._waiting: list[_Waiting[Asked, Done]] = []
        self._busy: asyncio.Task[None] | None = None

    async def do(self, asked: Asked) -> Done:
        """Have something written; give what came of it once it is on disk.

        Raises StoreError where the ledger cannot be written, and what `write` raises; then nothing of it has
        changed.
        """
        if not self._store.is_sqlite:
            # There transactions wait for each other's rows, and not for one writer.
            return (await asyncio.to_thread(self._all, [asked]))[0]
        done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(asked=asked, done=done))
        if self._busy is None:
            self._busy = asyncio.create_task(self._work(), name="web.together")
        return await done

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:TOGETHER]
                del self._waiting[:TOGETHER]
                if not await self._settle(batch):
                    for one in batch:
                        await self._settle([one])
        finally:
            self._busy = None

    async def _settle(self, batch: list[_Waiting[Asked, Done]]) -> bool:
        """Write a batch and answer; False where one's own fault may have failed them all.

        A ledger that cannot be written is nobody's: to try it for each again would keep all others waiting.
        """
        try:
            made = await asyncio.to_thread(self._all, [one.asked for one in batch])
        except Exception as exc:  # noqa: BLE001 - it is raised where the answer is awaited
            if len(batch) > 1 and not isinstance(exc, StoreError):
                return False
            for one in batch:
                if not one.done.done():
                    one.done.set_exception(exc)
            return True
        for one, result in zip(batch, made, strict=True):
            if not one.done.done():
                one.done.set_result(result)
        return True

    def _all(self, batch: list[Asked]) -> list[Done]:
        with self._store.bare() as hand:
            return [self._write(hand, asked) for asked in batch]
