"""Reads the part of a report that is written for machines.

Delivery status (RFC 3464, RFC 6533), disposition of a message (RFC 8098), complaint (RFC 5965).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.bounce.parts import Fields

GROUPS = 200
"""Of one delivery status; each is a recipient."""
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})")
_FAILED = re.compile(r"fail|error|reject|undeliver", re.IGNORECASE)
_DELAYED = re.compile(r"delay", re.IGNORECASE)
# An address type that is no mailbox of ours: X.400's, a telephone's.
_TYPED = re.compile(r"\s*(?:rfc822|utf-8|smtp|internet|unknown)\s*;\s*", re.IGNORECASE)
_PREFIX = re.compile(r"\s*[\w-]+\s*;\s*")

COMPLAINTS = frozenset({"abuse", "opt-out", "opt-out-list", "fraud"})
"""The Feedback-Types that end a subscription. `not-spam`, `auth-failure`, `virus` and `other` do not."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One recipient's group of a delivery status. `addresses`: the one that was written to first."""

    addresses: tuple[str, ...]
    failed: bool
    delayed: bool
    status: str
    diagnostic: str


def deliveries(text: str) -> Iterator[Delivery]:
    """Give the recipients of a delivery status (RFC 3464 2.3); its first group is about the message."""
    of_all = ""
    for group in re.split(r"\n[ \t]*\n", text.strip(), maxsplit=GROUPS)[:GROUPS]:
        fields = Fields(group.strip("\n"))
        told = fields.get("original-recipient"), fields.get("final-recipient")
        action = fields.get("action")
        if any(told):
            yield _delivery(fields, told, action or of_all)
        else:
            # Some say once what happened to all.
            of_all = action or of_all


def _delivery(fields: Fields, told: tuple[str, str], action: str) -> Delivery:
    status = fields.get("status")
    code = _STATUS.search(status)
    failed = bool(_FAILED.search(action)) or (not action and status.startswith("5"))
    diagnostic = _PREFIX.sub("", fields.get("diagnostic-code"), count=1)
    # Some write into the status what belongs into the diagnosis, and X.400's gateways into a field of theirs.
    beside = [status, fields.get("x-supplementary-info"), fields.get("x400-supplementary-info")]
    notes = [note for note in beside if note and note != (code[1] if code else "")]
    return Delivery(
        addresses=tuple(_TYPED.sub("", one, count=1) for one in told if one),
        failed=failed,
        delayed=bool(_DELAYED.search(action)),
        status=code[1] if code else "",
        diagnostic=" ".join([diagnostic, *notes]).strip(),
    )


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """A complaint's fields. Addresses are often blacked out."""

    kind: str
    addresses: tuple[str, ...]
    delivery: str

    @property
    def is_complaint(self) -> bool:
        """Whether it asks for no more mail."""
        return self.kind in COMPLAINTS


def feedback(text: str) -> Feedback:
    """Give a complaint's fields (RFC 5965 3)."""
    fields = Fields(text.strip("\n"))
    told = [*fields.all("original-rcpt-to"), *fields.all("removal-recipient")]
    return Feedback(
        kind=fields.get("feedback-type").partition(";")[0].strip().lower(),
        addresses=tuple(told),
        delivery=fields.get("x-digest-delivery"),
    )
