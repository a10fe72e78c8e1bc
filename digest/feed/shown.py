"""What a feed shows, whatever its format: the values between a format's parser and `read`.

Texts are as the feed wrote them; nothing is cleaned, resolved or judged yet.
"""

from dataclasses import dataclass
from time import struct_time
from typing import TypeVar

MOST_ITEMS = 10_000
"""Whole archives have some thousands; more are an accident that would fill the memory."""

Each = TypeVar("Each")


@dataclass(frozen=True, kw_only=True)
class Media:
    """A file that an item names beside its text. Sizes in pixels, None where the feed does not say."""

    url: str
    type: str = ""
    """A media type, or Media RSS' `image`, `video`, …; empty where the feed does not say."""
    alt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """A text and whether it is markup."""

    value: str = ""
    markup: bool = False


@dataclass(frozen=True, kw_only=True)
class When:
    """A date as written, and a library's reading of it in UTC."""

    raw: str = ""
    parsed: struct_time | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item. `description` and `body` are HTML; `body` is empty where the feed carries excerpts only."""

    guid: str = ""
    link: str = ""
    base: str = ""
    """xml:base of the body, empty where there is none."""
    title: Written = Written()
    author: str = ""
    dates: tuple[When, ...] = ()
    """By preference: published, updated."""
    categories: tuple[str, ...] = ()
    description: str = ""
    body: str = ""
    comments: str = ""
    featured: tuple[Media, ...] = ()
    """Media RSS and its like: what the site itself shows with the item."""
    enclosures: tuple[Media, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One answer of a feed."""

    title: Written
    link: str
    """The site's own page, empty where the feed does not name it."""
    items: tuple[Item, ...]
    complaints: tuple[str, ...] = ()
    lost: bool = False
    """Whether items are left out by what the complaints are about."""
    next_url: str = ""
    """Its next page as a JSON Feed names it. Where other feeds name theirs is `paging`'s to find."""


def limited(items: list[Each]) -> tuple[list[Each], tuple[str, ...]]:
    """Give the items that are read, and a complaint where there are more."""
    if len(items) <= MOST_ITEMS:
        return items, ()
    return items[:MOST_ITEMS], (f"It lists {len(items):,} items; the first {MOST_ITEMS:,} were read.",)
