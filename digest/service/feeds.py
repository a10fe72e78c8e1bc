"""Collects on time, says whether that is fresh enough to publish, and tells of feeds that fail."""

import asyncio
from datetime import datetime, timedelta

from digest.alerts import Alerts
from digest.config import Newsletter
from digest.desk import Desk
from digest.model import FeedStatus
from digest.publish import STALE_FEED, collect
from digest.store import articles

COLLECT_EVERY = timedelta(minutes=15)
RETRY_FEED = timedelta(minutes=5)
"""How often a feed that failed before a slot is tried again."""


class Feeds:
    """The site's feeds. `collected_at` is when they were last asked."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self.collected_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._down: dict[str, str] = {}

    async def collect_if_due(self) -> None:
        """Collect every fifteen minutes."""
        if has_passed(self.collected_at, COLLECT_EVERY, self._desk.clock()):
            await self._collect(conditional=True)

    async def fresh(self, newsletter: Newsletter) -> bool:
        """Ask all feeds once more before freezing; False where one is down and last came too long ago."""
        now = self._desk.clock()
        if has_passed(self._asked_at, RETRY_FEED, now):
            self._asked_at = now
            self._down = await self._collect(conditional=False)
        down = {url: why for url, why in self._down.items() if url in newsletter.feeds}
        good = {feed.url: feed.good_at for feed in await asyncio.to_thread(self._statuses)}
        stale = any(has_passed(good.get(url), STALE_FEED, now) for url in down)
        waiting, older = f"waiting:{newsletter.name}", f"older:{newsletter.name}"
        why = "\n".join(down.values())
        if stale:
            await self._alerts.alert(waiting, f"{newsletter.name}: waiting for a feed", why, now)
        else:
            self._alerts.over(waiting)
        if down and not stale:
            title = f"{newsletter.name}: made of an older fetch of a feed"
            await self._alerts.alert(older, title, why, now)
        elif not down:
            self._alerts.over(older)
        return not stale

    async def _collect(self, *, conditional: bool) -> dict[str, str]:
        """Collect, tell of feeds that are down for long or for good, and give what failed by its URL."""
        now = self.collected_at = self._desk.clock()
        collected = await collect(self._desk, conditional=conditional, patient=True)
        failed = {one.url: one.error for one in collected if one.error}
        for status in await asyncio.to_thread(self._statuses):
            key = f"feed:{status.url}"
            if status.url not in failed:
                self._alerts.over(key)
            elif status.gone or has_passed(status.good_at, STALE_FEED, now):
                await self._alerts.alert(key, f"The feed {status.url} is down", status.last_error, now)
        return failed

    def _statuses(self) -> list[FeedStatus]:
        with self._desk.store.read() as session:
            return articles.feeds(session)


def has_passed(since: datetime | None, span: timedelta, now: datetime) -> bool:
    """Whether something is due again: never done, done long ago, or done in what a clock now calls future."""
    return since is None or not timedelta() <= now - since < span
