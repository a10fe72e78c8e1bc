"""Which page of a feed to ask next, for what the first has no room for. Pure: bytes and addresses go in.

A feed may name its further pages: `next` and `prev-archive` (RFC 5005, 3 and 4), JSON Feed's `next_url`.
WordPress names none and has them all the same: `?paged=2`, and past the end a 404 with an empty feed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

from digest.feed.sniff import ITEM_END, ITEM_START, Kind, is_wide, kind
from digest.feed.urls import absolute
from digest.model import Article
from digest.stories import falling_tail

_RELATIONS = ("prev-archive", "next")
# Bytes before the first item and after the last one in which a feed speaks of itself.
_HEAD, _TAIL = 32_768, 8_192
# What is quoted names nothing. Without an end it reaches to the end.
_QUOTED = re.compile(rb"<!--(?:.*?-->|.*)|<!\[CDATA\[(?:.*?\]\]>|.*)", re.DOTALL)
_LINK = re.compile(rb"<(?:[\w.-]+:)?link\s([^<>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:.-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_GENERATOR = re.compile(rb"<generator\b[^<]{0,300}wordpress", re.IGNORECASE)
_FEED_PATH = re.compile(r"/feed(?:/(?:rss2?|rdf|atom))?/?$", re.IGNORECASE)


class Sort(Enum):
    """Where a further page's address comes from, which says what a 404 there means."""

    NAMED = "named by the feed"
    WORDPRESS = "where WordPress has it"
    GUESSED = "where it would be if this were WordPress"


@dataclass(frozen=True, kw_only=True)
class Further:
    """A page to ask next."""

    url: str
    sort: Sort


def further(body: bytes, *, here: str, first: str, number: int, next_url: str = "") -> Further | None:
    """Give the page after the `number`th, whose `body` was found `here`; None where there is none.

    `first` is where the first page was found, `next_url` what reading a JSON Feed gave. A page on another
    host is not asked: a feed shall lead us nowhere but through itself.
    """
    if kind(body) is Kind.JSON:
        named, outline = [next_url] if next_url else [], b""
    else:
        outline = _outline(body)
        named = _named(outline, here)
    if named:
        own = _place(first)
        return next((Further(url=url, sort=Sort.NAMED) for url in named if _place(url) == own), None)
    if _GENERATOR.search(outline):
        return Further(url=_numbered(first, number + 1), sort=Sort.WORDPRESS)
    parts = urlsplit(first)
    if outline and (_FEED_PATH.search(parts.path) or "feed" in dict(parse_qsl(parts.query))):
        return Further(url=_numbered(first, number + 1), sort=Sort.GUESSED)
    return None


def _place(url: str) -> tuple[str | None, int | None]:
    """Give an address's host and the port that it names: a feed leads nowhere else."""
    parts = urlsplit(url)
    return parts.hostname, parts.port


def oldest(articles: Sequence[Article]) -> Article:
    """Give the article at which a page of a feed ends; `articles` are at least one, in the feed's order.

    A feed that runs from newer to older ends with its last, even where an older one was pinned before the
    others; of one in another order it is the oldest by date.
    """
    falling = falling_tail([article.published_at for article in articles])
    if 2 * len(falling) > len(articles):
        return articles[-1]
    return min(articles, key=lambda article: article.published_at)


def own_path(article: Article, among: Sequence[Article]) -> str:
    """Give the path of an article's page: a site that moves keeps it and changes every guid.

    Empty where the path is the whole site's, or that of another article too.
    """
    paths = Counter(urlsplit(each.link).path.rstrip("/") for each in among)
    path = urlsplit(article.link).path.rstrip("/")
    return path if paths[path] == 1 else ""


def is_same_page(one: Article, other: Article) -> bool:
    """Whether two readings mean one article, by its guid or by the path of its page."""
    path = urlsplit(one.link).path.rstrip("/")
    return one.guid == other.guid or bool(path and path == urlsplit(other.link).path.rstrip("/"))


def gap(since: datetime | None, until: datetime, why: str) -> str:
    """Say what may be missing. `why` is a sentence; times are told in UTC."""
    end = f"{until:%Y-%m-%d %H:%M}"
    span = f"between {since:%Y-%m-%d %H:%M} and {end}" if since and since < until else f"before {end}"
    return f"What was published {span} UTC may be missing: {why}"


def _outline(body: bytes) -> bytes:
    """Give what a feed says of itself, outside its items and outside what it quotes."""
    if is_wide(body):
        body = body.replace(b"\0", b"")
    start, end = ITEM_START.search(body), 0
    tail = body[-_TAIL:]
    if start is None:
        return _QUOTED.sub(b"", body[:_HEAD])
    for match in ITEM_END.finditer(tail):
        end = match.end()
    return _QUOTED.sub(b"", body[: min(start.start(), _HEAD)]) + (
        _QUOTED.sub(b"", tail[end:]) if end else b""
    )


def _named(outline: bytes, base: str) -> list[str]:
    found: dict[str, str] = {}
    for match in _LINK.finditer(outline):
        attributes = {
            name.lower(): unescape(one or other)
            for name, one, other in _ATTRIBUTE.findall(match[1].decode("utf-8", "replace"))
        }
        href = attributes.get("href", "").strip()
        target = absolute(href, base) if href else ""
        for relation in attributes.get("rel", "").lower().split():
            if target:
                found.setdefault(relation, target)
    return [found[relation] for relation in _RELATIONS if relation in found]


def _numbered(first: str, number: int) -> str:
    parts = urlsplit(first)
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "paged"
    ]
    return parts._replace(query=urlencode([*query, ("paged", str(number))]), fragment="").geturl()
