"""Recognises stories: one under two guids, two under one guid, one that a site has taken back. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Generic, Protocol, TypeVar

from digest.model import Article, LedgerArticle

SAME_TIME = timedelta(minutes=10)
"""Two articles of one title this near in time are one story under two guids."""

KEPT_WORDS = 0.5
"""An edit keeps at least this part of a title's words; below it, a title is another one."""

SUDDEN = 5
"""So many articles at once, none of them known, are more than a site's ordinary news."""

WORD = re.compile(r"\w+")

# RFC 3986, appendix B; a tenth of what `urlsplit` takes, and there are thousands of addresses to compare.
PARTS = re.compile(r"(?:[^:/?#]+:)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)


class Story(Protocol):
    """What a story is recognised by."""

    @property
    def id(self) -> int:
        """Its number in the ledger."""

    @property
    def feed_url(self) -> str:
        """The feed that showed it."""

    @property
    def link(self) -> str:
        """Where it is to be read."""

    @property
    def title(self) -> str:
        """Plain text."""

    @property
    def published_at(self) -> datetime:
        """As its feed says."""

    @property
    def first_seen_at(self) -> datetime:
        """The reading that brought it."""


def same_story(one: Story, other: Story) -> bool:
    """Whether two articles are one story: one title at one time, or the same address but for its host.

    Hosts are left out because a site that moves keeps its paths and changes every guid. Under one address a
    site may also show one thing after the other, or several side by side: there the address is not enough.
    """
    same_title = bool(one.title) and one.title.casefold() == other.title.casefold()
    at_once = abs(one.published_at - other.published_at) <= SAME_TIME
    if same_title and at_once:
        return True
    (here, host), (there, other_host) = _address(one.link), _address(other.link)
    # `/?p=7` of two sites says nothing; a slug does.
    if here != there or not any(here) or not (here[0] or host == other_host):
        return False
    same_feed = one.feed_url == other.feed_url
    if same_feed and one.first_seen_at == other.first_seen_at:
        return False
    return same_title or at_once or (same_feed and host != other_host)


@lru_cache(maxsize=4096)
def _address(link: str) -> tuple[tuple[str, str, str], str]:
    parts = PARTS.fullmatch(link)
    host, path, query, fragment = parts.groups("") if parts else ("", link, "", "")
    return (path.rstrip("/"), query, fragment), host


AnyStory = TypeVar("AnyStory", bound=Story)


class Stories(Generic[AnyStory]):
    """Stories that are found again by their address or title, however many they are."""

    def __init__(self, stories: Iterable[AnyStory] = ()) -> None:
        self._by_address: dict[tuple[str, str, str], list[AnyStory]] = {}
        self._by_title: dict[str, list[AnyStory]] = {}
        for story in stories:
            self.add(story)

    def add(self, story: AnyStory) -> None:
        """Know one more."""
        self._by_address.setdefault(_address(story.link)[0], []).append(story)
        self._by_title.setdefault(story.title.casefold(), []).append(story)

    def twins(self, story: Story) -> Iterator[AnyStory]:
        """Give those that are the same story under another id; one may come twice."""
        near = chain(
            self._by_address.get(_address(story.link)[0], ()), self._by_title.get(story.title.casefold(), ())
        )
        return (one for one in near if one.id != story.id and same_story(one, story))

    def twin(self, story: Story) -> AnyStory | None:
        """Give one that is the same story under another id."""
        return next(self.twins(story), None)


def is_another(known: Article, shown: Article) -> bool:
    """Whether a guid stands for another story than before: a site without guids of its own used it again.

    Everything has to differ: an edit keeps some of the title's words, a new address keeps the title, and a
    new date alone is a bump. An older date is no news either.
    """
    return (
        shown.published_at - known.published_at > SAME_TIME
        and _slug(shown.link) != _slug(known.link)
        and _kept(known.title, shown.title) < KEPT_WORDS
    )


def _slug(link: str) -> tuple[str, str, str]:
    """Give what is an article's own in its address: a new date changes the folders above its slug."""
    (path, query, fragment), _ = _address(link)
    return path.rpartition("/")[2], query, fragment


def _kept(one: str, other: str) -> float:
    words, others = (set(WORD.findall(title.casefold())) for title in (one, other))
    return len(words & others) / max(1, min(len(words), len(others)))


def other_scheme(guid: str) -> str:
    """Give the guid that a site had before it went from http to https, or back; empty where it is no URL."""
    scheme, found, rest = guid.partition("://")
    other = {"http": "https", "https": "http"}.get(scheme)
    return f"{other}://{rest}" if found and other else ""


def vanished(known: Iterable[LedgerArticle], listed: Sequence[tuple[str, datetime]]) -> tuple[int, ...]:
    """Give the ids of articles that the feed has dropped, from its `listed` guids and times, in its order.

    Dropped means missing while something older is still listed. Falling off the end of a ten-item feed is
    not vanishing. An old story pinned before the others proves nothing, nor does a feed in another order.
    """
    falling = falling_tail([published for _, published in listed])
    if 2 * len(falling) <= len(listed):
        return ()
    guids = {guid for guid, _ in listed}
    return tuple(a.id for a in known if a.guid not in guids and a.published_at > falling[-1])


def falling_tail(times: Sequence[datetime]) -> Sequence[datetime]:
    """Give the longest end of a sequence that runs from newer to older."""
    start = len(times) - 1
    while start > 0 and times[start - 1] >= times[start]:
        start -= 1
    return times[max(start, 0) :]
