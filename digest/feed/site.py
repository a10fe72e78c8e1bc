"""What a site says of itself: its page, its feed, WordPress' interface. Pure: bytes in, values out.

For set-up. Every value that is not empty is one that the settings take.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from digest.config import values
from digest.feed import jsonfeed, syndication
from digest.feed.sniff import Kind, kind
from digest.feed.text import from_markup, from_plain, shortened, tidy
from digest.feed.tree import parsed
from digest.feed.urls import absolute, secured
from digest.feed.zones import only_zone, written

# Characters. Longer ones are accidents.
_LONGEST_NAME = 120
_LONGEST_URL = 2_000
# Bytes: what stands in a page's head comes early.
_HEAD = 300_000
# Hours: clocks go from UTC-12 to UTC+14.
_FARTHEST = 14

_CHARSET = re.compile(
    rb"charset\s*=\s*[\"']?(iso-8859-\d{1,2}|windows-\d{3,4}|koi8-[ru]|utf-16|big5|gb\w{1,6}|shift[_-]jis|euc-\w{2})\b",
    re.IGNORECASE,
)
_LINK_HEADER = re.compile(r"<([^<>]*)>\s*;[^,<>]*\brel=\"?https://api\.w\.org/")
# RSS 2.0, Dublin Core's, and Atom's xml:lang.
_LANGUAGE = re.compile(
    rb"<(?:dc:)?language>\s*([A-Za-z0-9_-]{2,35})\s*<|<feed\b[^<>]{0,1000}?\bxml:lang=[\"']([A-Za-z0-9_-]{2,35})",
    re.IGNORECASE,
)
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_WORDPRESS = "name,timezone_string,gmt_offset,site_icon_url"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one source says; empty where it does not say."""

    name: str = ""
    title: str = ""
    """Of the page: stands in for a name."""
    link: str = ""
    """Of the feed: the site's own page."""
    language: str = ""
    timezone: str = ""
    logo: str = ""
    picture: str = ""
    """Of the page, for social networks: stands in for a logo."""


def together(*, page: Told, feed: Told, wordpress: Told) -> Told:
    """Give the best that the three sources say."""
    return Told(
        name=page.name or wordpress.name or feed.name or page.title,
        language=page.language or feed.language,
        timezone=wordpress.timezone or feed.timezone,
        logo=wordpress.logo or page.logo or page.picture,
    )


def of_page(page: bytes, url: str) -> Told:
    """Read a page that was found at `url`: Open Graph, `<html lang>`, the icon for home screens."""
    body = parsed(_text(page))
    title = body.css_first("title")
    html = body.parent
    return Told(
        name=_name(_meta(body, "og:site_name")),
        title=_name(title.text() if title else ""),
        language=tag(html.attributes.get("lang") or "" if html else ""),
        logo=_picture(_link(body, "apple-touch-icon"), url),
        picture=_picture(_meta(body, "og:image"), url),
    )


def of_feed(body: bytes, headers: Mapping[str, str], url: str) -> Told:
    """Read a feed; `headers` have lower-case names. Raises FeedError where it is none."""
    if kind(body) is Kind.JSON:
        feed, language = jsonfeed.parse(body), _string(_object(body), "language")
    else:
        feed, match = syndication.parse(body, headers), _LANGUAGE.search(body)
        language = (match[1] or match[2]).decode() if match else ""
    title = (from_markup if feed.title.markup else from_plain)(feed.title.value)
    dates = (written(date.raw) for item in feed.items for date in item.dates)
    return Told(
        name=_name(title),
        link=absolute(feed.link, url) if feed.link else "",
        language=tag(language),
        timezone=only_zone(date for date in dates if date),
    )


def of_wordpress(body: bytes, url: str, now: datetime) -> Told:
    """Read the index of WordPress' interface. A bare offset is that of `now` (aware)."""
    told = _object(body)
    return Told(
        name=_name(from_markup(_string(told, "name"))),
        timezone=_checked(values.zone, _string(told, "timezone_string")) or _zone_of(told, now),
        logo=_picture(_string(told, "site_icon_url"), url),
    )


def wordpress_index(page: bytes, url: str, headers: Mapping[str, str]) -> str:
    """Give the address of WordPress' interface, which a page or any answer's headers name; else nothing."""
    header = _LINK_HEADER.search(headers.get("link", ""))
    target = absolute(_link(parsed(_text(page)), "https://api.w.org/") or (header[1] if header else ""), url)
    if not target or target == url:
        return ""
    return f"{target}{'&' if urlsplit(target).query else '?'}_fields={_WORDPRESS}"


def tag(text: str) -> str:
    """Give a language tag in its usual case, without the subtags that are not known here; else nothing."""
    text = text.strip().replace("_", "-")
    if not _TAG.fullmatch(text):
        return ""
    first, *others = (part for part in text.split("-") if len(part) <= len("Latn"))  # no variants
    parts = [first.lower(), *(part.upper() if len(part) == len("US") else part for part in others)]
    while parts:
        if found := _checked(values.language, "-".join(parts)):
            return found
        parts.pop()
    return ""


def _zone_of(told: Mapping[str, object], now: datetime) -> str:
    """Give the zone of a bare offset, which WordPress writes as a number or as text."""
    try:
        hours = float(str(told.get("gmt_offset", "")))
    except ValueError:
        return ""
    if not -_FARTHEST <= hours <= _FARTHEST:
        return ""
    return only_zone([now.astimezone(timezone(timedelta(hours=hours)))])


def _text(page: bytes) -> str:
    """Decode a page: UTF-8, else what it declares, else what browsers take it for."""
    head = page[:_HEAD]
    declared = _CHARSET.search(head)
    for charset in ("utf-8", declared[1].decode() if declared else "cp1252"):
        try:
            # The cut may go through a character.
            return head.decode(charset, "strict" if len(head) < _HEAD else "replace")
        except (LookupError, ValueError):
            continue
    return head.decode("utf-8", "replace")


def _meta(body: LexborNode, name: str) -> str:
    found = body.css_first(f'meta[property="{name}"][content]') or body.css_first(
        f'meta[name="{name}"][content]'
    )
    return found.attributes.get("content") or "" if found else ""


def _link(body: LexborNode, relation: str) -> str:
    found = body.css_first(f'link[rel~="{relation}"][href]')
    return found.attributes.get("href") or "" if found else ""


def _name(text: str) -> str:
    """Make it one printable line: it stands in headers."""
    printable = "".join(character for character in tidy(text) if character.isprintable())
    return shortened(" ".join(printable.split()), _LONGEST_NAME)


def _picture(text: str, base: str) -> str:
    """Give the https address of a picture that mail programs show, which SVG is not."""
    target = secured(absolute(text, base), base) if text else ""
    if len(target) > _LONGEST_URL or urlsplit(target).path.lower().endswith((".svg", ".ico")):
        return ""
    return _checked(values.https, target)


def _checked(check: Callable[[str], str], text: str) -> str:
    """Give a value that the settings take; else nothing."""
    try:
        return check(text) if text else ""
    except ValueError:
        return ""


def _object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _string(where: Mapping[str, object], key: str) -> str:
    value = where.get(key)
    return value if isinstance(value, str) else ""
