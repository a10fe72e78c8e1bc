"""Asks feeds, each by a task of its own and by one at a time, and looks for pictures beside them.

Whoever waits for a task waits as long as it likes: the task goes on. Knows no newsletter and no slot.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from digest.alerts import Alerts
from digest.desk import Desk
from digest.feed.urls import public
from digest.publish.collect import AT_ONCE, ask_feeds
from digest.publish.pictures import find_pictures
from digest.service.feeds import Feeds

log = structlog.get_logger()

COLLECT_EVERY = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The last time that a feed was asked."""

    begun_at: datetime
    anew: bool
    """Unconditionally, as before an issue."""
    task: asyncio.Task[str | None]
    """Gives why nothing came, empty where all is well; None where trouble of ours was in the way."""

    @property
    def runs(self) -> bool:
        """Whether its end is still to come."""
        return not self.task.done()

    def serves(self, since: datetime, now: datetime) -> bool:
        """Whether it is news, or will be, for an issue that wants its feeds asked since then.

        In a time before it was begun the clock has been set back.
        """
        return self.anew and since <= self.begun_at <= now and (self.runs or self.task.result() is not None)


class Askings:
    """What this process has asked, and asks."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self._feeds = Feeds(desk, alerts)
        self._last: dict[str, Asking] = {}
        """By the feed's URL, as long as this process lives."""
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        """By host: a site is not overrun, and one that hangs keeps no other waiting."""
        self._telling, self._told = asyncio.Lock(), 0
        self._search: asyncio.Task[None] | None = None
        self._search_again = False
        self.ended = 0
        """How many tasks have ended: in between hardly anything changes."""

    def last(self, url: str) -> Asking | None:
        """Give how a feed was last asked; None where this process has not asked it yet."""
        return self._last.get(url)

    def begin(self, url: str, *, anew: bool) -> None:
        """Ask a feed that nobody is asking just now."""
        task = asyncio.create_task(self._ask(url, anew=anew), name=f"collecting {public(url)}")
        self._last[url] = Asking(begun_at=self._desk.clock(), anew=anew, task=task)

    def running(self, urls: Iterable[str]) -> set[asyncio.Task[str | None]]:
        """Give the tasks that ask any of these feeds just now."""
        return {one.task for url in urls if (one := self._last.get(url)) and one.runs}

    def searching(self) -> set[asyncio.Task[None]]:
        """Give the search for pictures that is under way."""
        return {self._search} if self._search and not self._search.done() else set()

    def check(self) -> None:
        """Raise a mistake of this program that has ended a task."""
        tasks = [*(one.task for one in self._last.values()), *([self._search] if self._search else [])]
        mistakes = [mistake for task in tasks if task.done() and (mistake := task.exception())]
        if mistakes:
            raise mistakes[0]

    async def close(self) -> None:
        """Give up what is under way: it changes nothing by halves, and the next start asks again."""
        tasks = self.running(self._last) | self.searching()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, url: str, *, anew: bool) -> str | None:
        missing: str | None = None
        try:
            async with self._turns[urlsplit(url).netloc], self._guard():
                [collected] = await ask_feeds(self._desk, [url], conditional=not anew, patient=True)
                self.ended += 1
                self._look_for_pictures()
                await self._tell(self.ended)
                missing = collected.error
        except Exception:
            # Of several that fail at once, only one is raised to whoever looks after this.
            log.exception("collecting.mistake", feed=public(url))
            raise
        return missing

    def _guard(self) -> AbstractAsyncContextManager[None]:
        return self._alerts.guard("the feeds", self._desk.clock, calm=2 * COLLECT_EVERY)

    async def _tell(self, ended: int) -> None:
        """Tell how the feeds are. Several that end meanwhile are told of together."""
        async with self._telling:
            if self._told < ended:
                told = self.ended
                await self._feeds.tell(self._desk.clock())
                self._told = told

    def _look_for_pictures(self) -> None:
        self._search_again = True
        if not self.searching():
            self._search = asyncio.create_task(self._pictures(), name="pictures")

    async def _pictures(self) -> None:
        """Ask articles' pages, and again where a feed has been read meanwhile."""
        while self._search_again:
            self._search_again = False
            async with self._guard():
                await find_pictures(self._desk, lambda: None)
                self.ended += 1
