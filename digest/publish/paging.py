"""Reads a feed on, page by page, down to what is known: a site lists ten items, and may publish eleven."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import httpx2

from digest.config import SAMPLE_FEED
from digest.desk import Desk
from digest.errors import FeedError
from digest.feed import paging
from digest.feed.ask import MISSING, ask
from digest.feed.fetch import FETCH_SECONDS, MOST_BYTES, Fetched
from digest.feed.paging import Further, Sort
from digest.feed.read import Reading
from digest.feed.sniff import is_whole
from digest.feed.urls import public
from digest.model import Article, FeedStatus, LedgerArticle
from digest.publish.reading import reading as read
from digest.store import gaps
from digest.store.gaps import Gap

MOST_PAGES = 20
"""Of one feed in one run: two hundred articles of WordPress' ten a page."""

WALK_SECONDS = 90.0
"""What a feed's further pages may take in one run; where they take longer, the next run goes on."""

LEAST_LISTED = 2
"""A feed of one item shows its newest and never more: that something was missed cannot be told by it."""

UNPAGED = "all that the feed lists is new, and it has no further page; have the site list more items in it."
CIRCLE = "the feed's pages lead in a circle."
SLOW = f"its further pages took longer than {WALK_SECONDS:g} seconds; see whether the site is slow."
LIMIT = f"it is further back than {MOST_PAGES} pages; have the site list more items in its feed."


@dataclass(frozen=True, kw_only=True)
class Trail:
    """What a feed lists, over all the pages that were read."""

    articles: tuple[Article, ...]
    """In the feed's order, each once."""
    pages: int = 1
    reaches: bool = False
    """Whether they lead down to what was known, or to the feed's very end: nothing is missing."""
    broken: str = ""
    """Why they end before that, in a sentence. Neither of both where that was not tried."""
    late: tuple[Article, ...] = ()
    """What one page further down is new, though it stands above what is known."""
    complaints: tuple[str, ...] = ()
    """What was wrong with the further pages, and survived."""
    whole: bool = True
    """Whether what is missing from these articles is missing from the feed."""


@dataclass(frozen=True, kw_only=True)
class _Page:
    body: bytes
    url: str
    articles: Sequence[Article]
    next_url: str
    complaints: Sequence[str] = ()
    lost: bool = False
    reaches: bool = False

    @property
    def guids(self) -> frozenset[str]:
        return frozenset(article.guid for article in self.articles)


@dataclass(kw_only=True)
class Walk:
    """One run's way through a feed that is known already. `gap` is what an earlier run left open."""

    desk: Desk
    http: httpx2.AsyncClient
    status: FeedStatus
    gap: Gap | None
    keen: bool
    """Whether an open gap is worth several pages now."""
    thorough: bool
    """Whether to look one page further than what is known: a late article stands where its date puts it."""
    now: datetime
    on_page: Callable[[], None]
    seconds: float = WALK_SECONDS
    _found: dict[str, Article] = field(default_factory=dict, init=False)
    _asked: set[str] = field(default_factory=set, init=False)
    _until: float = field(default=0, init=False)
    _last: _Page = field(init=False)
    _pages: int = field(default=1, init=False)
    """How many were read; `_last` is the last of them."""
    _complaints: list[str] = field(default_factory=list, init=False)
    _whole: bool = field(default=True, init=False)

    async def down(self, first: Fetched, reading: Reading) -> Trail:
        """Read on where the oldest item is new, one page after the other, until one is known."""
        listed = reading.articles
        self._found = {article.guid: article for article in listed}
        self._asked = {first.url}
        self._until = asyncio.get_running_loop().time() + self.seconds
        page = self._last = _Page(body=first.body, url=first.url, articles=listed, next_url=reading.next_url)
        if self.status.first_fetched_at is None or self.status.url == SAMPLE_FEED or not listed:
            return self._trail(1)
        if await self._meets_known(listed):
            return await self._reached(1, page, first.url)
        if self.gap and not self.keen and await self._meets_known(listed, above=True):
            return self._trail(1)
        return await self._on(page)

    async def _on(self, page: _Page) -> Trail:
        first = page.url
        for pages in range(1, MOST_PAGES):
            further = paging.further(
                page.body, here=page.url, first=first, number=pages, next_url=page.next_url
            )
            if further is None:
                return await self._at_end(pages, sure=pages > 1)
            try:
                found = await self._turn(further, page)
            except FeedError as error:
                return self._trail(pages, broken=str(error))
            if found is None:
                # Where older articles stood, a second page that is missing is a page that is withheld.
                whole = further.sort is Sort.WORDPRESS and not await asyncio.to_thread(self._had_older)
                return await self._at_end(pages, sure=pages > 1 or whole)
            if not found.guids - page.guids:
                # It knows no pages, and gives the first one whatever it is asked; or the last one.
                return await self._at_end(pages, sure=pages > 1)
            if found.reaches:
                return await self._reached(pages + 1, found, first)
            page = found
        return self._trail(MOST_PAGES, broken=LIMIT)

    async def _reached(self, pages: int, page: _Page, first: str) -> Trail:
        """End where something known was met, with what is late one page further, if that page comes."""
        trail = self._trail(pages, reaches=True)
        further = paging.further(page.body, here=page.url, first=first, number=pages, next_url=page.next_url)
        if further is None or not self.thorough:
            return trail
        try:
            found = await self._read(further)
        except FeedError:
            return trail
        if found is None:
            return trail
        # It is one more page, which some cache may hold since yesterday: that it does not list something, or
        # lists it in other words, says nothing.
        late = await asyncio.to_thread(self._late, found.articles)
        return replace(trail, pages=pages + 1, late=late, complaints=tuple(self._complaints))

    async def search(self, first: str, lost: Sequence[LedgerArticle]) -> tuple[Article, ...]:
        """Read on below all that was read, for articles that it missed; give those that are listed there.

        `first` is where the feed's first page was found.
        """
        sought, seen, found = list(lost), set(self._found), []
        # The last page that was read may have been read for what is late in it, and for nothing else.
        page: _Page | None = self._last
        while page is not None:
            for article in page.articles:
                mine = [one for one in sought if paging.is_same_page(one, article)]
                found += [article] if mine else []
                sought = [one for one in sought if one not in mine]
            seen |= page.guids
            page = await self._after(page, first) if sought and self._pages < MOST_PAGES else None
            page = page if page and page.guids - seen else None
        return tuple(found)

    async def _after(self, page: _Page, first: str) -> _Page | None:
        """Read the page after the last one; None where none comes."""
        further = paging.further(
            page.body, here=page.url, first=first, number=self._pages, next_url=page.next_url
        )
        try:
            return await self._read(further) if further else None
        except FeedError:
            return None

    async def _turn(self, further: Further, before: _Page) -> _Page | None:
        """Read one page on; None past the end. Raises FeedError where it does not come."""
        found = await self._read(further)
        if found is None:
            return None
        if not found.guids - self._found.keys() and found.guids != before.guids:
            raise FeedError(CIRCLE)
        for article in found.articles:
            self._found.setdefault(article.guid, article)
        self._whole = self._whole and not found.complaints
        if not is_whole(found.body):
            raise FeedError(f"{public(found.url)} was cut off.")
        if found.lost:
            raise FeedError(found.complaints[-1])
        self._asked.add(found.url)
        return replace(found, reaches=await self._meets_known(found.articles))

    async def _read(self, further: Further) -> _Page | None:
        """Ask for a page, and give what it lists; None past the end. Raises FeedError."""
        if further.url in self._asked:
            raise FeedError(CIRCLE)
        self._asked.add(further.url)
        self.on_page()
        try:
            async with asyncio.timeout_at(self._until):
                answer = await ask(self.http, further.url, seconds=FETCH_SECONDS, most=MOST_BYTES)
                if answer.status in MISSING and further.sort is not Sort.NAMED:
                    return None
                if not answer.came:
                    raise FeedError(answer.reason)
                reading = await read(answer.body, answer.headers, url=answer.url, now=self.now)
        except TimeoutError:
            raise FeedError(SLOW) from None
        if not reading.articles:
            return None
        self._pages += 1
        said = [f"{public(answer.url)}: {complaint}" for complaint in reading.complaints]
        self._complaints += said
        self._last = _Page(
            body=answer.body,
            url=answer.url,
            articles=reading.articles,
            next_url=reading.next_url,
            complaints=said,
            lost=reading.lost,
        )
        return self._last

    def _trail(self, pages: int, *, reaches: bool = False, broken: str = "") -> Trail:
        return Trail(
            articles=tuple(self._found.values()),
            pages=pages,
            reaches=reaches,
            broken=broken,
            complaints=tuple(self._complaints),
            whole=self._whole,
        )

    async def _at_end(self, pages: int, *, sure: bool) -> Trail:
        """Judge a feed that does not go on. Not `sure`, it may be one that has no pages, and lists but a few.

        Then nothing is known to be missing where it lists fewer than it did at first: it has made room.
        """
        if sure or not await asyncio.to_thread(self._is_full):
            return self._trail(pages, reaches=sure or self.gap is None)
        return self._trail(pages, broken=UNPAGED)

    def _is_full(self) -> bool:
        with self.desk.store.read() as session:
            if gaps.newest(session, self.status.id, before=self._below) is None:
                return False
            return len(self._found) >= max(LEAST_LISTED, gaps.window(session, self.status.id))

    def _late(self, listed: Sequence[Article]) -> tuple[Article, ...]:
        """Give what is new above the last that is known under its date: below it nobody has looked yet."""
        with self.desk.store.read() as session:
            dates = gaps.dates(session, self.status.id, {article.guid for article in listed})
        stand = [
            place for place, article in enumerate(listed) if dates.get(article.guid) == article.published_at
        ]
        above = listed[: max(stand, default=0)]
        return tuple(one for one in above if one.guid not in dates and one.guid not in self._found)

    def _had_older(self) -> bool:
        oldest = min(article.published_at for article in self._found.values())
        with self.desk.store.read() as session:
            return gaps.has_older(session, self.status.id, oldest)

    @property
    def _below(self) -> datetime | None:
        return self.gap.at if self.gap else None

    async def _meets_known(self, listed: Sequence[Article], *, above: bool = False) -> bool:
        """Whether a page's oldest article is known: since before the gap, or `above` it too."""
        return await asyncio.to_thread(self._is_known, listed, None if above else self._below)

    def _is_known(self, listed: Sequence[Article], before: datetime | None) -> bool:
        last = paging.oldest(listed)
        path = paging.own_path(last, listed)
        with self.desk.store.read() as session:
            dates = gaps.shown_under(session, self.status.id, last.guid, path, before=before)
        # One that was given a new date has moved up, and proves nothing about what stood above it.
        return bool(dates) if last.published_at == self.now else last.published_at in dates
