"""Writes text as quoted-printable (RFC 2045 6.7) that no relay has a reason to touch.

No line begins with a dot, so nothing is dot-stuffed (RFC 5321 4.5.2); none begins with `From `, so no mailbox
file quotes it; none ends in a blank, and no two blanks or tabs meet, so the text is its own relaxed
canonical form (RFC 6376 3.4.4).
"""

import re

# Octets of a line without the `=` of its soft break: 76 with it.
_ROOM = 75

SOFT_BREAK = b"=\r\n"

# What does not stand for itself, and every blank that follows one or ends its line.
_ESCAPED = re.compile(rb"[^ !-<>-~]|(?<= ) | \Z")

# What must not begin a line, though it stands for itself elsewhere.
_NOT_FIRST = re.compile(rb"\.|F(?=rom )")

# A value that already is what `encode` would make of it: the common case, once a slot and message.
_PLAIN = re.compile(r"(?!\.|From )[!-<>-~]+(?: [!-<>-~]+)*")


def encode(text: str) -> bytes:
    """Encode a piece of a text that begins at the start of a line and may be followed by a soft break.

    Line breaks of every sort become CRLF. What UTF-8 cannot say (a lone surrogate) becomes `?`.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").split(b"\n")
    return b"\r\n".join(map(_line, lines))


def encode_value(text: str) -> bytes:
    """Encode a slot's value, the same way: without line breaks, it is short and mostly ASCII."""
    if _PLAIN.fullmatch(text):
        if len(text) <= _ROOM:
            return text.encode()
        rows = [text[start : start + _ROOM] for start in range(0, len(text), _ROOM)]
        if not any(row.startswith((".", "From ", " ")) or row.endswith(" ") for row in rows):
            return "=\r\n".join(rows).encode()
    return _line(text.encode("utf-8", "replace"))


def _line(octets: bytes) -> bytes:
    """Encode one line, softly broken."""
    escaped = _ESCAPED.sub(lambda octet: b"=%02X" % octet[0][0], octets)
    rows: list[bytes] = []
    start = 0
    while True:
        first = _NOT_FIRST.match(escaped, start)
        row = b"=%02X" % first[0][0] if first else b""
        start += bool(first)
        end = start + _ROOM - len(row)
        if end >= len(escaped):
            return SOFT_BREAK.join([*rows, row + escaped[start:]])
        # `=XX` stays whole.
        end -= 1 if escaped[end - 1] == ord("=") else 2 if escaped[end - 2] == ord("=") else 0
        rows.append(row + escaped[start:end])
        start = end
