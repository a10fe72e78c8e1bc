"""Collects on time, beside all else, and says whether that is fresh enough to publish.

A collection is a task of its own. A look waits a moment for one that it begins, and goes on without it: a
site that takes minutes keeps no other newsletter's issue, no message and no alert waiting. What a collection
may take is limited by its parts: a fetch, the reading, the further pages, the articles' own pages.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from digest.alerts import Alerts
from digest.config import Newsletter
from digest.desk import Desk
from digest.model import FeedStatus
from digest.publish import awaited, collect
from digest.service.feeds import Feeds, has_passed
from digest.store import articles

COLLECT_EVERY = timedelta(minutes=15)
RETRY_FEED = timedelta(minutes=5)
"""How often a feed that failed before a slot is tried again."""

PATIENCE = 5.0
"""Seconds that a look waits for a collection which it begins: most are over by then."""


class Collecting:
    """The collections of this process. `wake` is called when one ends that took longer than `patience`."""

    def __init__(self, desk: Desk, alerts: Alerts, *, wake: Callable[[], None], patience: float) -> None:
        self._desk, self._alerts, self._wake, self._patience = desk, alerts, wake, patience
        self._feeds = Feeds(desk, alerts)
        self._tasks: set[asyncio.Task[None]] = set()
        self._routine: asyncio.Task[None] | None = None
        self._before_issues: dict[str, asyncio.Task[None]] = {}
        """By the URL of each feed that is asked, until its end has been seen."""
        self._begun_at: dict[str, datetime] = {}
        self._fresh_at: dict[str, datetime] = {}
        self._down: dict[str, str] = {}
        self.collected_at: datetime | None = None
        """When a collection last ended."""

    async def routine(self) -> None:
        """Collect every fifteen minutes. Raises what went wrong in the one that has ended."""
        due = self._due(self._desk.settings.site.feeds, self._begun_at, COLLECT_EVERY)
        if due and self._routine is None:
            self._routine = self._begin(due, conditional=True)
            await self._wait(self._routine)
        if self._routine is not None and self._routine.done():
            ended, self._routine = self._routine, None
            ended.result()

    async def fresh(self, newsletter: Newsletter) -> bool:
        """Ask a newsletter's feeds once more before freezing; False while its issue has to wait for them.

        Raises what went wrong.
        """
        if due := self._due(newsletter.feeds, self._fresh_at, RETRY_FEED):
            begun = self._begin(due, conditional=False)
            self._before_issues |= dict.fromkeys(due, begun)
            await self._wait(begun)
        asked = {self._before_issues[url] for url in newsletter.feeds if url in self._before_issues}
        if not all(task.done() for task in asked):
            return False
        self._before_issues = {url: task for url, task in self._before_issues.items() if task not in asked}
        for task in asked:
            task.result()
        return await self._judge(newsletter)

    async def let_go(self, newsletter: Newsletter) -> None:
        """Take note that no issue of a newsletter waits for its feeds any more."""
        for key in (f"waiting:{newsletter.name}", f"older:{newsletter.name}"):
            await self._alerts.over(key, self._desk.clock(), quietly=True)

    async def close(self) -> None:
        """Give up what is under way: it changes nothing by halves, and the next start asks again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _due(self, urls: Sequence[str], at: Mapping[str, datetime], every: timedelta) -> list[str]:
        """Give those that nobody asks before an issue just now, and that were asked long enough ago."""
        now = self._desk.clock()
        busy = {url for url, task in self._before_issues.items() if not task.done()}
        return [url for url in urls if url not in busy and has_passed(at.get(url), every, now)]

    def _begin(self, urls: Sequence[str], *, conditional: bool) -> asyncio.Task[None]:
        self._begun_at |= dict.fromkeys(urls, self._desk.clock())
        task = asyncio.create_task(self._collect(urls, conditional=conditional), name="collecting")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wait(self, task: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        if not done:
            task.add_done_callback(lambda _: self._wake())

    async def _collect(self, urls: Sequence[str], *, conditional: bool) -> None:
        collected = await collect(self._desk, urls, conditional=conditional, patient=True)
        now = self.collected_at = self._desk.clock()
        if not conditional:
            self._fresh_at |= dict.fromkeys(urls, now)
            self._down |= {one.url: one.error for one in collected}
        await self._feeds.tell(now)

    async def _judge(self, newsletter: Newsletter) -> bool:
        """Say whether an issue can be made of what came, and tell where a feed is missing."""
        now = self._desk.clock()
        down = {url: why for url in newsletter.feeds if (why := self._down.get(url))}
        known = [one for one in await asyncio.to_thread(self._known) if one.url in newsletter.feeds]
        waits = awaited(known, down, now)
        waiting, older = f"waiting:{newsletter.name}", f"older:{newsletter.name}"
        why = "\n".join(down.values())
        if waits:
            await self._alerts.alert(waiting, f"{newsletter.name}: waiting for a feed", why, now)
        else:
            await self._alerts.over(waiting, now)
        if down and not waits:
            title = f"{newsletter.name}: made of an older fetch of a feed"
            await self._alerts.alert(older, title, why, now)
        elif not down:
            await self._alerts.over(older, now, quietly=True)
        return not waits

    def _known(self) -> list[FeedStatus]:
        with self._desk.store.read() as session:
            return articles.feeds(session)
