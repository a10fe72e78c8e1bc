"""Cuts a rendering at its slots once, and joins it with the values of one subscriber after the other.

What it gives is what goes on the wire and what DKIM signs: RFC 5322 and MIME with CRLF alone, no line that
begins with a dot, no blank that relaxed canonicalisation would take away. Knows no relay and no database.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from typing import Self, TypeAlias

from digest import quoted
from digest.errors import AddressError, RenderError
from digest.headers import LINE, one_line, uri
from digest.issue_head import ADDRESS, honest_subject, list_fields, who_and_what
from digest.mac import mac
from digest.model import SLOT_NAMES, SLOT_PATTERN, IssueHeaders, Recipient, Rendering

READER_FIELDS = ("To", "Date", "Message-ID", "X-Digest-Delivery", "List-Unsubscribe")
"""The header fields that differ from one message to the next, in their order."""

Sign: TypeAlias = Callable[[bytes, bytes, datetime], bytes]
"""Gives what goes on top of a message, for its own header fields, what follows `body`, and its date."""

_ISSUED_ID = re.compile(
    r"<?(?P<issue>0|[1-9][0-9]{0,18})\.(?P<subscriber>0|[1-9][0-9]{0,18})\.(?P<mac>[a-z2-7]{16})@[a-z0-9.-]+>?"
)
_BLANK_LINE = b"\r\n\r\n"
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,200}@[A-Za-z0-9.-]{1,253}>")


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """A slot of one part, and what stands there, encoded, for a subscriber whose value is empty."""

    name: str
    html: bool
    fallback: bytes


@dataclass(frozen=True, kw_only=True)
class MessageTemplate:
    """An issue's message, with everything done that is the same for all subscribers."""

    subject: str
    """As it is sent: one line, without a Re: or Fwd: that answers nothing."""
    segments: tuple[bytes, ...]
    """The wire form in order, empty where a subscriber's share goes: headers in the second, values after the
    third, which holds the rest of the headers and how the body begins."""
    places: tuple[tuple[str, tuple[tuple[int, _Slot], ...]], ...]
    """The slots by name, each with the index of its segment."""

    @classmethod
    def build(cls, rendering: Rendering, headers: IssueHeaders) -> Self:
        """Encode an issue. Raises RenderError for a slot or a header that cannot be sent."""
        if rendering.nonce in rendering.subject:
            raise RenderError(
                "The subject holds a reader's slot: it is the same for all, and what an editor approves."
            )
        subject = honest_subject(rendering.subject)
        # No quoted-printable text holds `=_` (RFC 2045 6.7), so no part holds its own boundary.
        boundary = f"=_{rendering.nonce}"
        segments = [who_and_what(subject, headers), b"", list_fields(headers) + _content(boundary)]
        slots: list[tuple[int, _Slot]] = []
        for subtype, text in (("plain", rendering.text), ("html", rendering.html)):
            segments[-1] += _part_head(boundary, subtype)
            for piece, slot in _cut(text, rendering.nonce, html=subtype == "html"):
                segments[-1] += piece
                if slot:
                    slots.append((len(segments), slot))
                    segments += [b"", b""]
            segments[-1] += b"\r\n"
        segments[-1] += f"--{boundary}--\r\n".encode()
        names = dict.fromkeys(slot.name for _, slot in slots)
        places = tuple((name, tuple(one for one in slots if one[1].name == name)) for name in names)
        return cls(subject=subject, segments=tuple(segments), places=places)

    @property
    def head(self) -> bytes:
        """The header fields that are the same in all messages, each with its CRLF."""
        return self.segments[0] + self.segments[2].partition(_BLANK_LINE)[0] + b"\r\n"

    @property
    def body(self) -> bytes:
        """The body as far as it is the same in all messages: up to the first slot."""
        return self.segments[2].partition(_BLANK_LINE)[2]

    def message(
        self,
        recipient: Recipient,
        *,
        message_id: str,
        unsubscribe_url: str,
        since: str,
        date: datetime,
        mailto: str = "",
        sign: Sign | None = None,
    ) -> bytes:
        """Give one subscriber's message, ready for the wire: dot-stuffing finds nothing to do in it.

        `message_id` with its angle brackets; `since` in words, in the reader's language; `date` is aware and
        becomes UTC; `mailto` is the URI to leave by mail (RFC 6068), if there is one. Raises AddressError for
        an address that cannot stand in a header.
        """
        link = uri(unsubscribe_url)
        segments = list(self.segments)
        segments[1] = _reader_head(recipient.email, message_id, link, date, mailto and uri(mailto))
        values = {
            "unsubscribe_url": link,
            "email": recipient.email,
            "name": recipient.name and one_line(recipient.name),
            "since": one_line(since),
        }
        for name, slots in self.places:
            if value := values[name]:
                plain = quoted.encode_value(value)
                marked = plain if (escaped := escape(value)) == value else quoted.encode_value(escaped)
                for index, slot in slots:
                    segments[index] = marked if slot.html else plain
            else:
                for index, slot in slots:
                    segments[index] = slot.fallback
        if sign is None:
            return b"".join(segments)
        rest = b"".join(segments[3:])
        return b"".join([sign(segments[1], rest, date), *segments[:3], rest])


def message_id(*, key: bytes, issue_id: int, subscriber_id: int, domain: str) -> str:
    """Give the Message-ID of a delivery, the same at every attempt (RFC 5322 3.6.4), in lower case."""
    return f"<{issue_id}.{subscriber_id}.{_mac(key, issue_id, subscriber_id)}@{domain}>"


def read_message_id(text: str, key: bytes) -> tuple[int, int] | None:
    """Give the issue and the subscriber that a Message-ID of ours names, None for any other.

    In any case and without brackets, as bounces quote it.
    """
    found = _ISSUED_ID.fullmatch(text.strip().lower()) if text.isascii() else None
    if not found:
        return None
    issue_id, subscriber_id = int(found["issue"]), int(found["subscriber"])
    if not hmac.compare_digest(_mac(key, issue_id, subscriber_id), found["mac"]):
        return None
    return issue_id, subscriber_id


def _mac(key: bytes, issue_id: int, subscriber_id: int) -> str:
    return mac(key).letters(f"digest message-id\0{issue_id}.{subscriber_id}".encode())


def _reader_head(address: str, delivery: str, link: str, date: datetime, mailto: str) -> bytes:
    """Give the header fields that differ from one message to the next (RFC 5322 3.6, RFC 2369 3.2)."""
    if not ADDRESS.fullmatch(address):
        raise AddressError(f"{address!r} cannot stand in a header.")
    if not _MESSAGE_ID.fullmatch(delivery):
        raise ValueError(f"{delivery!r} is no Message-ID")
    if date.tzinfo is None:
        raise ValueError("a date without zone cannot be mailed")
    octets = len(address) if address.isascii() else len(address.encode())
    # The link comes first (RFC 2369 3.2 has the preferred one there); two such words need a line each.
    leave, by_mail = (f"<{link}>,", f"\r\n <{mailto}>") if mailto else (f"<{link}>", "")
    # Each is one word: there is one place to fold it. Written out, since this is done for every message.
    return (
        f"To:{_gap('To', octets)}{address}\r\n"
        f"Date: {_dated(int(date.timestamp()))}\r\n"
        f"Message-ID:{_gap('Message-ID', len(delivery))}{delivery}\r\n"
        f"X-Digest-Delivery:{_gap('X-Digest-Delivery', len(delivery))}{delivery}\r\n"
        f"List-Unsubscribe:{_gap('List-Unsubscribe', len(leave))}{leave}{by_mail}\r\n"
    ).encode()


@lru_cache(maxsize=1)
def _dated(second: int) -> str:
    """Write a Unix time for Date (RFC 5322 3.3): the thousand messages of one second share it."""
    return format_datetime(datetime.fromtimestamp(second, UTC))


@lru_cache(maxsize=1024)
def _gap(name: str, octets: int) -> str:
    """Give what stands between a field's colon and a word of this length."""
    return " " if len(name) + len(": ") + octets <= LINE else "\r\n "


def _content(boundary: str) -> bytes:
    """Give the MIME fields that end a message's header, and the blank line (RFC 2046 5.1.4)."""
    return f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()


def _part_head(boundary: str, subtype: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def _cut(text: str, nonce: str, *, html: bool) -> Iterator[tuple[bytes, _Slot | None]]:
    """Give a part's constant pieces, encoded, each with the slot after it; None after the last.

    A piece and a value each begin a line of their own, softly broken, so that a value's length moves nothing.
    """
    found = [slot for slot in SLOT_PATTERN.finditer(text) if slot["nonce"] == nonce]
    start = 0
    for slot in found:
        yield (
            _constant(text[start : slot.start()], nonce, after=start > 0, before=True),
            _slot(slot, html=html),
        )
        start = slot.end()
    yield _constant(text[start:], nonce, after=start > 0, before=False), None


def _constant(text: str, nonce: str, *, after: bool, before: bool) -> bytes:
    """Encode a constant piece that comes after a slot, or before one, or both."""
    if nonce in text:
        raise RenderError(
            "A slot was damaged between its template and the message: use it as it is, without filters."
        )
    piece = quoted.encode(text)
    if after and not piece.startswith(b"\r\n") and (piece or before):
        piece = quoted.SOFT_BREAK + piece
    if before and piece and not piece.endswith(b"\r\n"):
        piece += quoted.SOFT_BREAK
    return piece


def _slot(found: re.Match[str], *, html: bool) -> _Slot:
    """Read a placeholder. Raises RenderError for a name that no subscriber has a value for."""
    if found["name"] not in SLOT_NAMES:
        raise RenderError(f"A template uses reader.{found['name']}: there are {', '.join(SLOT_NAMES)}.")
    fallback = one_line(bytes.fromhex(found["fallback"] or "").decode(errors="replace"))
    return _Slot(
        name=found["name"], html=html, fallback=quoted.encode_value(escape(fallback) if html else fallback)
    )
