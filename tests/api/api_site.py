"""The API of a site's software, served by the real server on a loopback port, in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx2
from plain import PLAIN

from digest.model import Channel, Subscriber
from digest.store import subscribers, tokens
from digest.store.bounces import Evidence
from digest.store.database import Store
from digest.store.subscribers import Newcomer, Visit
from digest.store.tokens import Scope
from digest.web.app import app
from digest.web.pages import Pages
from digest.web.server import serve

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROSA = "rosa@mail.example"
CONSENT = {"at": "2026-11-20T08:00:00Z", "how": "checkout of the shop", "ip": "192.0.2.7", "text": "v3"}


@dataclass(frozen=True, kw_only=True)
class Api:
    """What a test has in hand: a client that brings a token for everything, and the store behind."""

    client: httpx2.AsyncClient
    base: str
    store: Store

    def token(self, *scopes: Scope, name: str = "other") -> dict[str, str]:
        """The header of a new token."""
        return bearer(self.store, name, *scopes)

    def reader(self, email: str = ROSA, *newsletters: str) -> int:
        """An active reader; gives the id."""
        with self.store.write() as session:
            for newsletter in newsletters or ("daily",):
                subscribers.add(session, [Newcomer(email=email, newsletter=newsletter)], NOW)
        return self.known(email).id

    def known(self, email: str = ROSA) -> Subscriber:
        with self.store.read() as session:
            found = subscribers.find(session, email)
        assert found is not None
        return found

    def leaves(self, email: str = ROSA, *newsletters: str) -> None:
        """The reader leaves by the page."""
        with self.store.write() as session:
            visit = Visit(channel=Channel.PAGE)
            subscribers.leave(session, self.known(email).id, list(newsletters or ("daily",)), visit, NOW)

    def suppress(self, email: str = ROSA) -> None:
        with self.store.write() as session:
            subscribers.suppress(session, email, Evidence(reason="complaint"), NOW)


def bearer(store: Store, name: str, *scopes: Scope) -> dict[str, str]:
    with store.write() as session:
        return {"Authorization": f"Bearer {tokens.make(session, name, scopes, NOW)}"}


def pages(store: Store) -> Pages:
    return Pages(
        store=store,
        keys=(b"k" * 32,),
        clock=lambda: NOW,
        site_name="The Harbour Ledger",
        site_url="https://ledger.example",
        contact="editor@ledger.example",
        titles={"daily": "The Daily Ledger", "weekly": "The Weekly Ledger"},
        public_url="https://news.ledger.example",
    )


@contextlib.asynccontextmanager
async def serving(store: Store, **changes: object) -> AsyncIterator[Api]:
    """Serve the API of a store; `changes` are of the pages' values."""
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    application = app(replace(pages(store), **changes))  # type: ignore[arg-type] # as the test says
    server = asyncio.create_task(
        serve(application, "127.0.0.1", 0, stop=stop, started=started.set_result), name="test.api"
    )
    try:
        base = await started
        headers = bearer(store, "software", *Scope)
        async with httpx2.AsyncClient(
            base_url=f"{base}/api", headers=headers, trust_env=False, verify=PLAIN
        ) as client:
            yield Api(client=client, base=base, store=store)
    finally:
        stop.set()
        await server


@contextlib.contextmanager
def served_apart(store: Store, **changes: object) -> Iterator[str]:
    """Serve in a thread, for a client that blocks; gives the URL."""
    urls: list[str] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    application = app(replace(pages(store), **changes))  # type: ignore[arg-type] # as the test says

    def told(url: str) -> None:
        urls.append(url)
        up.set()

    def live() -> None:
        loop.run_until_complete(serve(application, "127.0.0.1", 0, stop=stop, started=told))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=live, name="test.api")
    thread.start()
    try:
        assert up.wait(10)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
