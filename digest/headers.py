"""Writes header fields: folded, encoded, and with nothing in them that could begin another field.

Python's own generator writes internationalised domains and long tokens in ways that relays refuse.
"""

import re
from base64 import b64encode
from urllib.parse import quote

from digest.errors import RenderError

# RFC 5322 2.1.1: octets of a line without its CRLF. 78 is advised, 76 is the most where encoded words stand
# (RFC 2047 2), 998 the most at all.
LINE = 76
LINE_LIMIT = 998

# RFC 2047 2: octets of one encoded word, delimiters included.
_WORD = 75
_FRAME = len("=?utf-8?q??=")

# The Q encoding of every octet, as strict as a phrase wants it (RFC 2047 4.2, and 5 rule 3).
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/"
_Q = [
    "_" if octet == ord(" ") else chr(octet) if octet in _PLAIN else f"={octet:02X}" for octet in range(256)
]

# Everything that a header field must not hold, and every white space but a no-break space: one blank instead.
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")

# A URI of RFC 3986 that stands in a header line as it is, and how long it may be for that.
_URI_LENGTH = 900
_URI = re.compile(rf"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]{{1,{_URI_LENGTH}}}")


def fold(name: str, value: str) -> bytes:
    """Give a field with its CRLF, broken at its blanks so that lines have 76 octets where that is possible.

    Raises RenderError where a word leaves a line of more than 998 octets, and for a value that is not plain
    ASCII in one line.
    """
    if not value.isascii() or not value.isprintable():
        raise RenderError(f"The header {name} may hold printable ASCII alone, not {value!r}.")
    lines = [f"{name}:"]
    for word in value.split():
        if len(lines[-1]) + 1 + len(word) <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    if max(map(len, lines)) > LINE_LIMIT:
        raise RenderError(
            f"The header {name} has a word of more than {LINE_LIMIT} characters: no line can hold it."
        )
    return "\r\n".join(lines).encode() + b"\r\n"


def one_line(text: str) -> str:
    """Give a text with every run of blanks, line breaks and control characters as one blank."""
    return _BLANKS.sub(" ", text).strip()


def unstructured(name: str, text: str) -> bytes:
    """Give a field of free text (RFC 5322 3.6.5), in encoded words where ASCII would not say it unchanged."""
    line = one_line(text)
    first, *others = line.split(" ")
    plain = line.isascii() and "=?" not in line
    short = len(first) < LINE - len(name) - 1 and all(len(word) < LINE for word in others)
    return fold(name, line if plain and short else _encoded(line, LINE - len(name) - 2))


def phrase(text: str, room: int) -> str:
    """Give a display name (RFC 5322 3.2.5): atoms, else a quoted string, else encoded words; empty for none.

    `room` is how many octets the first line has left for encoded words.
    """
    line = one_line(text)
    if not line.isascii() or "=?" in line:
        return _encoded(line, room)
    written = line if not line or _ATOMS.fullmatch(line) else '"' + re.sub(r'(["\\])', r"\\\1", line) + '"'
    return written if all(len(word) < LINE for word in written.split(" ")) else _encoded(line, room)


def uri(url: str) -> str:
    """Give a URL as it may stand in `<…>`: what RFC 3986 does not allow is percent-encoded.

    Raises RenderError for one that is empty or too long for a header line.
    """
    if _URI.fullmatch(url):
        return url
    written = quote(url, safe=":/?#[]@!$&'()*+,;=%~", errors="replace")
    if not _URI.fullmatch(written):
        raise RenderError(
            f"A link in the headers must have 1 to {_URI_LENGTH} characters, not {len(written)}."
        )
    return written


def _encoded(text: str, room: int) -> str:
    """Give encoded words (RFC 2047), none with a part of a character, the first of `room` octets at most."""
    octets = text.encode("utf-8", "replace")
    mark, write = ("q", _q) if len(_q(octets)) <= len(_b(octets)) else ("b", _b)
    words: list[str] = []
    run = b""
    for character in text:
        longer = run + character.encode("utf-8", "replace")
        if run and _FRAME + len(write(longer)) > (_WORD if words else min(room, _WORD)):
            words.append(f"=?utf-8?{mark}?{write(run)}?=")
            run = longer[len(run) :]
        else:
            run = longer
    return " ".join([*words, f"=?utf-8?{mark}?{write(run)}?="])


def _q(octets: bytes) -> str:
    """Write octets in the Q encoding (RFC 2047 4.2)."""
    return "".join(_Q[octet] for octet in octets)


def _b(octets: bytes) -> str:
    """Write octets in the B encoding (RFC 2047 4.1)."""
    return b64encode(octets).decode()
