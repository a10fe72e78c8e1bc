"""Collects on time, says whether that is fresh enough to publish, and tells how the feeds are."""

import asyncio
from datetime import datetime, timedelta

from digest.alerts import Alerts, among
from digest.config import Newsletter
from digest.desk import Desk
from digest.feed.standing import TROUBLES, FeedHealth, State, is_damaged, standing
from digest.feed.urls import public
from digest.publish import STALE_FEED, collect
from digest.store import health

COLLECT_EVERY = timedelta(minutes=15)
RETRY_FEED = timedelta(minutes=5)
"""How often a feed that failed before a slot is tried again."""

KEYS = {State.DOWN: "feed:", State.GONE: "gone:", State.BLOCKED: "blocked:", State.STALE: "silent:"}
"""How the keys of each kind of trouble begin: what turns into another kind is told at once."""

GIVEN_UP = (
    "What is missing has not come for so long that it is too old for every issue. "
    "It is not looked for any more."
)

SAID = {
    State.DOWN: "is down",
    State.GONE: "is gone",
    State.BLOCKED: "is refused to us by its site",
    State.STALE: "has fallen silent",
}


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
            async with self._alerts.guard("the feeds", self._desk.clock):
                await self._collect(conditional=True)

    async def fresh(self, newsletter: Newsletter) -> bool:
        """Ask all feeds once more before freezing; False where one is down and last came too long ago."""
        now = self._desk.clock()
        if has_passed(self._asked_at, RETRY_FEED, now):
            self._asked_at = now
            self._down = await self._collect(conditional=False)
        down = {url: why for url, why in self._down.items() if url in newsletter.feeds}
        good = {feed.url: feed.good_at for feed in await asyncio.to_thread(self._health)}
        stale = any(has_passed(good.get(url), STALE_FEED, now) for url in down)
        waiting, older = f"waiting:{newsletter.name}", f"older:{newsletter.name}"
        why = "\n".join(down.values())
        if stale:
            await self._alerts.alert(waiting, f"{newsletter.name}: waiting for a feed", why, now)
        else:
            await self._alerts.over(waiting, now)
        if down and not stale:
            title = f"{newsletter.name}: made of an older fetch of a feed"
            await self._alerts.alert(older, title, why, now)
        elif not down:
            await self._alerts.over(older, now, quietly=True)
        return not stale

    async def let_go(self, newsletter: Newsletter) -> None:
        """Take note that no issue of a newsletter waits for its feeds any more."""
        for key in (f"waiting:{newsletter.name}", f"older:{newsletter.name}"):
            await self._alerts.over(key, self._desk.clock(), quietly=True)

    async def _collect(self, *, conditional: bool) -> dict[str, str]:
        """Collect, tell how the feeds are, and give what failed by its URL."""
        now = self.collected_at = self._desk.clock()
        collected = await collect(self._desk, conditional=conditional, patient=True)
        feeds = await asyncio.to_thread(self._health)
        await self._tell_of_trouble(feeds, now)
        await self._tell_of_gaps(feeds, now)
        await self._tell_of_damage(feeds, now)
        await self._tell_of_questions(now)
        return {one.url: one.error for one in collected if one.error}

    async def _tell_of_trouble(self, feeds: list[FeedHealth], now: datetime) -> None:
        lasting = set[str]()
        for feed in feeds:
            judged, url = standing(feed, now), public(feed.url)
            if judged.state in TROUBLES:
                key, subject = f"{KEYS[judged.state]}{url}", f"The feed {url} {SAID[judged.state]}"
                await self._alerts.alert(key, subject, judged.todo, now, once=judged.state is State.STALE)
                lasting.add(key)
            if feed.failures or feed.gone:
                # While it fails, in whatever way, nobody knows whether it has something new.
                lasting |= {f"{begin}{url}" for begin in KEYS.values()}
        for begin in KEYS.values():
            await self._alerts.end(begin, now, but=among(lasting))

    async def _tell_of_gaps(self, feeds: list[FeedHealth], now: datetime) -> None:
        """Tell of each gap once, and of its end: a later fetch may close it, or none has in time."""
        known = {f"gap:{public(one.url)}:{one.gap_at}": one for one in feeds if one.gap}
        for key, feed in known.items():
            subject = f"Articles of {public(feed.url)} may be missing"
            await self._alerts.alert(key, subject, feed.gap, now, once=True)
        for feed in feeds:
            if feed.gap_left_at:
                left = f"gap:{public(feed.url)}:{feed.gap_left_at}"
                await self._alerts.over(left, now, given_up=GIVEN_UP)
        await self._alerts.end("gap:", now, but=among(known))

    async def _tell_of_damage(self, feeds: list[FeedHealth], now: datetime) -> None:
        """Tell of what cannot be read of a feed, and once it is whole again."""
        for feed in feeds:
            if is_damaged(feed, now):
                key, subject = f"damaged:{public(feed.url)}", f"Articles of {public(feed.url)} cannot be read"
                await self._alerts.alert(key, subject, feed.complaints, now, once=True)
        lasting = (f"damaged:{public(feed.url)}" for feed in feeds if feed.damaged_at)
        await self._alerts.end("damaged:", now, but=among(lasting))

    async def _tell_of_questions(self, now: datetime) -> None:
        """Tell of articles of which an editor has to say whether they are news."""
        counted = await asyncio.to_thread(self._asked)
        for name, count in counted.items():
            text = (
                f"{count} articles came all at once, as when a site imports its archive anew. They are "
                "in no issue until somebody says whether they are news: `digest articles accept --all` takes "
                "them in, `digest articles accept --none` leaves them out."
            )
            await self._alerts.alert(f"asked:{name}", f"{name}: articles in question", text, now)
        await self._alerts.end("asked:", now, but=among(f"asked:{name}" for name in counted))

    def _health(self) -> list[FeedHealth]:
        with self._desk.store.read() as session:
            return health.health(session, self._desk.settings.site.feeds)

    def _asked(self) -> dict[str, int]:
        newsletters = self._desk.settings.newsletter
        with self._desk.store.read() as session:
            counted = {one.name: health.asked(session, one.name, one.feeds) for one in newsletters}
        return {name: count for name, count in counted.items() if count}


def has_passed(since: datetime | None, span: timedelta, now: datetime) -> bool:
    """Whether something is due again: never done, done long ago, or done in what a clock now calls future."""
    return since is None or not timedelta() <= now - since < span
