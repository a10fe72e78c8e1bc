"""Decides which articles make an issue, in what order, and why the others do not. Touches no database.

An article belongs to the next issue of a newsletter as long as no issue that reached anybody has held it,
whatever its date: late, back-dated and carried-over articles are not lost, as they are by date windows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.config.rules import EVERYTHING, NOTHING, Rules
from digest.model import Decided, Decision, LedgerArticle, Verdict
from digest.stories import Stories, Story

BASELINE_AGE = timedelta(days=1)
"""At a newsletter's first look, what is older than this was news before we came: recorded, not mailed."""

FULL = 10
"""A feed that shows so many articles has others beneath them."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An article that no issue has mailed. `carried` where an earlier issue had no room for it."""

    article: LedgerArticle
    carried: bool = False


@dataclass(frozen=True, kw_only=True)
class Known:
    """A story that a newsletter has mailed, or never will. `fate` goes on from "the same story as 7, "."""

    id: int
    feed_url: str
    link: str
    title: str
    published_at: datetime
    first_seen_at: datetime
    fate: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What an editor wants of an article in a newsletter's next issue."""

    pinned: bool = False
    """It goes in, before all others."""
    held: bool = False
    """It waits for a later issue."""
    place: int | None = None
    """Where it is shown, from 1; the others follow."""
    by: str = ""
    at: datetime | None = None


UNMARKED = Mark()


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Every decision of an issue, the included first and in the order in which they are shown."""

    decided: tuple[Decided, ...]

    @property
    def articles(self) -> tuple[LedgerArticle, ...]:
        """The articles of the issue, the lead first."""
        return tuple(d.article for d in self.decided if d.decision is Decision.INCLUDED)

    def count(self, decision: Decision) -> int:
        """How many articles got this decision."""
        return sum(d.decision is decision for d in self.decided)


def judge(
    article: LedgerArticle, *, anchor: datetime, max_age: timedelta, floor: datetime | None = None
) -> Verdict:
    """Decide once whether a newsletter may ever mail an article, when the newsletter first sees it.

    `anchor` is the newsletter's first look at the article's feed. What stood there already and was older
    than a day is baseline; what was older than `max_age` when it was first seen is too old. It is never
    judged again, so what is carried over is not lost to age.

    `floor` is the date of the oldest article that a full feed showed at that first look: what is older was
    beneath it, and comes up where another is trashed.
    """
    stood_there = article.first_seen_at <= anchor or (floor is not None and article.published_at < floor)
    if stood_there and article.published_at < anchor - BASELINE_AGE:
        return Verdict.BASELINE
    if article.published_at < article.first_seen_at - max_age:
        return Verdict.TOO_OLD
    return Verdict.ELIGIBLE


def in_question(sudden: Sequence[LedgerArticle], known: Iterable[Story]) -> frozenset[int]:
    """Give the ids of those about which an editor is to be asked, of a reading that listed nothing known.

    After an outage all of them are newer than everything `known`: news. Where most are known stories, the
    site has moved: what is newer is news too. Otherwise it looks like a re-imported archive.
    """
    known = list(known)
    feeds = {article.feed_url for article in sudden}
    newest = max((story.published_at for story in known if story.feed_url in feeds), default=None)
    stories = Stories(known)
    strange = {article.id for article in sudden if stories.twin(article) is None}
    newer = {article.id for article in sudden if newest is None or article.published_at > newest}
    familiar = len(sudden) - len(strange)
    if len(newer) == len(sudden) and not familiar:
        return frozenset()
    return frozenset(strange - newer if 2 * familiar >= len(sudden) else strange)


def select(
    candidates: Iterable[Candidate],
    *,
    max_articles: int,
    known: Iterable[Known] = (),
    marks: Mapping[int, Mark] | None = None,
    held: Iterable[Story] = (),
    vanished: Iterable[LedgerArticle] = (),
    include: Rules = EVERYTHING,
    exclude: Rules = NOTHING,
) -> Selection:
    """Choose an issue's articles: what is pinned, then what was carried over, then the newest.

    Carried articles go first so that a busy week delays a story by one issue and never drops it; among the
    others the newest win, so that what broke at dawn is in. Shown are the placed ones in their places, then
    the pinned, then the newest first. `held` are stories that an editor holds back, whether they are
    candidates or not; `vanished` are articles that would have been candidates.
    """
    marks = marks or {}
    desk = _Table(max_articles=max_articles, known=Stories(known), held=Stories(held))
    rest = []
    for candidate in sorted(candidates, key=lambda c: _turn(c, marks.get(c.article.id, UNMARKED))):
        article, mark = candidate.article, marks.get(candidate.article.id, UNMARKED)
        refused = _by_itself(article, mark, include, exclude) or desk.refuse(article, mark)
        if refused is not None:
            rest.append(refused)
            continue
        reason = "carried over from the last issue" if candidate.carried else "new"
        desk.take(article, "pinned by an editor" if mark.pinned else reason)
    gone = [_decided(a, Decision.VANISHED, "it is no longer on the site") for a in vanished]
    shown = sorted(desk.taken, key=lambda d: _place(d.article, marks.get(d.article.id, UNMARKED)))
    return Selection(decided=(*shown, *rest, *gone))


@dataclass(kw_only=True)
class _Table:
    """What lies on the table while an issue is made up."""

    max_articles: int
    known: Stories[Known]
    held: Stories[Story]
    taken: list[Decided] = field(default_factory=list)
    stories: Stories[LedgerArticle] = field(default_factory=Stories)

    def take(self, article: LedgerArticle, reason: str) -> None:
        self.taken.append(_decided(article, Decision.INCLUDED, reason))
        self.stories.add(article)

    def refuse(self, article: LedgerArticle, mark: Mark) -> Decided | None:
        """Refuse what is there already, or has no room. An editor's pin counts for more than a likeness."""
        if (twin := self.stories.twin(article)) is not None:
            return _decided(article, Decision.DUPLICATE, f"the same story as article {twin.id}")
        if mark.pinned:
            return None
        if (known := self.known.twin(article)) is not None:
            reason = f"the same story as article {known.id}, {known.fate}"
            return _decided(article, Decision.DUPLICATE, reason)
        if (back := self.held.twin(article)) is not None:
            reason = f"the same story as article {back.id}, which an editor holds back"
            return _decided(article, Decision.HELD_BACK, reason)
        if len(self.taken) >= self.max_articles:
            reason = f"the issue is full ({self.max_articles}); it is in the next"
            return _decided(article, Decision.CARRIED, reason)
        return None


def _by_itself(article: LedgerArticle, mark: Mark, include: Rules, exclude: Rules) -> Decided | None:
    """Refuse an article for what it is, whatever else there is."""
    if article.protected:
        return _decided(article, Decision.PROTECTED, "it is behind a password")
    if mark.held:
        return _decided(article, Decision.HELD_BACK, "an editor holds it back for a later issue")
    if mark.pinned:
        return None
    if rule := _names(exclude, article):
        return _decided(article, Decision.FILTERED, f"[newsletter.exclude] {rule}")
    if include.says_anything and not _names(include, article):
        return _decided(article, Decision.FILTERED, "no rule of [newsletter.include] names it")
    return None


def _names(rules: Rules, article: LedgerArticle) -> str:
    return rules.match(categories=article.categories, author=article.author, title=article.title)


def _turn(candidate: Candidate, mark: Mark) -> tuple[bool, bool, float, int]:
    """Whose turn it is: the pinned, the carried, the newest."""
    article = candidate.article
    return not mark.pinned, not candidate.carried, -article.published_at.timestamp(), -article.id


def _place(article: LedgerArticle, mark: Mark) -> tuple[bool, int, bool, float, int]:
    """Where it is shown: the placed, the pinned, the newest."""
    unplaced = mark.place is None
    return unplaced, mark.place or 0, not mark.pinned, -article.published_at.timestamp(), -article.id


def _decided(article: LedgerArticle, decision: Decision, reason: str) -> Decided:
    return Decided(article=article, decision=decision, reason=reason)
