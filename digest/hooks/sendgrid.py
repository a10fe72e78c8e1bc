"""What SendGrid's Event Webhook posts: batches of events, signed over their time and the body."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from digest.bounce.report import Kind, Report
from digest.hooks.event import (
    CONTENT,
    FULL,
    HARD,
    LISTED,
    OPEN,
    OUR_SETUP,
    POLICY,
    SOFT,
    Event,
    Failure,
    Headers,
    each,
    report,
    unknown,
)
from digest.hooks.item import Item, listed, load
from digest.hooks.proof import OLDEST, NotProvedError, demand_recent, of_seconds

NAME = "sendgrid"

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

LATEST = OLDEST + timedelta(hours=1)
"""It tries for 24 hours, and the last time is a little later."""

IGNORED = frozenset({"processed", "delivered", "open", "click", "group_resubscribe"})
"""Events that are not booked: every message has them, and nobody but the reader comes back by himself."""

CLASSES: Mapping[str, Failure] = {
    "invalid address": HARD,
    "technical failure": SOFT,
    "technical": SOFT,
    "mailbox unavailable": FULL,
    "content": CONTENT,
    "reputation": POLICY,
    "frequency or volume too high": POLICY,
    "frequency/volume": POLICY,
}
"""What its classification of a bounce means, in lower case."""

DROPPED: Mapping[str, Failure | Kind] = {
    "bounced address": LISTED,
    "invalid smtpapi header": OUR_SETUP,
    "invalid": LISTED,
    "unsubscribed address": Kind.UNSUBSCRIBE,
    "spam reporting address": Kind.COMPLAINT,
    "spam content": CONTENT,
}
"""Why it has sent nothing, by how the reason begins; any other reason is our set-up's."""

WISHES: Mapping[str, Kind] = {
    "deferred": Kind.DELAY,
    "spamreport": Kind.COMPLAINT,
    "unsubscribe": Kind.UNSUBSCRIBE,
    "group_unsubscribe": Kind.UNSUBSCRIBE,
}


def verify(headers: Headers, body: bytes, key: EllipticCurvePublicKey, now: datetime) -> None:
    """Raise NotProvedError unless the body is signed, and lately."""
    at = headers.get(TIMESTAMP, "")
    try:
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, at.encode("utf-8", "replace") + body, ECDSA(SHA256()))
    except (binascii.Error, ValueError, InvalidSignature) as exc:
        raise NotProvedError("another signature than our key's") from exc
    demand_recent(of_seconds(at), now, LATEST)


def read(body: bytes) -> tuple[Event, ...]:
    """Read a batch. Raises UnreadableError."""
    told = [one for one in listed(load(body)) if one.text("event") not in IGNORED]
    return tuple(each(NAME, told, "sg_event_id", _report))


def _report(told: Item) -> Report:
    name = told.text("event")
    said = told.text("reason") or told.text("response")
    if name == "bounce":
        meant: Failure | Kind | None = _bounced(told)
    elif name == "dropped":
        meant = next((one for why, one in DROPPED.items() if said.lower().startswith(why)), OUR_SETUP)
    else:
        meant = WISHES.get(name)
    if meant is None:
        return unknown(NAME, name)
    made = report(meant, [told.text("email")], reason=name, said=said, status=told.text("status"))
    return replace(made, message_id=told.text("smtp-id"))


def _bounced(told: Item) -> Failure:
    """Give what a bounce means: of type "bounce", which ends an address there, or "blocked", of now alone."""
    known = CLASSES.get(told.text("bounce_classification").lower())
    if told.text("type") == "blocked":
        return known if known and known is not HARD else SOFT
    # "Mailbox unavailable" is said of the full and of the gone: the answer knows.
    return OPEN if known is FULL else known or HARD
