"""Collects on time, beside all else, and says whether that is fresh enough to publish.

A look waits a moment for what it begins, and goes on without it: a site that takes minutes keeps no other
feed, no other newsletter's issue, no message and no alert waiting.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from digest.alerts import Alerts
from digest.config import Newsletter
from digest.desk import Desk
from digest.feed.urls import public
from digest.model import FeedStatus, Slot
from digest.publish import awaited
from digest.publish.collect import MOST_SECONDS
from digest.service.askings import COLLECT_EVERY, Askings
from digest.service.feeds import has_passed
from digest.spans import spelled
from digest.store import articles

RETRY_FEED = timedelta(minutes=5)
"""How often a feed that failed before a slot is tried again; so long others' issues may use what came."""

LATE = timedelta(minutes=2)
"""A feed that keeps an issue waiting for so long is told of, though it may still answer."""

PATIENCE = 5.0
"""Seconds that a look waits for what it begins: most is over by then."""

PICTURES_TIMES = 6
"""So many times as long an issue waits for its newest articles' pictures."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """A newsletter's feeds are asked before an issue: each of them was to be begun `since` then."""

    slot: Slot
    since: datetime
    ended_at: datetime | None = None
    pictures_until: float = 0
    """Until when pictures are waited for once it has ended, by the event loop's clock."""


class Collecting:
    """The collections of this process. `wake` is called when one ends that took longer than `patience`."""

    def __init__(self, desk: Desk, alerts: Alerts, *, wake: Callable[[], None], patience: float) -> None:
        self._desk, self._alerts, self._wake, self._patience = desk, alerts, wake, patience
        self._askings = Askings(desk, alerts)
        self._rounds: dict[str, Round] = {}
        """By the newsletter's name, while an issue of it waits for its feeds."""

    @property
    def ended(self) -> int:
        """How many collections have ended: in between hardly anything changes."""
        return self._askings.ended

    async def routine(self) -> None:
        """Collect every fifteen minutes. Raises a mistake of this program."""
        now, until, begun = self._desk.clock(), self._time() + self._patience, list[str]()
        for url in self._desk.settings.site.feeds:
            last = self._askings.last(url)
            if last is None or (not last.runs and has_passed(last.begun_at, COLLECT_EVERY, now)):
                self._askings.begin(url, anew=False)
                begun.append(url)
        if begun and await self._wait(self._askings.running(begun), until):
            await self._wait(self._askings.searching(), until)
        self._askings.check()

    async def fresh(self, newsletter: Newsletter, slot: Slot) -> bool:
        """Ask a newsletter's feeds anew before freezing; False while its issue has to wait for them.

        What was begun before the slot does not count, however late it ends. Raises a mistake of this program.
        """
        this = self._rounds[newsletter.name] = self._round(newsletter, slot)
        until = self._time() + self._patience
        if not await self._have_ended(newsletter.feeds, this.since, until):
            await self._tell_late(newsletter)
            return False
        if this.ended_at is None:
            pictures_until = self._time() + PICTURES_TIMES * self._patience
            this = replace(this, ended_at=self._desk.clock(), pictures_until=pictures_until)
            self._rounds[newsletter.name] = this
        if self._time() < this.pictures_until and not await self._wait(self._askings.searching(), until):
            return False
        return await self._judge(newsletter)

    async def let_go(self, newsletter: Newsletter) -> None:
        """Take note that no issue of a newsletter waits for its feeds any more."""
        self._rounds.pop(newsletter.name, None)
        for key in (f"waiting:{newsletter.name}", f"older:{newsletter.name}"):
            await self._alerts.over(key, self._desk.clock(), quietly=True)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._askings.close()

    def _round(self, newsletter: Newsletter, slot: Slot) -> Round:
        """Give the round that is under way, or begin one, in which what has just been asked anew counts."""
        now, known = self._desk.clock(), self._rounds.get(newsletter.name)
        is_over = known is not None and known.ended_at and has_passed(known.ended_at, RETRY_FEED, now)
        if known is None or is_over or known.slot != slot or known.since > now:
            lately = now - RETRY_FEED + timedelta.resolution
            return Round(slot=slot, since=max(slot.instant, lately))
        return known

    async def _have_ended(self, urls: Sequence[str], since: datetime, until: float) -> bool:
        """Begin to ask those feeds that were not asked anew since then, and say whether all have ended."""
        begun = set[str]()
        while True:
            now = self._desk.clock()
            for url in urls:
                last = self._askings.last(url)
                if url not in begun and (last is None or not (last.runs or last.serves(since, now))):
                    self._askings.begin(url, anew=True)
                    begun.add(url)
            running = self._askings.running(urls)
            if not running:
                found = [self._askings.last(url) for url in urls]
                return all(one is not None and one.serves(since, now) for one in found)
            # Who ends first may have been begun too early, and is asked anew at once.
            if not await self._wait(running, until, all_of_them=False):
                return False

    async def _wait(
        self, tasks: Collection[asyncio.Task[Any]], until: float, *, all_of_them: bool = True
    ) -> bool:
        """Wait for tasks, or for one of them; for those that take longer, a look follows upon their end."""
        if not tasks:
            return True
        when = asyncio.ALL_COMPLETED if all_of_them else asyncio.FIRST_COMPLETED
        seconds = max(0.0, until - self._time())
        done, pending = await asyncio.wait(tasks, timeout=seconds, return_when=when)
        if not pending or (done and not all_of_them):
            return True
        for task in pending:
            task.add_done_callback(lambda _: self._wake())
        return False

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    async def _tell_late(self, newsletter: Newsletter) -> None:
        """Tell of feeds that have kept an issue waiting for long and may still answer."""
        now, late = self._desk.clock(), list[str]()
        for url in newsletter.feeds:
            last = self._askings.last(url)
            if last is not None and last.runs and has_passed(last.begun_at, LATE, now):
                late.append(
                    f"{public(url)} was asked at {last.begun_at:%H:%M} UTC and has not answered yet. "
                    f"It is given up after {spelled(timedelta(seconds=MOST_SECONDS))}, and asked again."
                )
        if late:
            await self._alerts.alert(*_waiting(newsletter), "\n".join(late), now)

    async def _judge(self, newsletter: Newsletter) -> bool:
        """Say whether an issue can be made of what came, and tell where a feed is missing."""
        now, down = self._desk.clock(), dict[str, str]()
        for url in newsletter.feeds:
            last = self._askings.last(url)
            if last is not None and (why := last.task.result()):
                down[url] = why
        known = [one for one in await asyncio.to_thread(self._known) if one.url in newsletter.feeds]
        waits = awaited(known, down, now)
        (waiting, title), older = _waiting(newsletter), f"older:{newsletter.name}"
        why = "\n".join(down.values())
        if waits:
            await self._alerts.alert(waiting, title, why, now)
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


def _waiting(newsletter: Newsletter) -> tuple[str, str]:
    """Give the key and the subject of what tells that an issue waits for its feeds."""
    return f"waiting:{newsletter.name}", f"{newsletter.name}: waiting for a feed"
