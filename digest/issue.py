"""Decides which articles make an issue, in what order, and why the others do not. Touches no database.

An article belongs to the next issue of a newsletter as long as no issue that reached anybody has held it,
whatever its date: late, back-dated and carried-over articles are not lost, as they are by date windows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from digest.model import Decided, Decision, LedgerArticle, Verdict

BASELINE_AGE = timedelta(days=1)
"""At a newsletter's first look, what is older than this was news before we came: recorded, not mailed."""

SAME_TIME = timedelta(minutes=10)
"""Two articles of one title this near in time are one story under two guids."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An article that no issue has mailed. `carried` where an earlier issue had no room for it."""

    article: LedgerArticle
    carried: bool = False


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


def judge(article: LedgerArticle, *, anchor: datetime, max_age: timedelta) -> Verdict:
    """Decide once whether a newsletter may ever mail an article, when the newsletter first sees it.

    `anchor` is the newsletter's first look at the article's feed. What stood there already and was older
    than a day is baseline; what was older than `max_age` when it was first seen is too old. It is never
    judged again, so what is carried over is not lost to age.
    """
    if article.first_seen_at <= anchor and article.published_at < anchor - BASELINE_AGE:
        return Verdict.BASELINE
    if article.published_at < article.first_seen_at - max_age:
        return Verdict.TOO_OLD
    return Verdict.ELIGIBLE


def same_story(one: LedgerArticle, other: LedgerArticle) -> bool:
    """Whether two articles are one story: the same address but for its host, or one title at one time.

    Hosts are left out because a site that moves keeps its paths and changes every guid.
    """
    here, there = urlsplit(one.link), urlsplit(other.link)
    address = (here.path.rstrip("/"), here.query)
    if address != ("", "") and address == (there.path.rstrip("/"), there.query):
        # `/?p=7` of two sites says nothing; a slug does.
        return bool(address[0]) or here.netloc == there.netloc
    # Short notes have no titles; that makes no two of them one.
    same_title = bool(one.title) and one.title == other.title
    return same_title and abs(one.published_at - other.published_at) <= SAME_TIME


def select(
    candidates: Iterable[Candidate], *, max_articles: int, mailed: Sequence[LedgerArticle] = ()
) -> Selection:
    """Choose an issue's articles: what was carried over first, then the newest; shown newest first.

    Carried articles go first so that a busy week delays a story by one issue and never drops it; among the
    others the newest win, so that what broke at dawn is in. `mailed` are articles that earlier issues held.
    """
    newest_first = sorted(candidates, key=lambda c: (c.article.published_at, c.article.id), reverse=True)
    taken: list[LedgerArticle] = []
    reasons: dict[int, str] = {}
    rest: list[Decided] = []
    for candidate in sorted(newest_first, key=lambda c: not c.carried):
        article = candidate.article
        twin = next((a for a in (*taken, *mailed) if a.id != article.id and same_story(a, article)), None)
        if article.protected:
            rest.append(_decided(article, Decision.PROTECTED, "it is behind a password"))
        elif twin is not None:
            rest.append(_decided(article, Decision.DUPLICATE, f"the same story as article {twin.id}"))
        elif len(taken) >= max_articles:
            rest.append(
                _decided(article, Decision.CARRIED, f"the issue is full ({max_articles}); it is in the next")
            )
        else:
            taken.append(article)
            reasons[article.id] = "carried over from the last issue" if candidate.carried else "new"
    taken.sort(key=lambda a: (a.published_at, a.id), reverse=True)
    included = [_decided(a, Decision.INCLUDED, reasons[a.id]) for a in taken]
    return Selection(decided=(*included, *rest))


def vanished(known: Iterable[LedgerArticle], listed: Sequence[tuple[str, datetime]]) -> tuple[int, ...]:
    """Give the ids of articles that the feed has dropped, from its `listed` guids and times, in its order.

    Dropped means missing while something older is still listed. Falling off the end of a ten-item feed is
    not vanishing. An old story pinned before the others proves nothing, nor does a feed in another order.
    """
    falling = _falling_tail([published for _, published in listed])
    if 2 * len(falling) <= len(listed):
        return ()
    guids = {guid for guid, _ in listed}
    return tuple(a.id for a in known if a.guid not in guids and a.published_at > falling[-1])


def _falling_tail(times: Sequence[datetime]) -> Sequence[datetime]:
    """Give the longest end of a sequence that runs from newer to older."""
    start = len(times) - 1
    while start > 0 and times[start - 1] >= times[start]:
        start -= 1
    return times[max(start, 0) :]


def _decided(article: LedgerArticle, decision: Decision, reason: str) -> Decided:
    return Decided(article=article, decision=decision, reason=reason)
