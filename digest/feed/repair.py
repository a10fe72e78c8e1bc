"""Mends the bytes of a feed so that a strict parser reads it, and says what was wrong.

feedparser's tolerant parser reads most of this too, but it decodes references differently: an article's
guid, and so its identity, would change while the fault lasts.
"""

import re

from digest.feed.sniff import is_wide

_START = re.compile(rb"<\?xml[\s?]|<(?:[\w.-]+:)?(?:rss|feed|rdf)[\s>]", re.IGNORECASE)
_END = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_HARMLESS_HEAD = re.compile(rb"(?:\s|<!--(?:(?!-->).)*-->|<\?[^>]*>|<!DOCTYPE[^>]*>)*", re.DOTALL)
_HARMLESS_END = re.compile(rb"(?:\s|<!--(?:(?!-->).)*-->)*", re.DOTALL)
_REFERENCE = re.compile(rb"&#(?:(\d{1,9})|[xX]([0-9a-fA-F]{1,8}));")
# XML 1.0, 2.2: what is a character. The C0 controls are none, but for tab and line ends.
_CHARACTERS = (range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000), (9, 10, 13))
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D})

# feedparser takes these for the item's own: a picture's description becomes the article's text where the
# feed carries excerpts only, its title the article's where that is empty. Under names that it does not
# know, and without attributes, it keeps them apart.
_MEDIA = (
    (re.compile(rb"<media:description\b[^>]*?(/?)>"), rb"<media:x-alt\1>"),
    (re.compile(rb"</media:description\s*>"), b"</media:x-alt>"),
    (re.compile(rb"<media:title\b[^>]*?(/?)>"), rb"<media:x-title\1>"),
    (re.compile(rb"</media:title\s*>"), b"</media:x-title>"),
)
# Bytes from the end in which the feed's end is looked for.
_TAIL = 65_536


def repaired(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Give the mended bytes and a sentence for each fault."""
    if is_wide(body):
        return body, ()
    faults: list[str] = []
    body = _without_head(body, faults)
    body = _without_tail(body, faults)
    if b"iso-2022" not in body[:200].lower():  # there ESC is a shift and no control
        clean = body.translate(None, _CONTROLS)
        if len(clean) != len(body):
            faults.append("It holds control characters that XML forbids; they were left out.")
            body = clean
    clean = _REFERENCE.sub(_legal, body)
    if len(clean) != len(body):
        faults.append("It refers to characters that do not exist; they were left out.")
        body = clean
    for pattern, replacement in _MEDIA:
        body = pattern.sub(replacement, body)
    return body, tuple(faults)


def _without_head(body: bytes, faults: list[str]) -> bytes:
    start = _START.search(body)
    if start is None:
        return body
    junk = body[: start.start()].removeprefix(b"\xef\xbb\xbf")
    declared = start[0].startswith(b"<?")
    if not junk or (not declared and _HARMLESS_HEAD.fullmatch(junk)):
        return body.lstrip()
    if junk.strip():
        faults.append("Text stands before the feed, such as a PHP warning; it was left out.")
    else:
        faults.append("White space stands before the feed, often a blank line in a theme's functions.php.")
    return body[start.start() :]


def _without_tail(body: bytes, faults: list[str]) -> bytes:
    offset = max(0, len(body) - _TAIL)
    ends = list(_END.finditer(body, offset))
    if not ends or _HARMLESS_END.fullmatch(body, ends[-1].end()):
        return body
    faults.append("Text stands after the feed's end, such as a PHP warning; it was left out.")
    return body[: ends[-1].end()]


def _legal(match: re.Match[bytes]) -> bytes:
    point = int(match[1]) if match[1] else int(match[2], 16)
    return match[0] if any(point in legal for legal in _CHARACTERS) else b""
