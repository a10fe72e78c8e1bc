"""What a body is, by its own bytes: servers label feeds as pages and pages as feeds, and miscount."""

import re
from enum import Enum

# A comment counts as nothing, one that is open hides the rest; the first root decides. Compiled for bytes
# whose NULs were taken out, so that UTF-16 and UTF-32 read like ASCII.
_ROOT = re.compile(
    rb"<!--(?:.*?-->|.*)|<(?:[\w.-]+:)?(?P<feed>rss|feed|rdf)[\s>/]|<(?P<page>html)[\s>]|<!doctype\s+(?P<doctype>html)",
    re.IGNORECASE | re.DOTALL,
)
_ROOT_END = re.compile(
    rb"</(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>|<(?:[\w.-]+:)?(?:rss|feed|rdf)(?:\s[^<>]*)?/>", re.IGNORECASE
)
ITEM_START = re.compile(rb"<(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
ITEM_END = re.compile(rb"</(?:[\w.-]+:)?(?:item|entry)\s*>", re.IGNORECASE)
# Bytes. Long enough for a warning before the feed, short enough that no body makes the search slow.
_HEAD = 16_384
# Bytes. Long enough for warnings after the feed, four of them to a character in UTF-32.
_TAIL = 65_536


class Kind(Enum):
    """What a body turns out to be."""

    XML = "an XML feed"
    JSON = "JSON"
    PAGE = "a web page"
    EMPTY = "empty"
    OTHER = "neither a feed nor a page"


def kind(body: bytes) -> Kind:
    """Tell a feed from a page, JSON, nothing and anything else."""
    head = body[:_HEAD].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\f\v")
    if not head:
        return Kind.EMPTY
    if head.startswith(b"{"):
        return Kind.JSON
    for match in _ROOT.finditer(head):
        if match["feed"]:
            return Kind.XML
        if match["page"] or match["doctype"]:
            return Kind.PAGE
    return Kind.PAGE if head.startswith(b"<") and not head.startswith(b"<?xml") else Kind.OTHER


def is_whole(body: bytes) -> bool:
    """Tell whether an XML feed reaches its end. JSON tells that itself when it is read.

    The wire does not tell: a length may be wrong, a body may end with its connection, and decoders take a
    gzip or br that was cut for a whole one.
    """
    return kind(body) is Kind.JSON or _ROOT_END.search(body[-_TAIL:].replace(b"\0", b"")) is not None


def is_wide(body: bytes) -> bool:
    """Tell UTF-16 and UTF-32, where a byte is no character."""
    return body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in body[:4]
