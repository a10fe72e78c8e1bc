"""Writes and reads the addresses that name a reader: where a bounce comes to, and a mailed unsubscribe.

`bounces+12.345.1.abcdefghijklmnop@ledger.example` says issue 12, subscriber 345, first address of theirs, and
proves by a MAC that we wrote it: a subaddress (RFC 5233) of an address whose mail is read, which makes a
variable envelope return path. Knows no database and no clock.
"""

import hmac
import re
from enum import Enum
from typing import NamedTuple

from digest.mac import LETTERS, mac

LONGEST_LOCAL = 64
"""Octets of a local part (RFC 5321 4.5.3.1.1)."""

LONGEST_MARK = len("+u") + len("9999999999.9999999999.999.") + LETTERS
"""Octets that a mark adds to a local part, as long as fewer than ten thousand million issues and subscribers
have been and no reader has moved a thousand times."""


class Purpose(Enum):
    """What comes to an address. Each has a MAC of its own: a bounce must not become a reader's wish."""

    BOUNCE = ""
    UNSUBSCRIBE = "u"


class Mark(NamedTuple):
    """Which message an address stands for. `address_version` ties it to the address that was mailed."""

    purpose: Purpose
    issue_id: int
    """0 where it was a mail to a single reader, and no issue."""
    subscriber_id: int
    address_version: int


class Forged(NamedTuple):
    """What has the form of a mark and was not written by us. It proves nothing, and is not to be trusted."""

    purpose: Purpose


# At the end of a local part, whatever stands before it: an alias on its way to a mailbox keeps the subaddress
# alone, and the separator may have been another one when the message left.
_MARK = re.compile(
    r"(?:^|[^a-z0-9])(?P<purpose>u?)(?P<issue>0|[1-9][0-9]{0,18})\.(?P<subscriber>0|[1-9][0-9]{0,18})"
    rf"\.(?P<version>0|[1-9][0-9]{{0,18}})\.(?P<mac>[a-z2-7]{{{LETTERS}}})\"?@[^@]+$"
)


class Marker:
    """Writes marks into one address, under one key: the one that is never retired."""

    def __init__(self, address: str, separator: str, key: bytes) -> None:
        local, _, domain = address.rpartition("@")
        self._plain = address
        self._head, self._tail = local + separator, f"@{domain}"
        self._longest = LONGEST_LOCAL + len(self._tail)
        self._mac = mac(key)

    def __call__(self, mark: Mark) -> str:
        """Give the address for one message, in 64 octets before the @-sign at most.

        Where that is too short, the plain one: its mail is read, too, and tells less.
        """
        purpose, issue, subscriber, version = mark
        words = f"{purpose.value}{issue}.{subscriber}.{version}"
        marked = f"{self._head}{words}.{self._mac.letters(_authenticated(words))}{self._tail}"
        return marked if len(marked) <= self._longest else self._plain


def read(text: str, key: bytes) -> Mark | Forged | None:
    """Give what an address says that something was sent to; None where it is no mark at all.

    In any case, and with its angle brackets or without. Takes as long for a wrong MAC as for a right one.
    """
    found = _MARK.search(text.strip().removeprefix("<").removesuffix(">").lower()) if text.isascii() else None
    if found is None:
        return None
    purpose = Purpose(found["purpose"])
    numbers = (int(found["issue"]), int(found["subscriber"]), int(found["version"]))
    words = purpose.value + ".".join(map(str, numbers))
    if not hmac.compare_digest(mac(key).letters(_authenticated(words)), found["mac"]):
        return Forged(purpose)
    return Mark(purpose, *numbers)


def _authenticated(words: str) -> bytes:
    """Give what the MAC is made of. No number begins with the letter of a purpose."""
    return f"digest verp\0{words}".encode()
