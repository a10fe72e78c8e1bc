"""A desk over a real store, with a clock that a test sets, and what it takes to travel in time."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from installed import CONFIG

from digest.alerts import Alerts
from digest.config import Settings, load
from digest.desk import Desk
from digest.model import Issue
from digest.service import Service
from digest.store import issues, subscribers
from digest.store.database import Store

KEY = b"k" * 32


@dataclass
class Clock:
    """A clock that stands where it is put."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def settings(folder: Path, *, feed: str, smtp: int, environ: Mapping[str, str] = {}) -> Settings:
    """The settings of a site with one daily newsletter at seven, New York time."""
    text = CONFIG.format(
        feed=feed, smtp=smtp, database="sqlite:///none.db", connections=4, web=1, verify="false"
    )
    assert tomllib.loads(text)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return load(folder / "config.toml", environ)


@dataclass
class Newsroom:
    """A running service under a travelled clock."""

    desk: Desk
    clock: Clock
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.service = Service(self.desk, Alerts(self.desk.settings))

    async def look(self, at: datetime) -> None:
        """Let it be `at`, and let the service look around and send what it sends."""
        self.clock.now = at
        await self.service.pulse()
        await self.service.idle()

    async def until(self, end: datetime, step: timedelta = timedelta(minutes=5)) -> None:
        """Let time pass, looking around at every step."""
        while self.clock.now < end:
            await self.look(min(end, self.clock.now + step))

    def issues(self) -> list[Issue]:
        with self.desk.store.read() as session:
            return sorted(issues.listing(session), key=lambda issue: issue.due_at)

    def find(self, slot: str) -> Issue:
        return next(issue for issue in self.issues() if issue.slot == slot)


def newsroom(store: Store, found: Settings, now: datetime, readers: int = 5, **more: Any) -> Newsroom:
    """Open a desk with so many readers."""
    clock = Clock(now)
    desk = Desk(settings=found, store=store, keys=(KEY,), clock=clock, **more)
    if readers:
        with store.write() as session:
            newcomers = [
                subscribers.Newcomer(email=f"reader{number}@mail.example", newsletter="daily")
                for number in range(1, readers + 1)
            ]
            subscribers.add(session, newcomers, now)
    return Newsroom(desk=desk, clock=clock)
