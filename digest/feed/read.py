"""Reads a feed's answer into articles. Pure: bytes, headers and `now` go in, values come out.

It is slow (30 to 60 ms for ten items, seconds for a thousand): call it off the event loop.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from digest.errors import FeedError
from digest.feed import jsonfeed, picture, syndication
from digest.feed.clean import Cleaned, clean, excerpt
from digest.feed.dates import moment
from digest.feed.shown import Feed, Item, Written
from digest.feed.sniff import Kind, kind
from digest.feed.text import (
    count_words,
    decoded,
    ellipsis,
    from_markup,
    from_plain,
    identifier,
    shortened,
    tidy,
)
from digest.feed.urls import absolute, public, secured
from digest.model import Article

# Words of an untitled article's text that make its title.
_TITLE_WORDS = 8
# Words. A stop before the third ends an abbreviation ("6:30 a.m.") more often than a sentence.
_SENTENCE_WORDS = 3
# Characters. Longer ones are accidents, and a subject is made of titles.
_LONGEST_TITLE, _LONGEST_NAME = 300, 120
# Characters. PostgreSQL indexes at most 2,704 bytes; a longer guid is known by its hash.
_LONGEST_GUID = 600
# An article with more is a list of links to them.
_MOST_CATEGORIES = 50
# Words. A description that is no longer is an excerpt, and says nothing about the article's length.
_EXCERPT_WORDS = 60

_NO_CATEGORY = frozenset({"uncategorized", "uncategorised"})
_PASSWORD_FORM = re.compile(r"post-password-form|<input[^>]{0,300}name=[\"']?post_password", re.IGNORECASE)
_NO_EXCERPT = re.compile(r"^There is no excerpt because this is a protected post", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an answer says. `complaints` are sentences for the operator about what was wrong and survived."""

    articles: tuple[Article, ...]
    """In the feed's order."""
    complaints: tuple[str, ...]
    title: str
    lost: bool = False
    """Whether articles are left out by what the complaints are about."""
    next_url: str = ""
    """Where a JSON Feed goes on."""


def read(body: bytes, headers: Mapping[str, str], *, url: str, now: datetime) -> Reading:
    """Read what `url` answered at `now` (aware). Raises FeedError, in one sentence, where it was no feed.

    An article whose date is missing, unreadable or in the future is dated `now`: when it was first seen.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        feed = _parser(kind(body))(body, lower)
    except FeedError as exc:
        raise FeedError(f"{public(url)}: {exc}") from exc
    complaints = list(feed.complaints)
    # Readers' links begin with it where the feed names no site: without the password that fetched it.
    site = absolute(feed.link, public(url)) or public(url)
    linked = [(item, _page(item, site)) for item in feed.items]
    articles: dict[str, Article] = {}
    nameless = 0
    for (item, link), guid in zip(linked, _guids(linked), strict=True):
        if not guid:
            nameless += 1
        elif guid not in articles:  # listed twice, it is one article
            articles[guid] = _article(item, guid=guid, page=link, site=site, now=now)
    if nameless:
        complaints.append(f"{nameless} of {len(linked)} items have neither guid nor link and are left out.")
    return Reading(
        articles=tuple(articles.values()),
        complaints=tuple(complaints),
        lost=feed.lost or nameless > 0,
        title=shortened(_plain(feed.title), _LONGEST_TITLE),
        next_url=absolute(feed.next_url, url) if feed.next_url else "",
    )


def _parser(found: Kind) -> Callable[[bytes, Mapping[str, str]], Feed]:
    if found is Kind.EMPTY:
        raise FeedError("The answer is empty; open the address in a browser to see why.")
    if found is Kind.PAGE:
        raise FeedError(
            "What came is a web page and no feed; give the feed's own address, often /feed/ below the site's."
        )
    if found is Kind.JSON:
        return lambda body, _: jsonfeed.parse(body)
    return syndication.parse


def _page(item: Item, site: str) -> str:
    """Give the article's own page: its link, else a guid that is an address, else nothing."""
    return (absolute(item.link, site) if item.link else "") or absolute(item.guid, "")


def _guids(linked: list[tuple[Item, str]]) -> list[str]:
    """Give each item its identity: the raw guid, or the link where it has none or several pages share it."""
    pages = Counter(guid for guid, _ in {(identifier(item.guid), link) for item, link in linked})
    chosen = []
    for item, link in linked:
        raw = identifier(item.guid)
        guid = link if not raw or (pages[raw] > 1 and link) else raw
        chosen.append(guid if len(guid) <= _LONGEST_GUID else f"sha256:{sha256(guid.encode()).hexdigest()}")
    return chosen


def _article(item: Item, *, guid: str, page: str, site: str, now: datetime) -> Article:
    link = page or site
    whole = item.body or item.description
    cleaned = clean(whole, base=page or absolute(item.base, site) or site)
    protected = _is_protected(item, whole)
    summary = "" if protected else excerpt(item.description if item.body else "", cleaned.text)
    shown = (
        picture.of_media(item.featured, link)
        or picture.of_media(item.enclosures, link)
        or cleaned.picture
        or (clean(item.description, base=link).picture if item.body else None)
    )
    if shown and cleaned.picture and shown.url == cleaned.picture.url:
        shown = cleaned.picture  # an enclosure tells neither size nor alt
    return Article(
        guid=guid,
        link=link,
        title=_title(item, cleaned, link),
        published_at=_published(item, now),
        author=shortened(tidy(decoded(item.author)), _LONGEST_NAME),
        categories=_categories(item),
        excerpt=summary,
        picture=replace(shown, url=secured(shown.url, link)) if shown else None,
        comments=_count(item.comments),
        words=_words(item, cleaned),
        protected=protected,
    )


def _plain(written: Written) -> str:
    return from_markup(written.value) if written.markup else from_plain(written.value)


def _title(item: Item, cleaned: Cleaned, link: str) -> str:
    """Give the title; of an untitled article its first words, else its picture's, else its address."""
    title = _plain(item.title)
    if not title:
        title = _first_words(cleaned.text)
    if not title and cleaned.picture:
        title = cleaned.picture.alt
    return shortened(title or tidy(link.partition("://")[2]), _LONGEST_TITLE)


def _first_words(text: str) -> str:
    """Give the first sentence if it is short, else the first words and `…`."""
    words = text.split()
    for number, word in enumerate(words[:_TITLE_WORDS]):
        if number >= _SENTENCE_WORDS - 1 and word[-1] in ".!?":
            return " ".join(words[: number + 1]).rstrip(".")
    return " ".join(words) if len(words) <= _TITLE_WORDS else ellipsis(" ".join(words[:_TITLE_WORDS]))


def _published(item: Item, now: datetime) -> datetime:
    found = (moment(date.raw, date.parsed) for date in item.dates)
    return min(next((date for date in found if date is not None), now), now)


def _categories(item: Item) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for name in item.categories[: 10 * _MOST_CATEGORIES]:
        tidied = shortened(tidy(decoded(name)), _LONGEST_NAME)
        if tidied and tidied.casefold() not in _NO_CATEGORY:
            kept.setdefault(tidied.casefold(), tidied)
    return tuple(kept.values())[:_MOST_CATEGORIES]


def _count(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None  # noqa: PLR2004 - 9,999,999


def _words(item: Item, cleaned: Cleaned) -> int:
    words = count_words(cleaned.text)
    return words if item.body or words > _EXCERPT_WORDS else 0


def _is_protected(item: Item, whole: str) -> bool:
    """Tell a post behind a password, by its form in whatever language or WordPress' words for no excerpt."""
    return bool(_PASSWORD_FORM.search(whole) or _NO_EXCERPT.match(item.description.strip()))
