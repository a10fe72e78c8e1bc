"""Reads JSON Feed 1.0 and 1.1 (jsonfeed.org), which feedparser does not, into what the feed shows."""

import json
from html import escape
from typing import Any

from digest.errors import FeedError
from digest.feed.shown import Feed, Item, Media, When, Written, limited
from digest.feed.text import identifier


def parse(body: bytes) -> Feed:
    """Read a JSON Feed. Raises FeedError where it is none."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise FeedError(
            "What came looks like JSON and is broken or cut off; open the address to see."
        ) from exc
    if not isinstance(document, dict) or "jsonfeed.org/version/" not in _text(document, "version"):
        raise FeedError("What came is JSON but no JSON Feed; check that the address is the feed's own.")
    authors = _authors(document)
    items, surplus = limited(_list(document, "items"))
    return Feed(
        title=Written(value=_text(document, "title")),
        link=_text(document, "home_page_url"),
        items=tuple(_item(item, authors) for item in items),
        complaints=surplus,
        lost=bool(surplus),
        next_url=_text(document, "next_url"),
    )


def _item(item: dict[str, Any], feed_authors: str) -> Item:
    text = _text(item, "content_text")
    picture = _text(item, "image") or _text(item, "banner_image")
    return Item(
        guid=_text(item, "id"),
        link=_text(item, "url") or _text(item, "external_url"),
        title=Written(value=_text(item, "title")),
        author=_authors(item) or feed_authors,
        dates=tuple(When(raw=_text(item, key)) for key in ("date_published", "date_modified")),
        categories=tuple(tag for tag in _any(item, "tags") if isinstance(tag, str)),
        description=escape(_text(item, "summary")),
        body=_text(item, "content_html")
        or "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip()),
        featured=(Media(url=picture, type="image"),) if picture else (),
        enclosures=tuple(
            Media(url=_text(each, "url"), type=_text(each, "mime_type"))
            for each in _list(item, "attachments")
        ),
    )


def _text(where: dict[str, Any], key: str) -> str:
    """Give a string; version 1.0 let an id be a number, which is read as it stands."""
    value = where.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) else ""


def _any(where: dict[str, Any], key: str) -> list[Any]:
    value = where.get(key)
    return value if isinstance(value, list) else []


def _list(where: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [each for each in _any(where, key) if isinstance(each, dict)]


def _authors(where: dict[str, Any]) -> str:
    """Give the names, from 1.1's `authors` or 1.0's `author`."""
    single = where.get("author")
    people = _list(where, "authors") or ([single] if isinstance(single, dict) else [])
    return ", ".join(dict.fromkeys(name for name in (identifier(_text(p, "name")) for p in people) if name))
