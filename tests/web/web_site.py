"""A site's pages, served by the real server on a loopback port over a real store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from plain import PLAIN
from sqlmodel import col, func, select

from digest.links import Keys, Link, LinkKind, sign
from digest.model import Channel, Issue, Slot, Subscriber
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import EventRow
from digest.web.app import app
from digest.web.connection import Patience
from digest.web.pages import Pages
from digest.web.server import PROXIES, serve

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OLD_KEY, KEY = b"o" * 32, b"k" * 32
ROSA = "rosa@mail.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PATIENCE = Patience()
LEAVE, RETURN = {"act": "leave"}, {"act": "return"}


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a test has in hand: a client, the store behind the pages, and Rosa, who reads two newsletters."""

    client: httpx2.AsyncClient
    base: str
    store: Store
    rosa: int
    daily: Issue
    before: int
    """The id of the last event before the site stood."""

    def link(self, subscriber_id: int | None = None, **said: int) -> str:
        """The path of an unsubscribe link of the daily's issue, Rosa's unless somebody else is named."""
        kind = LinkKind(said.pop("kind", LinkKind.UNSUBSCRIBE))
        key = OLD_KEY if said.pop("old_key", 0) else KEY
        numbers = {"address_version": 1, "issue_id": self.daily.id} | said
        return "/u/" + sign(Link(kind=kind, subscriber_id=subscriber_id or self.rosa, **numbers), (key,))

    def subscriber(self, subscriber_id: int | None = None) -> Subscriber:
        with self.store.read() as session:
            found = subscribers.get(session, subscriber_id or self.rosa)
        assert found is not None
        return found

    def events(self, *kinds: str) -> list[EventRow]:
        """Everything that was noted since the site stood, or what is of some kinds, oldest first."""
        with self.store.read() as session:
            query = select(EventRow).where(col(EventRow.id) > self.before).order_by(col(EventRow.id))
            return [row for row in session.exec(query) if not kinds or row.kind in kinds]

    def leave(self, *newsletters: str) -> None:
        with self.store.write() as session:
            subscribers.leave(session, self.rosa, list(newsletters), Visit(channel=Channel.OPERATOR), NOW)


def join(store: Store, email: str, *newsletters: str) -> int:
    """Subscribe an address; give its id."""
    with store.write() as session:
        for newsletter in newsletters:
            subscribers.add(session, [Newcomer(email=email, newsletter=newsletter)], NOW)
        found = subscribers.find(session, email)
    assert found is not None
    return found.id


def pages(store: Store, *, keys: Keys = (KEY, OLD_KEY), site_templates: Path | None = None) -> Pages:
    return Pages(
        store=store,
        keys=keys,
        clock=lambda: NOW,
        site_name="The Harbour Ledger",
        site_url="https://ledger.example",
        contact="editor@ledger.example",
        titles={"daily": "The Daily Ledger", "weekly": "The Weekly Ledger"},
        site_templates=site_templates,
    )


@contextlib.asynccontextmanager
async def serving(
    store: Store,
    change: Callable[[Pages], Pages] = lambda pages: pages,
    *,
    proxies: Iterable[str] = PROXIES,
    clients: Patience = PATIENCE,
) -> AsyncIterator[Site]:
    """Serve the pages of a store with one reader and one issue."""
    rosa = join(store, ROSA, "daily", "weekly")
    with store.write() as session:
        daily = issues.open_draft(session, "daily", Slot(name="2026-11-24T07:00", instant=NOW), NOW)
        before = session.exec(select(func.max(EventRow.id))).one()
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    application = app(change(pages(store)))
    server = asyncio.create_task(
        serve(
            application,
            "127.0.0.1",
            0,
            stop=stop,
            started=started.set_result,
            proxies=proxies,
            clients=clients,
            patience=1,
        ),
        name="test.web",
    )
    try:
        base = await started
        async with httpx2.AsyncClient(
            base_url=base, follow_redirects=False, trust_env=False, verify=PLAIN
        ) as client:
            yield Site(client=client, base=base, store=store, rosa=rosa, daily=daily, before=before or 0)
    finally:
        stop.set()
        await server
