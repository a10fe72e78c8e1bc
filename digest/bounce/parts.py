"""Takes a mail apart (RFC 5322, 2045, 2047). Never raises, and in time linear to what it looks at.

Python's own parser follows each nesting level with a generator and each line through all of them; what comes
from strangers is cut at fixed limits here, and what is broken is read as far as it goes.
"""

import base64
import binascii
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

READ_OCTETS = 1 << 20
"""Of a mail. Our own messages have at most 110 kB, and the report stands before what it returns."""
TEXT_CHARACTERS = 1 << 16
"""Of what is written for people, in all parts together."""
_DEPTH = 8
_PARTS = 60
_HEADER_LINES = 400
_FIELD_CHARACTERS = 4000

# Codecs that are none of a mail, and slow (RFC 3492's) or not of text.
_NO_CHARSET = re.compile(r"idna|punycode|.*escape.*|undefined|mbcs|oem", re.IGNORECASE)
# What systems call the charsets that Python knows by another name.
_CHARSETS = {"unicode-1-1-utf-7": "utf-7", "ansi_x3.110-1983": "latin-1", "x-unknown": "latin-1"}

_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]{0,800})\?=(?:\s+(?==\?))?")
_PARAMETER = re.compile(r";\s*([\w*-]{1,40})\s*=\s*(?:\"([^\"]{0,500})\"|([^\s;\"]{1,500}))")
_DELIMITER = re.compile(rb"^--(\S{1,70})[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<(?=[/!a-zA-Z])[^<>]*>")
_TAG_NAME = re.compile(r"</?(\w+)")
_BREAKING = frozenset({"br", "p", "div", "tr", "td", "li", "h1", "h2", "h3", "table", "hr", "pre"})
_UNSEEN = frozenset({"style", "script", "title"})


class Fields:
    """Header fields, or the fields of a machine's part: by name in any case, in their order."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[list[str]]] = {}
        last: list[str] | None = None
        for line in text.split("\n", _HEADER_LINES)[:_HEADER_LINES]:
            name, colon, value = line.partition(":")
            if line[:1] in {" ", "\t"}:
                if last is not None:
                    last.append(line.strip())
            elif colon and name.strip() and " " not in name.strip():
                last = [value.strip()]
                self._values.setdefault(name.strip().lower(), []).append(last)

    def get(self, name: str) -> str:
        """Give the first value of a field on one line, its encoded words decoded; empty for none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Give every value of a field, likewise."""
        return [
            _decoded_words(" ".join(lines)[:_FIELD_CHARACTERS])
            for lines in self._values.get(name.lower(), ())
        ]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part that holds no further ones. `kind` is its content type, in lower case."""

    kind: str
    headers: Fields
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """Give the part's text: decoded, and without its tags where it is HTML."""
        charset = parameter(self.headers.get("content-type"), "charset")
        encoding = self.headers.get("content-transfer-encoding").lower()
        text = _in_charset(_in_octets(self.body, encoding), charset)
        return _without_tags(text) if self.kind == "text/html" else text

    @property
    def name(self) -> str:
        """Give the name of an attached file."""
        given = self.headers.get("content-disposition"), self.headers.get("content-type")
        return parameter(given[0], "filename") or parameter(given[1], "name")


def split(message: bytes) -> tuple[Fields, bytes]:
    """Give a message's header fields and its body, its line ends (CRLF, CR, LF) all made LF."""
    plain = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n \t")
    head, _, body = plain.partition(b"\n\n")
    return Fields(_in_charset(head, "utf-8")), body


def parts(headers: Fields, body: bytes) -> list[Part]:
    """Give the parts of a message in their order, whatever the nesting. A returned message is one part."""
    found: list[Part] = []
    _collect(headers, body, _DEPTH, found)
    return found


def parameter(value: str, name: str) -> str:
    """Give a parameter of a Content-Type or the like (RFC 2045 5.1); empty for none."""
    pairs = ((key.lower(), quoted or bare) for key, quoted, bare in _PARAMETER.findall(value))
    return next((text for key, text in pairs if key == name), "")


def _collect(headers: Fields, body: bytes, depth: int, found: list[Part]) -> None:
    """Add what a part holds, or itself."""
    kind = headers.get("content-type").partition(";")[0].strip().lower() or "text/plain"
    # Some systems name the boundary of what had been multipart before a gateway made it text.
    if kind.startswith("multipart/") and depth:
        inner = list(_between(body, _boundary(headers, body)))
        for one in inner:
            if len(found) >= _PARTS:
                return
            _collect(*_head(one), depth - 1, found)
        if inner:
            return
    found.append(
        Part(kind="text/plain" if kind.startswith("multipart/") else kind, headers=headers, body=body)
    )


def _boundary(headers: Fields, body: bytes) -> bytes:
    """Give a multipart's boundary: the one named, else what looks like one, since some fold it wrongly."""
    named = parameter(headers.get("content-type"), "boundary").encode("latin-1", "replace")
    seen = None if named else _DELIMITER.search(body, 0, _FIELD_CHARACTERS)
    return seen[1] if seen else named


def _head(part: bytes) -> tuple[Fields, bytes]:
    """Give the fields of a body part and the rest; without fields, all of it is the rest."""
    if part.startswith(b"\n"):
        return Fields(""), part[1:]
    head, blank, body = part.partition(b"\n\n")
    fields = Fields(_in_charset(head, "utf-8"))
    if "content-type" in fields or "content-description" in fields or "content-disposition" in fields:
        return fields, body
    return (fields, body) if blank and b":" in head.partition(b"\n")[0] else (Fields(""), part)


def _between(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Give what stands between a multipart's delimiters (RFC 2046 5.1.1); the last may be missing."""
    if not boundary:
        return
    delimiter = b"\n--" + boundary
    pieces = (b"\n" + body).split(delimiter, _PARTS)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        line, _, rest = piece.partition(b"\n")
        if not line.strip():
            yield rest


def _in_octets(body: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding (RFC 2045 6), as far as it goes."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        return base64.b64decode(letters[: len(letters) // 4 * 4] + _padded(letters))
    return body


def _padded(letters: bytes) -> bytes:
    """Give the last letters of a base64 text that was cut, padded; of one letter alone nothing is left."""
    rest = letters[len(letters) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _in_charset(octets: bytes, charset: str) -> str:
    """Decode, by the charset that is named, else as UTF-8, else as Latin-1."""
    name = _CHARSETS.get(charset.lower(), charset)
    for candidate in (name, "utf-8"):
        if candidate and not _NO_CHARSET.fullmatch(candidate):
            try:
                return octets.decode(candidate)
            except (LookupError, ValueError):
                continue
    return octets.decode("latin-1")


def _decoded_words(value: str) -> str:
    """Give a field's value with its encoded words decoded (RFC 2047)."""
    if "=?" not in value:
        return value
    return " ".join(_WORD.sub(lambda word: _decoded(*word.groups()), value).split())


def _decoded(charset: str, encoding: str, text: str) -> str:
    octets = text.encode("utf-8", "replace")
    if encoding in "bB":
        return _in_charset(_in_octets(octets, "base64"), charset)
    return _in_charset(binascii.a2b_qp(octets, header=True), charset)


def _without_tags(text: str) -> str:
    """Give what a reader sees of HTML: blocks on lines of their own."""
    text = text[: TEXT_CHARACTERS * 4]
    seen: list[str] = []
    unseen, position = "", 0
    for tag in _TAG.finditer(text):
        if not unseen:
            seen.append(text[position : tag.start()])
        position = tag.end()
        named = _TAG_NAME.match(tag.group())
        name = named[1].lower() if named else ""
        if name in _UNSEEN:
            unseen = "" if tag.group().startswith("</") else unseen or name
        elif name in _BREAKING:
            seen.append("\n")
    seen.append("" if unseen else text[position:])
    return html.unescape("".join(seen)).replace("\xa0", " ")
