"""Writes the Atom feed of past issues (RFC 4287). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

ATOM = "http://www.w3.org/2005/Atom"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

# What XML 1.0, section 2.2, has no place for, not even escaped.
_IMPOSSIBLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One issue."""

    id: str
    title: str
    summary: str
    url: str
    published_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A feed of issues, the newest first. Its own URL is also its identity."""

    url: str
    title: str
    author: str
    page_url: str
    language: str
    now: datetime
    """What an empty feed says of its age."""
    entries: Sequence[Entry]


def tag(host: str, newsletter: str, slot: str) -> str:
    """Give an entry's identity (RFC 4151): it outlives a move of the archive, and an amendment."""
    return f"tag:{host},{slot[:10]}:{newsletter}/{slot}"


def atom(feed: Feed) -> bytes:
    """Give the document in UTF-8."""
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed", {LANGUAGE: feed.language})
    _add(root, "id", feed.url)
    _add(root, "title", feed.title)
    _add(root, "updated", _time(max((entry.updated_at for entry in feed.entries), default=feed.now)))
    _add(_add(root, "author"), "name", feed.author)
    _add(root, "link", rel="self", type="application/atom+xml", href=feed.url)
    _add(root, "link", rel="alternate", type="text/html", href=feed.page_url)
    for entry in feed.entries:
        one = _add(root, "entry")
        _add(one, "id", entry.id)
        _add(one, "title", entry.title)
        _add(one, "link", rel="alternate", type="text/html", href=entry.url)
        _add(one, "published", _time(entry.published_at))
        _add(one, "updated", _time(entry.updated_at))
        _add(one, "summary", entry.summary or entry.title)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    made.text = _IMPOSSIBLE.sub("", text) or None
    return made


def _time(when: datetime) -> str:
    """Write an instant for Atom (RFC 3339)."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
