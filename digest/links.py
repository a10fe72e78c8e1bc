"""Signs and reads the links in our mail. Knows no web server and no subscriber beyond a number.

A token is base64url (RFC 4648 5, unpadded) of four varints and a truncated HMAC-SHA256 (RFC 2104 5). It holds
no address, never expires, and is read under every key that was ever in use.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from digest.errors import TokenError, UsageError
from digest.mac import mac

Keys: TypeAlias = Sequence[bytes]
"""Secrets, never empty: the first signs, all verify. One that was retired still reads its old links."""

# 96 bits: out of reach for guessing over HTTP, and two octets shorter in base64 than 112.
MAC_OCTETS = 12

# Ids are signed 64-bit integers in both databases: nine varint octets of seven bits.
_MAX_ID = 2**63 - 1
_ID_OCTETS = 9
_GROUP = 0x7F
_MORE = 0x80
_SHORT = [bytes([number]) for number in range(_GROUP + 1)]

# Four ids at their longest, and the MAC, in base64: whatever is longer is refused unread.
_MAX_TOKEN = (4 * _ID_OCTETS + MAC_OCTETS + 1) * 4 // 3 + 1

# A key must not be guessable offline from one link: 256 bits in hex, or a text of as many octets.
_KEY_LENGTH = 32
_HEX_KEY = re.compile(rf"(?:[0-9A-Fa-f]{{2}}){{{_KEY_LENGTH},}}")


class LinkKind(IntEnum):
    """What a link does. Numbers are never reused: an old link must not gain another meaning."""

    UNSUBSCRIBE = 1
    INERT = 2
    """In mail of `send --to`: looks like an unsubscribe link and does nothing."""
    PREFERENCES = 3
    """A reader's own page: what is read, at which address, how to be forgotten."""
    CONFIRM = 4
    """What a mail to one reader asks about: `issue_id` is that mail's id and no issue's."""
    PAUSE = 5
    """From an issue, which gets forwarded: a pause, and the mail with the link to the reader's own page."""


class Link(NamedTuple):
    """What a token says. `address_version` ties it to the address that it was sent to."""

    kind: LinkKind
    subscriber_id: int
    address_version: int = 1
    issue_id: int = 0
    """0 where the link came with no issue."""


def sign(link: Link, keys: Keys) -> str:
    """Give a link's token. Raises ValueError for a number outside 0 … 2**63 - 1."""
    return _token(link, keys[0])


def read(token: str, keys: Keys) -> Link:
    """Give what a token says.

    Raises TokenError for everything that `sign` did not write, character for character.
    """
    link = _decoded(token)
    # A token is compared whole with the one that we would write: so no second spelling of its varints or of
    # base64's last bits passes. Under every key, whichever it is: how long that takes tells nothing.
    if not any([hmac.compare_digest(_token(link, key), token) for key in keys]):  # noqa: C419 - as above
        raise TokenError(
            "This link was not made here, or was damaged on its way: use the one in the mail as it stands."
        )
    return link


def unsubscribe_url(public_url: str, link: Link, keys: Keys) -> str:
    """Give the page of a link, `{public_url}/u/{token}`."""
    return f"{public_url.rstrip('/')}/u/{sign(link, keys)}"


def preferences_url(public_url: str, link: Link, keys: Keys) -> str:
    """Give what a reader may choose, or the question about a new address: `{public_url}/p/{token}`."""
    return f"{public_url.rstrip('/')}/p/{sign(link, keys)}"


def parse_keys(text: str) -> Keys:
    """Read a key file: one key a line, the first signs; blank lines and those beginning with # are skipped.

    A key is 32 octets or more in hex, or any text of 32 characters or more. Raises UsageError for a shorter
    one (naming its line, not the key) and for a file without keys.
    """
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), start=1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        if len(key) < _KEY_LENGTH:
            raise UsageError(f"Line {number} of the key file is shorter than {_KEY_LENGTH} characters.")
        keys.append(bytes.fromhex(key) if _HEX_KEY.fullmatch(key) else key.encode())
    if not keys:
        raise UsageError("The key file holds no key: one a line, 64 random hex digits each.")
    return tuple(keys)


def new_key() -> str:
    """Give a fresh line for the key file: 256 random bits in hex."""
    return secrets.token_hex(_KEY_LENGTH)


def _token(link: Link, key: bytes) -> str:
    payload = b"".join([_varint(number) for number in link])
    code = mac(key).digest(b"digest link\0" + payload)
    # In whole groups of three octets the last letter could be `-` or `_`, which mail programs leave out of a
    # link that they find in plain text.
    octets = MAC_OCTETS if len(payload) % 3 else MAC_OCTETS + 1
    return urlsafe_b64encode(payload + code[:octets]).rstrip(b"=").decode()


def _decoded(token: str) -> Link:
    """Read a token's fields, trusting none of them yet, and leave its MAC to the comparison."""
    damaged = TokenError("This link is not whole: use the one in the mail as it stands.")
    if len(token) > _MAX_TOKEN or not token.isascii():
        raise damaged
    try:
        octets = iter(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        kind = LinkKind(_number(octets))
        subscriber_id, address_version, issue_id = (_number(octets) for _ in range(3))
    except ValueError as exc:
        raise damaged from exc
    return Link(kind=kind, subscriber_id=subscriber_id, address_version=address_version, issue_id=issue_id)


def _varint(number: int) -> bytes:
    """Write a number as little-endian groups of seven bits, the high bit set on all but the last."""
    if 0 <= number <= _GROUP:
        return _SHORT[number]
    if not 0 <= number <= _MAX_ID:
        raise ValueError(f"{number} is no id")
    octets = bytearray()
    while number > _GROUP:
        octets.append(number & _GROUP | _MORE)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _number(octets: Iterator[int]) -> int:
    """Read a varint off the front. Raises ValueError for one that is cut short or too big."""
    number = shift = 0
    for octet in octets:
        number |= (octet & _GROUP) << shift
        shift += 7
        if number > _MAX_ID:
            raise ValueError("a number is too big")
        if octet < _MORE:
            return number
    raise ValueError("a number is cut short")
