"""The one click of a mail program (RFC 8058): those that come at the same time leave in one transaction.

Providers post them by the hundred when an issue goes out. Whatever is not plain is left to the page.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from digest.links import Link, LinkKind
from digest.model import Channel
from digest.store import departures
from digest.store.database import Store
from digest.store.departures import Act
from digest.store.prepared import Hand
from digest.web.leaving import IP_LENGTH, Visitor

log = structlog.get_logger()

TOGETHER = 50
"""How many leave in one transaction at most: it keeps the writer for 10 ms."""


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click, and where its answer is awaited."""

    link: Link
    visitor: Visitor
    at: datetime
    done: asyncio.Future[bool]


class OneClick:
    """Answers clicks. Its waiting room is the event loop's that it is called on."""

    def __init__(self, store: Store, titles: Mapping[str, str]) -> None:
        self._store, self._titles = store, titles
        self._waiting: list[Click] = []
        self._busy: asyncio.Task[None] | None = None
        # Elsewhere transactions wait for each other's rows, and not for one writer.
        self._most = TOGETHER if store.is_sqlite else 1

    async def leave(self, link: Link, visitor: Visitor, now: datetime) -> bool:
        """Have a reader leave; False where that is not plain, and nothing was done.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        if link.kind is not LinkKind.UNSUBSCRIBE:
            return False
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(Click(link=link, visitor=visitor, at=now, done=done))
        if self._busy is None:
            self._busy = asyncio.create_task(self._work(), name="web.one_click")
        return await done

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._most]
                del self._waiting[: self._most]
                await self._settle(batch)
        finally:
            self._busy = None

    async def _settle(self, batch: list[Click]) -> None:
        try:
            plain = await asyncio.to_thread(self._write, batch)
        except Exception as exc:  # noqa: BLE001 - it is raised where the answer is awaited
            for click in batch:
                if not click.done.done():
                    click.done.set_exception(exc)
            return
        for click, was_plain in zip(batch, plain, strict=True):
            if not click.done.done():
                click.done.set_result(was_plain)

    def _write(self, batch: list[Click]) -> list[bool]:
        with self._store.bare() as hand:
            plain = [self._leave(hand, click) for click in batch]
        for click, was_plain in zip(batch, plain, strict=True):
            if was_plain:
                log.info("reader.left", subscriber=click.link.subscriber_id, channel=Channel.ONE_CLICK.value)
        return plain

    def _leave(self, hand: Hand, click: Click) -> bool:
        link = click.link
        one = departures.person(hand, link.subscriber_id)
        if one is None or one.address_version != link.address_version:
            return False
        newsletters = sorted({*self._titles, *one.newsletters})
        if link.issue_id:
            newsletter = departures.newsletter_of(hand, link.issue_id)
            if newsletter is None:
                return False
            newsletters = [newsletter]
        act = Act(
            at=click.at,
            channel=Channel.ONE_CLICK,
            issue_id=link.issue_id or None,
            ip=click.visitor.ip[:IP_LENGTH],
            agent=click.visitor.agent,
        )
        departures.leave(hand, one, newsletters, act)
        return True
