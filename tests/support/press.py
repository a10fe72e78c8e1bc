"""An installation in one process: a feed over HTTP, a relay over SMTP, a ledger, a clock to set."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from feed_site import FeedSite, Story, feed_site
from smtp_server import Received, SmtpServer

from digest.alerts import Alerts
from digest.config import Settings, load
from digest.desk import Desk
from digest.model import Counts, Issue, Slot
from digest.service import Service
from digest.store import installation, issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Newcomer

OPERATOR = "ops@ledger.example"
KEYS = (b"k" * 32,)
DAILY = """
[[newsletter]]
name = "daily"
title = "The Daily Ledger"
schedule = "0 7 * * *"
"""
CONFIG = """
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = {feeds}
timezone = "America/New_York"
postal_address = "12 Quay Street, Port Averell"
contact = "editor@ledger.example"
{newsletters}
[mail]
from = "The Harbour Ledger <news@ledger.example>"
[smtp]
host = "{host}"
port = {port}
security = "none"
connections = 4
[alerts]
to = ["{operator}"]
ping_url = "{base}/ping"
[web]
public_url = "{base}"
"""

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what has nothing of either database's own."""


@dataclass(kw_only=True)
class Clock:
    """Stands still until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def utc(text: str) -> datetime:
    """`2026-11-24 12:00` in UTC; by New York's clocks that is 07:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EVE = utc("2026-11-23 20:00")
"""In the afternoon before the first slot: when the press opens."""
SLOT = Slot(name="2026-11-24T07:00", instant=utc("2026-11-24 12:00"))
NEXT = Slot(name="2026-11-25T07:00", instant=utc("2026-11-25 12:00"))


@dataclass(kw_only=True)
class Press:
    """What a test has in hand. Change `newsletters`, `feeds` or `environ` before a service is made."""

    folder: Path
    store: Store
    site: FeedSite
    relay: SmtpServer
    clock: Clock
    newsletters: str = DAILY
    feeds: list[str] = field(default_factory=list)
    rehearses: bool = False
    environ: dict[str, str] = field(default_factory=dict)

    def settings(self) -> Settings:
        text = CONFIG.format(
            feeds=str(self.feeds or [self.site.feed_url]).replace("'", '"'),
            newsletters=self.newsletters,
            host="" if self.rehearses else "127.0.0.1",
            port=self.relay.port,
            operator=OPERATOR,
            base=self.site.base,
        )
        (self.folder / "config.toml").write_text(text, encoding="utf-8")
        return load(self.folder / "config.toml", self.environ)

    def desk(self) -> Desk:
        """A desk with the settings as they are now."""
        return Desk(settings=self.settings(), store=self.store, keys=KEYS, clock=self.clock)

    def service(self) -> Service:
        """A service as it is after a restart. On a busy machine, too, a look waits for what it has begun."""
        desk = self.desk()
        return Service(desk, Alerts(desk), patience=60)

    def publish(self, slug: str, *, minutes_ago: int = 10, title: str = "") -> Story:
        published_at = self.clock() - timedelta(minutes=minutes_ago)
        story = Story(slug=slug, published_at=published_at, title=title)
        self.site.stories.append(story)
        return story

    def subscribe(self, count: int, *, newsletter: str = "daily", first: int = 1) -> list[str]:
        addresses = [f"reader{number}@mail.example" for number in range(first, first + count)]
        with self.store.write() as session:
            newcomers = [Newcomer(email=address, newsletter=newsletter) for address in addresses]
            subscribers.add(session, newcomers, self.clock())
        return addresses

    def find(self, slot: Slot = SLOT, newsletter: str = "daily") -> Issue | None:
        with self.store.read() as session:
            return issues.find(session, newsletter, slot.name)

    def issue(self, slot: Slot = SLOT, newsletter: str = "daily") -> Issue:
        found = self.find(slot, newsletter)
        assert found is not None
        return found

    def counts(self, slot: Slot = SLOT) -> Counts:
        with self.store.read() as session:
            return issues.counts(session, self.issue(slot).id)

    def decided(self, slot: Slot = SLOT, newsletter: str = "daily") -> dict[str, str]:
        """What an issue decided about each article, by guid."""
        with self.store.read() as session:
            found = issues.decisions(session, self.issue(slot, newsletter).id)
            return {article.guid: link.decision.value for article, link in found}

    @property
    def mailed(self) -> list[Received]:
        """The messages to readers."""
        return [one for one in self.relay.received if one.recipient != OPERATOR]

    @property
    def copies(self) -> Counter[str]:
        """How many messages each reader got."""
        return Counter(one.recipient for one in self.mailed)

    @property
    def letters(self) -> list[EmailMessage]:
        """The mails to the operator: alerts and reports."""
        found = [one.data for one in self.relay.received if one.recipient == OPERATOR]
        return [message_from_bytes(data, _class=EmailMessage, policy=policy.default) for data in found]

    @property
    def told(self) -> list[str]:
        """Their subjects."""
        return [str(letter["Subject"]) for letter in self.letters]

    @property
    def pings(self) -> int:
        return self.site.asked.count("/ping")


async def live(service: Service) -> None:
    """One look, and what it set going."""
    await service.pulse()
    await service.idle()


async def live_at(service: Service, clock: Clock, *instants: datetime) -> None:
    """Look at each of these instants."""
    for instant in instants:
        clock.now = instant
        await live(service)


async def live_until(service: Service, clock: Clock, end: datetime, *, every: int) -> None:
    """Let time pass with a look every so many minutes; the last one at `end`."""
    while clock.now < end:
        await live_at(service, clock, min(clock.now + timedelta(minutes=every), end))


@contextlib.asynccontextmanager
async def press(
    store: Store, folder: Path, *, relay: SmtpServer | None = None, readers: int = 3, now: datetime = EVE
) -> AsyncIterator[Press]:
    """Open a press with one article on its site and a few readers."""
    with feed_site() as site:
        async with relay or SmtpServer() as smtp:
            with store.read() as session:
                site.installation = installation.uid(session)
            room = Press(folder=folder, store=store, site=site, relay=smtp, clock=Clock(now=now))
            room.publish("ferry-runs-again")
            room.subscribe(readers)
            yield room
