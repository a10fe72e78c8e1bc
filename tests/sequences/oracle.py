"""What each story of a site has lived through, and what the promise makes of it. Knows nothing of the ledger.

The promise: each published story that lived past a slot is in exactly one issue, none is in two, none stays
out without a reason that is told, and true.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wordpress_site import PER_PAGE, Post, WordPress

from digest.model import Decision, Verdict
from digest.store.standing import Account

DAY = timedelta(days=1)
FATES = {Verdict.BASELINE, Verdict.TOO_OLD, Verdict.DECLINED}


@dataclass(kw_only=True)
class Life:
    """What one story has lived through."""

    before: bool = False
    """It was out for a day when the newsletter began, as far as anybody could see then."""
    archive: bool = False
    """It came with an import, and went out long ago, in print."""
    first_date: datetime | None = None
    """Its date when a reading first listed it, at this time."""
    first_read_at: datetime | None = None
    due: bool = False
    """Whoever read the feed had to come upon it, as soon as every page came."""
    read: bool = False
    """And it came."""
    mailed: int = 0


@dataclass(kw_only=True)
class Oracle:
    """Is told of every reading and issue, and looks at the site then."""

    started: datetime
    max_age: timedelta
    lives: dict[int, Life] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _dated: set[tuple[int, datetime]] = field(default_factory=set)
    """What has been listed, and under which date."""
    _familiar: set[tuple[str, datetime]] = field(default_factory=set)
    """What of it has to be known since, by its guid: what stands above that on one page has to be taken."""

    def read(self, site: WordPress, now: datetime, *, thorough: bool) -> None:
        """The feed's first page came, and further ones perhaps: one more than needed if `thorough`."""
        listed = site.listed
        due = {post.story for post in self._due(listed, thorough=thorough and site.is_well)}
        for story in due:
            self.lives[story].due = True
        for post in site.served:
            life = self.lives[post.story]
            self._dated.add((post.story, post.date))
            if post.story in due:
                self._familiar.add((post.guid, post.date))
            if not life.read:
                life.read, life.first_date, life.first_read_at = life.due, post.date, now

    def _due(self, listed: list[Post], *, thorough: bool) -> Iterator[Post]:
        """Give what a reading has to come upon; the very first one reads one page."""
        yield from listed[:PER_PAGE]
        yield from itertools.takewhile(lambda post: not self._stops(post), listed) if self._dated else ()
        second = listed[PER_PAGE : 2 * PER_PAGE]
        known = [n for n, post in enumerate(second) if (post.guid, post.date) in self._familiar]
        yield from second[: max(known, default=0)] if thorough else ()

    def _stops(self, post: Post) -> bool:
        """Whether one who reads the feed downwards may stop at a post: a new date is noticed."""
        return (post.story, post.date) in self._dated

    def issued(
        self, site: WordPress, shown: Counter[int], now: datetime, *, healthy: bool, full: bool
    ) -> None:
        """An issue with these stories went out, or none, for lack of any.

        `healthy` says that the feed was read as a whole for it, `full` that it has no room.
        """
        live = {post.story: post for post in site.posts if post.live}
        for story, count in shown.items():
            life = self.lives[story]
            life.mailed += count
            if life.mailed > 1:
                self.errors.append(f"{now}: story {story} is mailed twice")
            if life.before and life.first_read_at == self.started:
                self.errors.append(f"{now}: story {story} is mailed, which was there before")
            if healthy and story not in live:
                self.errors.append(f"{now}: story {story} is mailed, which was trashed")
        if healthy and not full:
            for story, post in live.items():
                life = self.lives[story]
                if self._is_owed(life) and not post.protected:
                    self.errors.append(f"{now}: story {story} has lived past this slot")

    def is_news(self, story: int) -> bool:
        """Answer as an editor who is asked about a story."""
        life = self.lives[story]
        return not (life.archive or life.mailed or life.before)

    def _is_owed(self, life: Life) -> bool:
        return life.due and not life.mailed and not self._is_old(life)

    def _is_old(self, life: Life) -> bool:
        """Whether a story looks like one of old, to whoever saw it first when the newsletter did."""
        if life.archive or life.before:
            return True
        if life.first_date is None or life.first_read_at is None:
            return False
        return life.first_date < max(self.started - DAY, life.first_read_at - self.max_age)

    def ended(self, site: WordPress, told: Mapping[int, set[str]]) -> None:
        """Everything has had its turn. `told` are the reasons why a story's articles are in no issue."""
        for story, life in self.lives.items():
            reasons = told.get(story, set())
            if life.read and not reasons:
                self.errors.append(f"story {story}: read, and not known: {life}")
            if life.mailed or not reasons:
                continue
            if "" in reasons or not reasons - {Decision.DUPLICATE.value}:
                self.errors.append(f"story {story}: nobody tells why it is in no issue: {reasons} {life}")
            post = next((post for post in site.posts if post.live and post.story == story), None)
            if post is None:
                continue
            true = {Decision.PROTECTED.value} if post.protected else set()
            if self._is_old(life):
                true |= {verdict.value for verdict in FATES}
            if not reasons & true:
                self.errors.append(
                    f"story {story}: in no issue because it is {reasons}, which is not so: {life}"
                )


def reason(account: Account) -> str:
    """Give why an article is in no issue, by its account; empty where nobody tells, or where it is in one."""
    [verdict] = account.verdicts.values()
    if verdict in FATES:
        return str(verdict.value)
    last = account.rulings[-1].decision if account.rulings else Decision.INCLUDED
    if last is not Decision.INCLUDED:
        return str(last.value)
    return Decision.VANISHED.value if account.vanished_at else ""
