"""What a mail that came back says. Values alone."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What came back."""

    BOUNCE = "bounce"
    DELAY = "delay"
    """Not yet delivered; it is still being tried."""
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    """A vacation note, an answer of a machine, a challenge: changes nobody."""
    UNSUBSCRIBE = "unsubscribe"
    NONE = "none"
    """Anything else: changes nobody."""


class Verdict(Enum):
    """Whether the address is to blame, and for how long."""

    HARD = "hard"
    """No mail to it any more."""
    SOFT = "soft"
    """A full mailbox, a system in trouble, or no reason that can be read."""
    OURS = "ours"
    """Our sender, our content, our reputation: says nothing about the address."""


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """One address that a report is about. `evidence` is one line of the report's own words."""

    address: str
    verdict: Verdict
    status: str = ""
    """An enhanced status code (RFC 3463), where one is told."""
    reason: str = ""
    evidence: str = ""


UNKNOWN = "no bounce, complaint or automatic reply"
"""The reason of what nobody understands."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A mail that came back, read.

    Where an address was blacked out of a complaint, `delivery` or `unsubscribe` still tell whose it was.
    """

    kind: Kind
    reason: str = ""
    recipients: tuple[Recipient, ...] = ()
    unnamed: Recipient | None = None
    """What a bounce says of whom it does not name, where it says anything."""
    sender: str = ""
    """Who wrote it, by its own words; empty for a daemon."""
    sent_to: tuple[str, ...] = ()
    """The addresses that the report itself went to: with VERP they name the subscriber."""
    message_id: str = ""
    """Of the returned message."""
    delivery: str = ""
    """Its X-Digest-Delivery."""
    unsubscribe: str = ""
    """Its List-Unsubscribe."""
