"""An archive with issues in it, served by the real server on a loopback port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import sqlalchemy as sa
from plain import PLAIN

from digest.issue import Selection
from digest.model import Article, Decided, Decision, IssueState, Picture, Rendering, Slot, slot_placeholder
from digest.store import articles, feeds, issues
from digest.store.database import Store
from digest.store.tables import ISSUE
from digest.web.app import app
from digest.web.pages import Pages
from digest.web.server import serve

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NONCE = "0123456789abcdef"
PUBLIC_URL = "https://news.ledger.example"
FEED_URL = "https://ledger.example/feed/"


def rendering(subject: str = "The ferry is late", html: str = "") -> Rendering:
    def slot(name: str, fallback: str = "") -> str:
        return slot_placeholder(NONCE, name, fallback)

    body = html or (
        f"<p>Dear {slot('name', 'friend')} &lt;{slot('email')}&gt;, since {slot('since', 'long ago')}</p>"
        f'<img src="https://ledger.example/ferry.jpg"><a href="{slot("unsubscribe_url")}">Unsubscribe</a>'
    )
    head = f"<head>\n<title>{subject}</title>\n</head>"
    page = f'<!DOCTYPE html>\n<html lang="en">\n{head}\n<body>{body}</body></html>'
    return Rendering(
        subject=subject, preheader=f"About: {subject}", html=page, text=slot("unsubscribe_url"), nonce=NONCE
    )


def put(
    store: Store,
    slot: str,
    *,
    newsletter: str = "daily",
    extra: str | None = None,
    reached: bool = True,
    state: IssueState = IssueState.SENT,
    made: Rendering | None = None,
) -> int:
    """Put an issue into the ledger as it stands after it was sent; give its id."""
    due = datetime.fromisoformat(slot).replace(tzinfo=UTC)
    with store.write() as session:
        issues.begin(session, newsletter, Slot(name=slot, instant=due), NOW, extra=extra)
        issue = issues.find(session, newsletter, slot)
        assert issue is not None
        issues.save_rendering(session, issue.id, made or rendering(), due - timedelta(hours=1))
        session.connection().execute(
            sa.update(ISSUE)
            .where(ISSUE.c.id == issue.id)
            .values(state=state, reached=reached, started_at=due if reached else None)
        )
    return issue.id


def illustrate(store: Store, issue_id: int, url: str, alt: str = "A ferry in the fog") -> None:
    """Give an issue a story with a picture."""
    story = Article(
        guid="ferry",
        link="https://ledger.example/ferry/",
        title="The ferry",
        published_at=NOW,
        picture=Picture(url=url, alt=alt),
    )
    with store.write() as session:
        feed = feeds.feed(session, FEED_URL)
        articles.upsert(session, feed.id, [story], NOW)
        [article] = articles.recent(session, (FEED_URL,), 1)
        decided = Decided(article=article, decision=Decision.INCLUDED, reason="")
        issues.save_decisions(session, issue_id, Selection(decided=(decided,)))


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a test has in hand."""

    client: httpx2.AsyncClient
    store: Store

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path)


@contextlib.asynccontextmanager
async def archive(store: Store, **changes: Any) -> AsyncIterator[Archive]:
    """Serve the pages of a store."""
    pages = Pages(
        store=store,
        keys=(b"k" * 32,),
        clock=lambda: NOW,
        site_name="The Harbour Ledger",
        site_url="https://www.ledger.example",
        contact="editor@ledger.example",
        titles={"daily": "The Daily Ledger", "weekly": "The Weekly Ledger"},
        public_url=PUBLIC_URL,
    )
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(app(replace(pages, **changes)), "127.0.0.1", 0, stop=stop, started=started.set_result),
        name="test.archive",
    )
    try:
        async with httpx2.AsyncClient(
            base_url=await started, follow_redirects=False, trust_env=False, verify=PLAIN
        ) as client:
            yield Archive(client=client, store=store)
    finally:
        stop.set()
        await server
