"""Everything that a newsletter needs, on this machine alone and in one folder: site, relay, ledger, pages."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from digest import links
from digest.config import Newsletter, load
from digest.demo.caught import Catcher
from digest.desk import Desk
from digest.model import Slot
from digest.sample.site import SampleSite
from digest.sample.stories import SITE
from digest.slots import Schedule
from digest.store.database import Store
from digest.store.schema import open_store, upgrade
from digest.web.desk import reader_pages
from digest.web.server import serve

LOOPBACK = "127.0.0.1"
SCHEDULE = "0 7 * * *"
ZONE = "America/New_York"

CONFIG = """\
# What `digest demo` ran with. `digest init` writes one of your own, with every key explained.
[site]
name = "The Harbour Ledger"
url = "{url}"
feeds = ["{feed}"]
timezone = "{zone}"
postal_address = "12 Quay Street, Port Averell"
contact = "editor@ledger.example"

[[newsletter]]
name = "daily"
title = "The Daily Ledger"
schedule = "{schedule}"

[mail]
from = "The Harbour Ledger <news@ledger.example>"

[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
timeout = 30

[web]
port = 0
"""


class Clock:
    """A clock that runs as time does, from wherever it was set: so a demo need not last until tomorrow."""

    def __init__(self, instant: datetime) -> None:
        self.set(instant)

    def set(self, instant: datetime) -> None:
        """Go on from an instant, aware."""
        self._instant, self._since = instant.astimezone(UTC), time.monotonic()

    def __call__(self) -> datetime:
        """Give the time, in UTC."""
        return self._instant + timedelta(seconds=time.monotonic() - self._since)


@dataclass(frozen=True, kw_only=True)
class World:
    """What the demo plays with. `slots` are this morning's and tomorrow's."""

    desk: Desk
    newsletter: Newsletter
    slots: tuple[Slot, Slot]
    clock: Clock
    site: SampleSite
    catcher: Catcher


def mornings(now: datetime) -> tuple[Slot, Slot]:
    """Give the slots of today and of tomorrow, as days go where the sample site is."""
    schedule = Schedule.parse(SCHEDULE, ZONE)
    today = schedule.day(now.astimezone(schedule.zone).date())[0]
    return today, schedule.upcoming(today.instant, 1)[0]


@contextlib.contextmanager
def no_proxy() -> Iterator[None]:
    """Ask no proxy while the context is open: it would look for this machine's loopback on its own."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.asynccontextmanager
async def world(folder: Path, now: datetime) -> AsyncIterator[World]:
    """Make it all in an empty folder, and take it down again but for the files.

    Raises DigestError where a part does not start.
    """
    slots = mornings(now)
    clock = Clock(slots[0].instant)
    async with SampleSite(now=slots[0].instant) as site, Catcher() as catcher:
        config = folder / "config.toml"
        text = CONFIG.format(
            url=SITE, feed=site.feed_url, zone=ZONE, schedule=SCHEDULE, smtp_port=catcher.port
        )
        config.write_text(text, encoding="utf-8")
        settings = load(config, {})
        key = links.new_key()
        settings.secret_path.touch(mode=0o600)
        settings.secret_path.write_text(f"{key}\n", encoding="utf-8")
        with contextlib.closing(_store(settings.database_url, clock())) as store:
            desk = Desk(settings=settings, store=store, keys=links.parse_keys(key), clock=clock)
            async with _pages(desk) as url:
                # Only now is it known on which port the pages answer; it is laid over as the environment is.
                settings = load(config, {"DIGEST_WEB__PUBLIC_URL": url})
                yield World(
                    desk=replace(desk, settings=settings),
                    newsletter=settings.newsletter[0],
                    slots=slots,
                    clock=clock,
                    site=site,
                    catcher=catcher,
                )


def _store(url: str, now: datetime) -> Store:
    with contextlib.closing(Store(url)) as fresh:
        upgrade(fresh, now)
    return open_store(url)


@contextlib.asynccontextmanager
async def _pages(desk: Desk) -> AsyncIterator[str]:
    """Serve the reader pages on a free port; give their URL."""
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(reader_pages(desk), LOOPBACK, 0, stop=stop, started=started.set_result), name="demo.web"
    )
    try:
        either: set[asyncio.Future[Any]] = {server, started}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            await server  # It failed before it began: let the reason come out.
        yield started.result()
    finally:
        stop.set()
        await server
