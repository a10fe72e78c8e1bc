"""Plain text out of what feeds write. Knows no feed format.

What leaves here holds no control character, no line break and no lone surrogate: it can stand in a
subject, a header or a database column.
"""

import re
from html import unescape

import nh3

# A reference with its semicolon. Without one, `?a=1&copy=2` would turn into a copyright sign.
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NUMERIC = re.compile(r"&#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});")

# Unicode's categories Cc and Cs. A pattern, because feeds have millions of characters.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# Joiners make emoji and Persian words, and the marks U+200E and U+200F order mixed scripts. Embeddings,
# overrides and isolates may stay open and turn the rest of a message round (Unicode TR 36, 2.3).
_DROPPED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]+")

# Characters. Titles and names are short; the rest of a longer one is an accident.
_LONGEST_MARKUP = 5_000

# Scripts written without spaces; about two of their characters make a word of reading time.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def tidy(text: str) -> str:
    """Make it one line: white space runs to one space, what is invisible or dangerous goes."""
    return " ".join(_DROPPED.sub("", " ".join(text.split())).split())


def identifier(text: str) -> str:
    """Give an opaque identifier or address without white space round it, control characters, surrogates."""
    return _CONTROLS.sub("", text).strip()


def decoded(text: str) -> str:
    """Decode character references once. No markup is read."""
    return _REFERENCE.sub(lambda match: unescape(match[0]), text)


def from_markup(markup: str) -> str:
    """Give the text of a short piece of HTML; what the feed had escaped twice is decoded twice."""
    spaced = re.sub(r"(?i)<(?=br\b|/?p\b|/?div\b|/?li\b)", " <", markup[:_LONGEST_MARKUP])
    return tidy(decoded(unescape(nh3.clean(spaced, tags=set()))))


def from_plain(text: str) -> str:
    """Give a text that the feed declares to be plain, where `<b>` and `&lt;` mean themselves.

    A numeric reference is decoded all the same: nobody means `&#8217;` to be read.
    """
    return tidy(_NUMERIC.sub(lambda match: unescape(match[0]), text[:_LONGEST_MARKUP]))


def count_words(text: str) -> int:
    """Count words for the reading time."""
    return len(text.split()) + len(_UNSPACED.findall(text)) // 2


def shortened(text: str, limit: int) -> str:
    """Cut to at most `limit` characters, at a word where there is one, and say so with `…`."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at_word = head.rpartition(" ")[0]
    return ellipsis(at_word if len(at_word) > limit // 2 else head)


def ellipsis(text: str) -> str:
    """End a cut text with `…`, without the punctuation or joiner that the cut left hanging."""
    return text.rstrip(" ,;:.–—-(“‘/\u200d") + "…"
