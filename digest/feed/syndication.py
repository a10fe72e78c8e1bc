"""Reads RSS 0.9x, 1.0, 2.0 and Atom with feedparser, into what the feed shows.

feedparser is handed bytes and a media type, never an address: it opens nothing, and without a base address
it leaves a guid that is no URL as the feed wrote it.
"""

import re
from collections.abc import Mapping
from html import escape
from io import BytesIO
from typing import Any
from xml.sax import SAXParseException

import feedparser

from digest.errors import FeedError
from digest.feed.picture import pixels
from digest.feed.repair import ROOT, repaired
from digest.feed.shown import Feed, Item, Media, When, Written, limited
from digest.feed.sniff import ITEM_END, ITEM_START, is_wide
from digest.feed.text import decoded, identifier, tidy

_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_ADDRESS = re.compile(r"[<(]?[^\s<>()@]+@[^\s<>()@]+[>)]?")
# Characters of authors' names; the pattern above is not for a novel.
_LONGEST_NAMES = 2_000
# feedparser gives categories of Media RSS, which sort videos and no articles, this scheme.
_MEDIA_SCHEME = "search.yahoo.com/mrss"
_NO_FEED = "What came is XML but no feed; check that the address is the feed's own."


def parse(body: bytes, headers: Mapping[str, str]) -> Feed:
    """Read a feed; `headers` have lower-case names. Raises FeedError where it is no feed."""
    body, faults = repaired(body)
    if not is_wide(body) and not ROOT.search(body):
        raise FeedError(_NO_FEED)
    # The media type is settled by the body.
    charset = _charset(body, headers.get("content-type", ""))
    media_type = "application/xml" + (f"; charset={charset}" if charset else "")
    try:
        result = feedparser.parse(
            BytesIO(body),
            response_headers={"content-type": media_type},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as exc:  # its parsers raise whatever strangers' bytes lead them to
        reason = tidy(str(exc)) or type(exc).__name__
        raise FeedError(
            f"The feed cannot be read: {reason}. Open it in a browser to see what it says."
        ) from exc
    version = dict.get(result, "version") or ""
    if not version:
        raise FeedError(_NO_FEED)
    entries = list(result.entries)
    complaints = list(faults)
    is_cut = False
    if result.bozo:
        complaints.append(_complaint(result.bozo_exception))
        is_cut = bool(entries) and _ends_within_an_item(body)
        if is_cut:
            entries.pop()
            complaints.append("Its end is missing; the last item was cut and is left out.")
    entries, surplus = limited(entries)
    channel = result.feed
    by = _names(channel) if version.startswith("atom") else ""
    return Feed(
        title=_written(channel, "title"),
        link=_text(channel, "link"),
        items=tuple(_item(entry, by) for entry in entries),
        complaints=(*complaints, *surplus),
        lost=is_cut or bool(surplus),
    )


def _charset(body: bytes, content_type: str) -> str:
    """Give the header's charset, which comes before the XML declaration's (RFC 7303, 3.2).

    Servers are set up once and themes change: what is UTF-8 throughout is UTF-8, whatever the header says.
    """
    named = _CHARSET.search(content_type)
    if named is None or body.isascii():
        return named[1] if named else ""
    try:
        body.decode()
    except UnicodeDecodeError:
        return named[1]
    return "utf-8"


def _ends_within_an_item(body: bytes) -> bool:
    """Tell a feed cut within an item, which may lack its guid: read now, it would come again as another."""
    ends = list(ITEM_END.finditer(body))
    return ITEM_START.search(body, ends[-1].end() if ends else 0) is not None


def _complaint(exc: Exception) -> str:
    if isinstance(exc, SAXParseException):
        message = tidy(str(exc.getMessage()))
        return f"It is malformed in line {exc.getLineNumber()}: {message}. What could be read was kept."
    return f"It is not quite in order: {tidy(str(exc))}."


def _item(entry: dict[str, Any], feed_author: str) -> Item:
    body, base = _body(entry)
    summary = _said(entry, "summary")
    # feedparser copies the content where an item has no description.
    copied = any(_said(content, "value") == summary for content in _list(entry, "content"))
    return Item(
        # The tolerant parser leaves `&amp;` in a guid, the strict one does not: identity must not hang on it.
        guid=decoded(_text(entry, "id")),
        link=_text(entry, "feedburner_origlink") or _text(entry, "link") or _alternate(entry),
        base=base,
        title=_written(entry, "title"),
        author=_names(entry) or feed_author,
        dates=tuple(_when(entry, key) for key in ("published", "updated", "created")),
        categories=_categories(entry),
        description="" if copied else _html(summary, _detail(entry, "summary")),
        body=body,
        comments=_text(entry, "slash_comments") or _text(entry, "thr_total"),
        featured=_featured(entry),
        enclosures=tuple(
            Media(url=_text(link, "href"), type=_text(link, "type"))
            for link in _list(entry, "links")
            if _text(link, "rel") == "enclosure"
        ),
    )


# feedparser's dictionaries answer for keys that they do not have, some with a warning: dict.get asks
# for what is there.
def _text(where: dict[str, Any], key: str) -> str:
    value = dict.get(where, key)
    return identifier(value) if isinstance(value, str) else ""


def _said(where: dict[str, Any], key: str) -> str:
    """Give a text for people, with the line breaks that part its words."""
    value = dict.get(where, key)
    return value if isinstance(value, str) else ""


def _list(where: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = dict.get(where, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _detail(where: dict[str, Any], key: str) -> str:
    value = dict.get(where, f"{key}_detail")
    return _text(value, "type") if isinstance(value, dict) else ""


def _written(where: dict[str, Any], key: str) -> Written:
    return Written(value=_said(where, key), markup=_detail(where, key) in _MARKUP)


def _when(entry: dict[str, Any], key: str) -> When:
    return When(raw=_text(entry, key), parsed=dict.get(entry, f"{key}_parsed"))


def _html(value: str, media_type: str) -> str:
    """Give HTML for a text of either kind: one declared plain is escaped, its blank lines make paragraphs."""
    if media_type != "text/plain":
        return value
    return "".join(f"<p>{escape(part)}</p>" for part in re.split(r"\n\s*\n", value) if part.strip())


def _body(entry: dict[str, Any]) -> tuple[str, str]:
    """Give the longest content (a translation or a teaser may stand beside it) and its xml:base."""
    contents = [content for content in _list(entry, "content") if _said(content, "value")]
    if not contents:
        return "", ""
    longest = max(contents, key=lambda content: len(_said(content, "value")))
    return _html(_said(longest, "value"), _text(longest, "type")), _text(longest, "base")


def _names(where: dict[str, Any]) -> str:
    """Give the authors' names. An address alone is nobody's to publish."""
    # Of `ada@ledger.example (Ada)` feedparser makes a wrong name where the domain's end is long: one author
    # is read from the element itself, several by their names where no address was mixed in.
    several = [_said(author, "name") for author in _list(where, "authors") if not _text(author, "email")]
    people = several if len(several) > 1 else [_said(where, "author")]
    names = (_ADDRESS.sub("", decoded(person[:_LONGEST_NAMES])).strip(" ()\n\t") for person in people)
    return ", ".join(dict.fromkeys(name for name in names if name))


def _alternate(entry: dict[str, Any]) -> str:
    found = (_text(link, "href") for link in _list(entry, "links") if _text(link, "rel") == "alternate")
    return next(found, "")


def _categories(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        _said(tag, "label") or _said(tag, "term")
        for tag in _list(entry, "tags")
        if _MEDIA_SCHEME not in _text(tag, "scheme")
    )


def _featured(entry: dict[str, Any]) -> tuple[Media, ...]:
    contents = _list(entry, "media_content")
    # An item's one description belongs to its one picture; among several nobody can tell.
    alt = _said(entry, "media_x-alt") if len(contents) <= 1 else ""
    return tuple(
        Media(
            url=_text(each, "url"),
            type=_text(each, "medium") or _text(each, "type") or kind,
            alt=alt,
            width=pixels(_text(each, "width")),
            height=pixels(_text(each, "height")),
        )
        for group, kind in ((contents, ""), (_list(entry, "media_thumbnail"), "image"))
        for each in group
    )
