"""What Postmark posts: bounces, spam complaints, changes of a stream's suppressions.

It signs nothing: the secret that we gave it comes back with each request.
"""

from collections.abc import Mapping
from dataclasses import replace

from digest.bounce.read import read as read_mail
from digest.bounce.report import Kind, Report
from digest.hooks.event import (
    CONTENT,
    HARD,
    LISTED,
    OPEN,
    OUR_SETUP,
    POLICY,
    SOFT,
    Event,
    Failure,
    event,
    report,
    unknown,
)
from digest.hooks.item import Item, listed, load

NAME = "postmark"

FAILURES: Mapping[str, Failure | Kind] = {
    "HardBounce": HARD,
    "BadEmailAddress": HARD,
    "SoftBounce": SOFT,
    "DnsError": SOFT,
    "Unknown": OPEN,
    "SpamNotification": CONTENT,
    "VirusNotification": CONTENT,
    "Blocked": POLICY,
    "DMARCPolicy": POLICY,
    "SMTPApiError": OUR_SETUP,
    "TemplateRenderingFailed": OUR_SETUP,
    "Transient": Kind.DELAY,
    "AutoResponder": Kind.AUTO_REPLY,
    "AddressChange": Kind.AUTO_REPLY,
    "ChallengeVerification": Kind.AUTO_REPLY,
    "SpamComplaint": Kind.COMPLAINT,
    "Unsubscribe": Kind.UNSUBSCRIBE,
    # Somebody of ours has told Postmark to mail this address no more.
    "ManuallyDeactivated": Kind.UNSUBSCRIBE,
}
"""What its bounce types mean."""

SUPPRESSIONS: Mapping[tuple[str, str], Failure | Kind] = {
    ("HardBounce", ""): LISTED,
    ("SpamComplaint", ""): Kind.COMPLAINT,
    ("ManualSuppression", "Recipient"): Kind.UNSUBSCRIBE,
    ("ManualSuppression", "Customer"): Kind.UNSUBSCRIBE,
}
"""What a suppression's reason means, and its origin, where that counts."""

IGNORED = frozenset({"Delivery", "Open", "Click", "Inbound"})
"""Records that are not booked: every message has them."""


def read(body: bytes) -> tuple[Event, ...]:
    """Read what was posted: one record. Raises UnreadableError."""
    records = [one for one in listed(load(body)) if one.text("RecordType") not in IGNORED]
    return tuple(event(NAME, record.text("ID"), _report(record), record) for record in records)


def _report(record: Item) -> Report:
    kind = record.text("RecordType")
    if kind in {"Bounce", "SpamComplaint"}:
        return _bounce(record, record.text("Type") or kind)
    if kind == "SubscriptionChange" and record.is_true("SuppressSending"):
        return _suppressed(record)
    return unknown(NAME, kind)


def _bounce(record: Item, kind: str) -> Report:
    meant = FAILURES.get(kind)
    if meant is None:
        return unknown(NAME, kind)
    said = record.text("Details") or record.text("Description")
    made = report(meant, [record.text("Email")], reason=kind, said=said)
    # The bounce as it came to them, where the hook is set to include it: it holds our own marks.
    returned = read_mail(record.whole("Content").encode("utf-8", "replace"))
    return replace(
        made,
        message_id=returned.message_id,
        delivery=returned.delivery,
        unsubscribe=returned.unsubscribe,
    )


def _suppressed(record: Item) -> Report:
    why, origin = record.text("SuppressionReason"), record.text("Origin")
    said = f"{why} by {origin}"
    meant = SUPPRESSIONS.get((why, origin)) or SUPPRESSIONS.get((why, ""))
    if meant is None:
        return unknown(NAME, f"SubscriptionChange {said}")
    return report(meant, [record.text("Recipient")], reason=said, said=said)
