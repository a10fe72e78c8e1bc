"""Asks articles' own pages: for a picture where the feed has none, and whether they are still there."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2
import structlog

from digest.config import SAMPLE_FEED
from digest.desk import Desk
from digest.feed.ask import MISSING, Answer, ask
from digest.feed.guard import guarded_client
from digest.feed.page import picture
from digest.model import Article, LedgerArticle, Picture
from digest.store import pages

log = structlog.get_logger()

AT_ONCE = 4
"""Pages that are asked at the same time."""
MOST_PICTURES, MOST_LINKS = 30, 60
"""In one run; the others have their turn in the next. A link costs a HEAD, a picture a page."""
PAGE_SECONDS = 15.0
ALL_SECONDS = 60.0
"""A slow site costs an issue a minute, and not its time."""
MOST_PAGE_BYTES = 1024 * 1024
"""The head is wanted, which comes first; what follows is cut off."""
PROBE_BYTES = 4096

# These answer for GET otherwise than for HEAD: some sites know no HEAD, or call everything missing to it.
_ASK_AGAIN = MISSING | {405, 501}
_WITHHELD = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


async def find_pictures(desk: Desk, on_page: Callable[[], None]) -> None:
    """Ask the pages of articles that the next issues may hold, each once ever, for the picture they name."""
    if not desk.settings.site.page_pictures:
        return
    wanted = await asyncio.to_thread(_unpictured, desk)
    found: dict[int, Picture | None] = {}

    async def one(client: httpx2.AsyncClient, article: LedgerArticle) -> None:
        found[article.id] = await _picture(client, article)
        on_page()

    await _each(desk, wanted, one)
    if found:
        await asyncio.to_thread(_note, desk, found)
        pictured = sum(picture is not None for picture in found.values())
        log.info("pages.asked", pages=len(found), pictures=pictured)


async def living(
    desk: Desk, articles: Sequence[LedgerArticle], on_page: Callable[[], None]
) -> list[LedgerArticle]:
    """Give those of some articles that may still have a page: their links neither say no nor lead home.

    A site that shows its pages to browsers alone answers 401 or 403, which says nothing.
    """
    alive: dict[int, bool] = {}

    async def one(client: httpx2.AsyncClient, article: LedgerArticle) -> None:
        answer = await _probe(client, article.link)
        alive[article.id] = answer.status in _WITHHELD or (answer.came and not _is_home(answer.url))
        on_page()

    await _each(desk, articles, one)
    await asyncio.to_thread(_note_links, desk, alive.keys(), ())
    return [article for article in articles if alive.get(article.id)]


async def find_dead(
    desk: Desk,
    shown: Mapping[str, Sequence[Article]],
    on_page: Callable[[], None],
    *,
    most: int = MOST_LINKS,
) -> list[LedgerArticle]:
    """Ask the links of articles that wait and that their feed, by its URL, does not list any more.

    What answers 404 or 410 has vanished, and is given. A site is believed where it shows, at the same time,
    an article that its feed has just listed: where it does not, its answers say nothing.
    """
    suspects = await asyncio.to_thread(_unlisted, desk, shown, most)
    statuses: dict[int, int] = {}
    honest: set[str] = set()

    async def one(client: httpx2.AsyncClient, article: LedgerArticle) -> None:
        statuses[article.id] = (await _probe(client, article.link)).status
        on_page()

    async def listed(client: httpx2.AsyncClient, article: LedgerArticle) -> None:
        newest = max(shown[article.feed_url], key=lambda each: each.published_at)
        status = (await _probe(client, newest.link)).status
        if status == HTTPStatus.OK:
            honest.add(article.feed_url)
        else:
            log.warning("links.unreliable", feed=article.feed_url, link=newest.link, status=status)

    await _each(desk, suspects, one)
    dead = [each for each in suspects if statuses.get(each.id) in MISSING and shown[each.feed_url]]
    await _each(desk, {article.feed_url: article for article in dead}.values(), listed)
    believed = [article for article in dead if article.feed_url in honest]
    if statuses:
        await asyncio.to_thread(_note_links, desk, statuses.keys(), [article.id for article in believed])
    for article in believed:
        log.info("article.vanished", article=article.id, link=article.link)
    return believed


async def _each(
    desk: Desk,
    articles: Iterable[LedgerArticle],
    one: Callable[[httpx2.AsyncClient, LedgerArticle], Awaitable[None]],
) -> None:
    """Do something for each, a few at once, with a client that goes where its feed may lead us."""
    turns = asyncio.Semaphore(AT_ONCE)
    asked = list(articles)
    contact = desk.settings.site.url
    async with contextlib.AsyncExitStack() as stack:
        clients = {}
        for url in {article.feed_url for article in asked}:
            made = await asyncio.to_thread(guarded_client, contact, url)
            clients[url] = await stack.enter_async_context(made)

        async def in_turn(article: LedgerArticle) -> None:
            async with turns:
                await one(clients[article.feed_url], article)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ALL_SECONDS):
                await asyncio.gather(*map(in_turn, asked))


async def _picture(client: httpx2.AsyncClient, article: LedgerArticle) -> Picture | None:
    if _is_home(article.link):
        return None  # an item without a page of its own is linked to the site's
    page = await ask(client, article.link, seconds=PAGE_SECONDS, most=MOST_PAGE_BYTES, cut=True)
    kind = page.headers.get("content-type", "text/html")
    if not page.came or "html" not in kind.lower():
        log.debug("page.none", article=article.id, link=article.link, reason=page.reason or kind)
        return None
    return await asyncio.to_thread(picture, page.body, url=page.url, content_type=kind)


def _is_home(url: str) -> bool:
    """Whether an address is that of a whole site."""
    parts = urlsplit(url)
    return not parts.path.strip("/") and not parts.query


async def _probe(client: httpx2.AsyncClient, link: str) -> Answer:
    """Ask what a link answers, at the least cost."""
    head = await ask(client, link, method="HEAD", seconds=PAGE_SECONDS, most=PROBE_BYTES, cut=True)
    if head.status not in _ASK_AGAIN:
        return head
    return await ask(client, link, seconds=PAGE_SECONDS, most=PROBE_BYTES, cut=True)


def _unpictured(desk: Desk) -> list[LedgerArticle]:
    names = [newsletter.name for newsletter in desk.settings.newsletter]
    feeds = [url for url in desk.settings.site.feeds if url != SAMPLE_FEED]
    with desk.store.read() as session:
        return pages.unpictured(session, names, feeds, MOST_PICTURES)


def _unlisted(desk: Desk, shown: Mapping[str, Sequence[Article]], most: int) -> list[LedgerArticle]:
    names = [newsletter.name for newsletter in desk.settings.newsletter]
    feeds = [url for url in shown if url != SAMPLE_FEED]
    listed = {(url, article.guid) for url, each in shown.items() for article in each}
    with desk.store.read() as session:
        return pages.unlisted(session, names, feeds, listed, most)


def _note(desk: Desk, found: Mapping[int, Picture | None]) -> None:
    with desk.store.write() as session:
        pages.note_pictures(session, found, desk.clock())


def _note_links(desk: Desk, asked: Collection[int], dead: Collection[int]) -> None:
    now = desk.clock()
    with desk.store.write() as session:
        pages.note_links(session, asked, now)
        pages.vanish(session, dead, now)
