"""Tells how the feeds are."""

import asyncio
from datetime import datetime, timedelta

from digest.alerts import Alerts, among
from digest.desk import Desk
from digest.feed.standing import TROUBLES, FeedHealth, State, is_damaged, standing
from digest.feed.urls import public
from digest.store import health

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
    """The site's feeds, as the ledger knows them."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts

    async def tell(self, now: datetime) -> None:
        """Tell what troubles the feeds have, what may be missing, and what an editor is asked."""
        feeds = await asyncio.to_thread(self._health)
        await self._tell_of_trouble(feeds, now)
        await self._tell_of_gaps(feeds, now)
        await self._tell_of_damage(feeds, now)
        await self._tell_of_questions(now)

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
