"""Mends the bytes of a feed so that a strict parser reads it, and says what was wrong.

feedparser's tolerant parser reads most of this too, but it decodes references differently: an article's
guid, and so its identity, would change while the fault lasts.
"""

import re

from digest.feed.sniff import is_wide

_START = re.compile(rb"<\?xml[\s?]|<(?:[\w.-]+:)?(?:rss|feed|rdf)[\s>/]", re.IGNORECASE)
ROOT = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|rdf)[\s>/]", re.IGNORECASE)
_END = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_DECLARATION = re.compile(rb"<\?xml[^<>]{0,300}\?>", re.IGNORECASE)
_HARMLESS_HEAD = re.compile(rb"(?:\s|<!--(?:(?!-->).)*-->|<\?[^>]*>|<!DOCTYPE[^>]*>)*", re.DOTALL)
_HARMLESS_END = re.compile(rb"(?:\s|<!--(?:(?!-->).)*-->)*", re.DOTALL)
_REFERENCE = re.compile(rb"&#(?:(\d{1,9})|[xX]([0-9a-fA-F]{1,8}));")
# XML 1.0, 2.2: what is a character. The C0 controls are none, but for tab and line ends.
_CHARACTERS = (range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000), (9, 10, 13))
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D})
# PHP's display_errors writes into whatever is being made; before the items it does no harm.
_WARNING = re.compile(rb"<b>(?:Warning|Notice|Deprecated|(?:Fatal|Parse) error)</b>:", re.IGNORECASE)
_ITEM = re.compile(rb"<(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)

# feedparser takes these for the item's own: a picture's description becomes the article's text where the
# feed carries excerpts only, its title the article's where that is empty. Under names that it does not
# know, and without attributes, it keeps them apart.
_MEDIA = (
    (re.compile(rb"<media:description\b[^<>]*?(/?)>"), rb"<media:x-alt\1>"),
    (re.compile(rb"</media:description\s*>"), b"</media:x-alt>"),
    (re.compile(rb"<media:title\b[^<>]*?(/?)>"), rb"<media:x-title\1>"),
    (re.compile(rb"</media:title\s*>"), b"</media:x-title>"),
)
# feedparser looks for addresses in names, and for entities before the root, by patterns whose time grows
# with the square of a run of letters or blanks: half a megabyte of `a` would hold it for minutes. A run is
# broken after this many octets: slugs end at 200, and the tokens of signed links well before 2,000.
_LONGEST_RUN = 2_000
_ENDLESS = re.compile(rb"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]{2000}[A-Za-z0-9_.+-]++")
_BLANKS = re.compile(rb"\s{3,}+")
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
    return _ENDLESS.sub(_broken, body), tuple(faults)


def _without_head(body: bytes, faults: list[str]) -> bytes:
    start = _START.search(body)
    if start is not None and start[0].startswith(b"<?") and not _DECLARATION.match(body, start.start()):
        start = ROOT.search(body, start.start())
    if start is None:
        return body
    root = ROOT.search(body, start.start())
    first = _ITEM.search(body, start.start())
    if root and _WARNING.search(body, root.end(), first.start() if first else len(body)):
        faults.append("A PHP warning stands in the feed's head; see the site's error log.")
    junk = body[: start.start()].removeprefix(b"\xef\xbb\xbf")
    declared = start[0].startswith(b"<?")
    if not junk or (not declared and _HARMLESS_HEAD.fullmatch(junk)):
        return _squeezed(body.lstrip(), root.start() if root else 0)
    if junk.strip():
        faults.append("Text stands before the feed, such as a PHP warning; it was left out.")
    else:
        faults.append("White space stands before the feed, often a blank line in a theme's functions.php.")
    return _squeezed(body[start.start() :], root.start() - start.start() if root else 0)


def _squeezed(body: bytes, head: int) -> bytes:
    """Shorten the runs of white space in the first `head` octets, before the root."""
    return _BLANKS.sub(b"\n", body[:head]) + body[head:]


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


def _broken(match: re.Match[bytes]) -> bytes:
    run = match[0]
    return b" ".join(run[start : start + _LONGEST_RUN] for start in range(0, len(run), _LONGEST_RUN))
