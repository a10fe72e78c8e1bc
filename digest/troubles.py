"""The open troubles, and what is still to be told, in memory and in the ledger.

Works without a ledger, which may be what is broken.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from digest.errors import StoreError
from digest.store import troubles
from digest.store.database import Store
from digest.store.troubles import Trouble

log = structlog.get_logger()

AGAIN = timedelta(minutes=10)
"""A ledger that could not be read is asked again after this long."""

FORGOTTEN = timedelta(days=30)
"""What was due to be told again so long ago belongs to a feed or a newsletter that is not there any more."""


class Troubles:
    """The open troubles by key. Asking costs nothing: the ledger is read once, and written on a change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Trouble] = {}
        self._unsaved: dict[str, Trouble | None] = {}
        """What the ledger does not know yet; None for what is over."""
        self._loading = asyncio.Lock()
        self._loaded = False
        self._load_at: datetime | None = None

    async def load(self, now: datetime) -> None:
        """Read what an earlier process has left, once. What this one has found meanwhile counts more."""
        # Who comes while another reads waits for that: what is over would be looked for among nothing.
        async with self._loading:
            if self._loaded or (self._load_at is not None and now < self._load_at <= now + AGAIN):
                return
            self._load_at = now + AGAIN
            try:
                found = await asyncio.to_thread(self._read, now - FORGOTTEN)
            except StoreError as error:
                log.warning("alert.troubles_unread", reason=str(error))
                return
            self._loaded = True
            left = {one.key: one for one in found if one.key not in self._unsaved}
            self._open = left | self._open

    def get(self, key: str) -> Trouble | None:
        """Give an open trouble."""
        return self._open.get(key)

    def beginning(self, prefix: str) -> list[Trouble]:
        """Give the open troubles whose keys begin so."""
        return [one for key, one in self._open.items() if key.startswith(prefix)]

    def note(self, trouble: Trouble) -> None:
        """Take a trouble into memory, at once; `save` follows."""
        self._open[trouble.key] = self._unsaved[trouble.key] = trouble

    def drop(self, key: str) -> None:
        """Take a trouble that is over out of memory, at once; `save` follows."""
        if self._open.pop(key, None) is not None:
            self._unsaved[key] = None

    async def save(self, also: Callable[[Session], None] | None = None) -> bool:
        """Write what has changed, and do something else in the same transaction; give whether that went well.

        What could not be written is written with the next change.
        """
        unsaved = dict(self._unsaved)
        try:
            await asyncio.to_thread(self._write, unsaved, also)
        except StoreError as error:
            log.warning("alert.troubles_unsaved", reason=str(error))
            return False
        for key, value in unsaved.items():
            if self._unsaved.get(key) is value:
                self._unsaved.pop(key, None)
        return True

    def _read(self, before: datetime) -> list[Trouble]:
        with self._store.read() as session:
            found = troubles.listing(session)
        if any(one.next_at < before for one in found):
            with self._store.write() as session:
                troubles.purge(session, before)
        return [one for one in found if one.next_at >= before]

    def _write(
        self, unsaved: dict[str, Trouble | None], also: Callable[[Session], None] | None = None
    ) -> None:
        with self._store.write() as session:
            if also is not None:
                also(session)
            for key, trouble in unsaved.items():
                if trouble is None:
                    troubles.forget(session, key)
                else:
                    troubles.keep(session, trouble)
