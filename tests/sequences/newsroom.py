"""A newsletter in one process: its feed is asked over HTTP, its issues are made at noon, the clock is set."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from oracle import Oracle, reason
from press import Clock
from wordpress_site import WordPress

from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import QUESTION
from digest.model import Issue, IssueState, Slot
from digest.publish import collect, draft, freeze, select_for
from digest.publish.collect import MISTAKE
from digest.store import articles, issues

DAY = timedelta(days=1)
STALE = timedelta(hours=2)
"""An issue is made of a reading that is younger than this where the feed is down, else it waits."""
STORY = re.compile(r"/story-(\d+)")


@dataclass(kw_only=True)
class Newsroom:
    """Time goes on by `wait`. What the site did, and when it was read, the oracle is told as it happens."""

    desk: Desk
    newsletter: Newsletter
    clock: Clock
    site: WordPress
    oracle: Oracle
    cancels: bool = False
    """Whether an editor stops the next issue before anybody has it."""
    _waiting: Slot | None = None
    _next: datetime = field(init=False)

    async def begin(self) -> None:
        """Look at the site for the first time."""
        self._next = self.clock().replace(hour=12, minute=0, second=0, microsecond=0)
        while self._next <= self.clock():
            self._next += DAY
        await self.read()

    async def wait(self, minutes: int) -> None:
        """Let time pass. The slots on the way have their issues, or wait for the feed."""
        until = self.clock() + timedelta(minutes=minutes)
        await self._late()
        while self._next <= until:
            self.clock.now = self._next
            self._waiting = Slot(name=f"{self._next:%Y-%m-%dT%H:%M}", instant=self._next)
            self._next += DAY
            await self._late()
        self.clock.now = until
        await self._late()

    async def read(self, *, for_issue: bool = False) -> str:
        """Ask the feed; give why nothing came, or nothing."""
        self.site.served.clear()
        [came] = await collect(self.desk, conditional=not for_issue, patient=not for_issue)
        assert not came.error.startswith(MISTAKE), came.error
        if not came.error and self.site.served:
            self.oracle.read(self.site, self.clock(), thorough=for_issue)
        return came.error

    async def _late(self) -> None:
        """Make the issue that waits, as long as it may still go out."""
        if self._waiting is None:
            return
        if self.clock() - self._waiting.instant > self.newsletter.grace:
            self._waiting = None
            return
        error = await self.read(for_issue=True)
        if not error or self.clock() - self._good_at() < STALE:
            await self._issue(self._waiting, healthy=not error and self.site.is_well)
            self._waiting = None

    def _good_at(self) -> datetime:
        with self.desk.store.write() as session:
            good_at = articles.feed(session, self.newsletter.feeds[0]).good_at
        assert good_at is not None
        return good_at

    async def _issue(self, slot: Slot, *, healthy: bool) -> None:
        made = draft(self.desk, self.newsletter, slot)
        if made.issue.hold_code == QUESTION:
            self._answer()
            # The next look finds the issue due still, and asks the feed before it.
            await self.read(for_issue=True)
            made = draft(self.desk, self.newsletter, slot)
        if made.rendering is None:
            self._end(made.issue, IssueState.SKIPPED)
        else:
            frozen = await freeze(self.desk, self.newsletter, made.issue)
            assert frozen.state is IssueState.FROZEN, frozen
            if self.cancels:
                self.cancels = False
                self._end(frozen, IssueState.CANCELLED)
                return
            self._end(frozen, IssueState.SENT)
        # Each stands in its link; more than the mail itself no reader knows.
        shown = Counter(map(int, STORY.findall(made.rendering.text if made.rendering else "")))
        full = len(shown) >= self.newsletter.max_articles
        self.oracle.issued(self.site, shown, self.clock(), healthy=healthy, full=full)

    def _answer(self) -> None:
        """Answer what is asked as an editor does who knows the site."""
        name, now = self.newsletter.name, self.clock()
        with self.desk.store.write() as session:
            asked = articles.asked(session, name, self.newsletter.feeds)
            news = [one.id for one in asked if self.oracle.is_news(self.site.story(one.guid))]
            old = [one.id for one in asked if one.id not in news]
            articles.answer(session, name, news, now, news=True, by="ada")
            articles.answer(session, name, old, now, news=False, by="ada")

    def _end(self, issue: Issue, state: IssueState) -> None:
        with self.desk.store.write() as session:
            reached = state is IssueState.SENT
            allowed = (IssueState.DRAFT, IssueState.FROZEN)
            assert issues.move(session, issue, state, self.clock(), allowed=allowed, reached=reached)

    def waits(self) -> bool:
        """Whether something is left for a next issue."""
        return bool(select_for(self.desk, self.newsletter).articles)

    def told(self) -> dict[int, set[str]]:
        """What `digest articles why` tells of each story that is known, under each of its guids.

        Those that have been mailed are not asked about.
        """
        found: dict[int, set[str]] = defaultdict(set)
        with self.desk.store.read() as session:
            for article, _ in articles.listing(session, 10_000):
                story = self.site.story(article.guid)
                account = None if self.oracle.lives[story].mailed else articles.why(session, article.id)
                found[story].add(reason(account) if account else "mailed")
        return found
