"""A site's sign-up pages over a real store, a clock to set, and the mail that waits in the ledger."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx2
from plain import PLAIN
from sqlmodel import col, select

from digest.config import Signup
from digest.links import Link, LinkKind, sign
from digest.model import Channel, Subscriber, SubscriberState
from digest.store import bounces, subscribers
from digest.store.database import Store
from digest.store.reader_tables import ReaderMailRow
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import EventRow, SubscriberRow
from digest.web.app import app
from digest.web.pages import Pages
from digest.web.server import serve

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY, OTHER_KEY = b"k" * 32, b"x" * 32
ROSA = "rosa@mail.example"
BOTH = {"daily": "The Daily Ledger", "weekly": "The Weekly Ledger"}
PUBLIC = "https://news.ledger.example"

_MARK = re.compile(r'name="mark" value="([^"]*)"')


@dataclass(kw_only=True)
class Site:
    """What a test has in hand."""

    client: httpx2.AsyncClient
    store: Store
    now: datetime = NOW
    signup: Signup = field(default_factory=Signup)

    async def mark(self, *, wait: float = 5) -> str:
        """The mark of a form as it was shown `wait` seconds ago."""
        page = await self.client.get("/subscribe")
        assert page.status_code == 200
        self.now += timedelta(seconds=wait)
        return mark_of(page)

    async def sign_up(
        self,
        email: str = ROSA,
        *,
        newsletters: Sequence[str] = ("daily",),
        ip: str = "203.0.113.9",
        mark: str | None = None,
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> httpx2.Response:
        """Fill in the page's form and send it."""
        said = {"email": email, "newsletter": list(newsletters), "mark": mark or await self.mark(), **more}
        sent = {"X-Forwarded-For": ip, "User-Agent": "Firefox", **(headers or {})}
        return await self.client.post("/subscribe", data=said, headers=sent)

    @property
    def mails(self) -> list[ReaderMailRow]:
        """What was queued to be mailed, oldest first."""
        with self.store.read() as session:
            query = select(ReaderMailRow).where(col(ReaderMailRow.email) != "")
            return list(session.exec(query.order_by(col(ReaderMailRow.id))))

    def row(self, email: str = ROSA) -> SubscriberRow | None:
        with self.store.read() as session:
            query = select(SubscriberRow).where(SubscriberRow.address_key == email.lower())
            return session.exec(query).one_or_none()

    def reader(self, email: str = ROSA) -> Subscriber | None:
        with self.store.read() as session:
            return subscribers.find(session, email)

    def events(self, *kinds: str) -> list[EventRow]:
        with self.store.read() as session:
            found = session.exec(select(EventRow).order_by(col(EventRow.id))).all()
        return [event for event in found if not kinds or event.kind in kinds]

    def link(self, mail: ReaderMailRow, *, key: bytes = KEY, **said: int) -> str:
        """The path of the link in a mail, or of one that says something else."""
        assert mail.id is not None
        kind = LinkKind(said.pop("kind", LinkKind.CONFIRM))
        numbers = {"subscriber_id": mail.subscriber_id, "address_version": 1, "issue_id": mail.id} | said
        return "/c/" + sign(Link(kind=kind, **numbers), (key,))

    async def press(self, path: str, act: str = "confirm") -> httpx2.Response:
        """Press a button of the page behind a link."""
        headers = {"X-Forwarded-For": "198.51.100.4", "User-Agent": "Safari"}
        return await self.client.post(path, data={"act": act}, headers=headers)

    def join(self, email: str, *newsletters: str) -> int:
        """Subscribe an address as an operator does; give its id."""
        with self.store.write() as session:
            for newsletter in newsletters:
                subscribers.add(session, [Newcomer(email=email, newsletter=newsletter)], self.now)
            found = subscribers.find(session, email)
        assert found is not None
        return found.id

    def leave(self, subscriber_id: int, *newsletters: str) -> None:
        with self.store.write() as session:
            visit = Visit(channel=Channel.PAGE)
            subscribers.leave(session, subscriber_id, list(newsletters), visit, self.now)

    def suppress(self, email: str) -> None:
        with self.store.write() as session:
            subscribers.suppress(session, email, bounces.Evidence(reason="dead"), self.now)


def mark_of(page: httpx2.Response) -> str:
    found = _MARK.search(page.text)
    assert found is not None
    return unescape(found[1])


def pages(store: Store, site: Site, titles: dict[str, str] | None = None) -> Pages:
    return Pages(
        store=store,
        keys=(KEY,),
        clock=lambda: site.now,
        site_name="The Harbour Ledger",
        site_url="https://ledger.example",
        contact="editor@ledger.example",
        titles=titles or BOTH,
        public_url=PUBLIC,
        signup=site.signup,
    )


@contextlib.asynccontextmanager
async def serving(
    store: Store, *, signup: Signup | None = None, titles: dict[str, str] | None = None, now: datetime = NOW
) -> AsyncIterator[Site]:
    """Serve the pages of a store."""
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with httpx2.AsyncClient(
        follow_redirects=False, trust_env=False, verify=PLAIN, timeout=30
    ) as client:
        site = Site(client=client, store=store, signup=signup or Signup(), now=now)
        server = asyncio.create_task(
            serve(app(pages(store, site, titles)), "127.0.0.1", 0, stop=stop, started=started.set_result)
        )
        try:
            client.base_url = httpx2.URL(await started)
            yield site
        finally:
            stop.set()
            await server


def state(site: Site, email: str = ROSA) -> SubscriberState | None:
    row = site.row(email)
    return None if row is None else row.state
