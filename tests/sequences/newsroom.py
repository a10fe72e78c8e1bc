"""A ledger, a site and a clock: readings and issues as the service would have them, without any mail."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wordpress import Post, WordPress

from digest.config import Newsletter
from digest.desk import Desk
from digest.model import Decision, IssueState, Slot, Verdict
from digest.publish import select_for
from digest.store import articles, issues

FEED = "https://ledger.example/feed/"
DAY = timedelta(days=1)
GRACE = timedelta(hours=6)
NUMBER = re.compile(r"p=(\d+)")
REASONS = {Verdict.BASELINE.value, Verdict.TOO_OLD.value, Verdict.DECLINED.value}
WHY = """
SELECT a.guid, j.verdict, a.vanished_at, (
    SELECT l.decision FROM issue_article l JOIN issue i ON i.id = l.issue_id
    WHERE l.article_id = a.id ORDER BY i.due_at DESC LIMIT 1
) FROM article a LEFT JOIN judgement j ON j.article_id = a.id
"""
"""Each article's verdict, and what the last issue decided that decided about it."""


@dataclass(kw_only=True)
class Newsroom:
    """Time goes on by `wait`; slots are at noon, UTC."""

    desk: Desk
    newsletter: Newsletter
    now: datetime
    before: int
    """So many posts are there at first."""
    site: WordPress = field(default_factory=WordPress)
    started: datetime | None = None
    down: bool = False
    declined: set[int] = field(default_factory=set)
    """Posts that were in question, and rightly called no news."""
    _waiting: Slot | None = None
    _next: datetime | None = None

    def begin(self) -> None:
        """Look at the site for the first time."""
        self.started = self.now
        self._next = self.now.replace(hour=12, minute=0, second=0, microsecond=0)
        while self._next <= self.now:
            self._next += DAY
        self.read()

    def wait(self, minutes: int) -> None:
        """Let time pass; the slots on the way have their issues, or wait for the feed."""
        assert self._next is not None
        until = self.now + timedelta(minutes=minutes)
        self._late()
        while self._next <= until:
            self.now, slot = self._next, Slot(name=f"{self._next:%Y-%m-%dT%H:%M}", instant=self._next)
            self._next += DAY
            self._waiting = slot
            self._late()
        self.now = until
        self._late()

    def _late(self) -> None:
        """Make the issue that waits, as long as it may still go out."""
        if self._waiting is None:
            return
        if self.now - self._waiting.instant > GRACE:
            self._waiting = None
        elif not self.down:
            self.read()
            self._publish(self._waiting)
            self._waiting = None

    def read(self) -> None:
        """Take in what the feed shows, unless it is down, and judge it."""
        if self.down:
            return
        with self.desk.store.write() as session:
            feed = articles.feed(session, FEED)
            first = feed.first_fetched_at is None
            known = set(session.connection().exec_driver_sql("SELECT guid FROM article").scalars())
            listed = self.site.listed(known, first=first)
            articles.note_fetch(session, feed.id, self.now)
            shown = [self.site.article(post, self.now) for post in listed]
            articles.upsert(session, feed.id, shown, self.now)
            articles.see_newsletter(session, self.newsletter.name, "0 12 * * *", "UTC", self.now)
            articles.judge_new(session, self.newsletter.name, [FEED], self.newsletter.max_age, self.now)
        for post in listed:
            post.dated_first = post.dated_first or post.published_at
            post.listed_at.append(self.now)

    def _publish(self, slot: Slot) -> None:
        """Answer what is asked as an editor would who knows the site; then make the issue and send it."""
        name = self.newsletter.name
        with self.desk.store.write() as session:
            asked = articles.asked(session, name, [FEED])
            mailed = self.mailed() if asked else Counter()
            news = [one.id for one in asked if self._is_news(one.guid, mailed)]
            old = [one.id for one in asked if one.id not in news]
            articles.answer(session, name, news, self.now, news=True, by="editor")
            articles.answer(session, name, old, self.now, news=False, by="editor")
            self.declined |= {self._post(one.guid).number for one in asked if one.id in old}
            issue = issues.open_draft(session, name, slot, self.now)
        chosen = select_for(self.desk, self.newsletter, but_issue=issue.id)
        with self.desk.store.write() as session:
            issues.save_decisions(session, issue.id, chosen)
            sent = len(chosen.articles) >= self.newsletter.min_articles
            state = IssueState.SENT if sent else IssueState.SKIPPED
            issues.move(session, issue, state, self.now, allowed=issues.UNFROZEN, reached=sent)

    def _is_news(self, guid: str, mailed: Counter[int]) -> bool:
        post = self._post(guid)
        return not post.archive and not mailed[post.number] and not self.was_before(post)

    def was_before(self, post: Post) -> bool:
        """Whether a post was out for a day when the newsletter began, as far as anybody can know.

        One that lay beneath the feed, and comes up with a new date, is like one that comes late.
        """
        assert self.started is not None
        dated = post.dated_first or post.published_at
        if post.dated_anew and post.listed_at and post.listed_at[0] > self.started:
            return False
        return post.number <= self.before and dated < self.started - DAY

    def _post(self, guid: str) -> Post:
        found = NUMBER.search(guid)
        assert found is not None
        return self.site.posts[int(found[1]) - 1]

    # What has come of it.

    def reasons(self) -> dict[int, set[str]]:
        """Why each post's articles, under whichever guids, have not been mailed; empty where nobody tells."""
        told = defaultdict(set)
        with self.desk.store.read() as session:
            for guid, verdict, vanished_at, decision in session.connection().exec_driver_sql(WHY):
                settled = verdict in REASONS or (verdict == Verdict.ASKED.value and vanished_at)
                last = decision if decision != Decision.INCLUDED.value else None
                told[self._post(guid).number].add(verdict if settled else last or "")
        return told

    def mailed(self) -> Counter[int]:
        """How often each post has gone out."""
        found: Counter[int] = Counter()
        with self.desk.store.read() as session:
            for issue in issues.listing(session, limit=10_000):
                if issue.reached:
                    decided = issues.decisions(session, issue.id)
                    found.update(
                        self._post(row.guid).number
                        for row, link in decided
                        if link.decision is Decision.INCLUDED
                    )
        return found

    def waits(self) -> bool:
        """Whether something is left for a next issue."""
        return bool(select_for(self.desk, self.newsletter).articles)
