"""What Mailgun posts: one event, and beside it a signature of a time and a token.

The signature does not cover the event, so a token is good for one event alone: see `store/nonces.py`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from digest.bounce.report import Kind, Report
from digest.hooks.event import (
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
from digest.hooks.item import Item, UnreadableError, load
from digest.hooks.proof import NotProvedError, demand_recent, of_seconds

NAME = "mailgun"

IGNORED = frozenset({"accepted", "delivered", "opened", "clicked", "stored"})
"""Events that are not booked: every message has them."""

EVENTS: Mapping[str, Failure | Kind] = {
    "rejected": OUR_SETUP,
    "complained": Kind.COMPLAINT,
    "unsubscribed": Kind.UNSUBSCRIBE,
}

FAILURES: Mapping[str, Failure | Kind] = {
    "bounce": HARD,
    "hardfail": HARD,
    "suppress-bounce": LISTED,
    "suppress-complaint": Kind.COMPLAINT,
    "suppress-unsubscribe": Kind.UNSUBSCRIBE,
    # Tried until their patience ended.
    "old": SOFT,
    "espblock": POLICY,
}
"""What the reason of a failure for good means; of others, such as "generic", the answer decides."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A request that Mailgun has signed."""

    token: str
    key: str
    """Of the event that the token was made for."""
    events: tuple[Event, ...]
    """None where it is one that is not booked."""


def read(body: bytes, key: str, now: datetime) -> Posted:
    """Prove and read what was posted. Raises UnreadableError and NotProvedError."""
    posted = Item(load(body))
    if "event-data" not in posted:
        raise UnreadableError("no event")
    told = posted.item("event-data")
    token = verify(posted.item("signature"), key, now)
    made = event(NAME, told.text("id"), _report(told), told)
    return Posted(token=token, key=made.key, events=() if told.text("event") in IGNORED else (made,))


def verify(signature: Item, key: str, now: datetime) -> str:
    """Give the token that was signed. Raises NotProvedError."""
    at, token = signature.text("timestamp"), signature.text("token")
    made = hmac.new(key.encode(), f"{at}{token}".encode(), "sha256").hexdigest()
    # An account's own key also signs for its subaccounts, beside theirs.
    told = [signature.text(name).encode() for name in ("signature", "parent-signature")]
    right = [hmac.compare_digest(one, made.encode()) for one in told]
    if not token or not key or not any(right):
        raise NotProvedError("another signature than our key's")
    demand_recent(of_seconds(at), now)
    return token


def _report(told: Item) -> Report:
    name, why = told.text("event"), told.text("reason")
    meant = _meaning(told, name, why)
    if meant is None:
        return unknown(NAME, name)
    status = told.item("delivery-status")
    said = f"{status.text('code')} {status.text('message') or status.text('description')}".strip()
    if name == "rejected":
        said = told.item("reject").text("reason")
    made = report(
        meant,
        [told.text("recipient")],
        reason=why or name,
        said=said,
        status=status.text("enhanced-code"),
    )
    return replace(
        made,
        sent_to=tuple(filter(None, [told.item("envelope").text("sender")])),
        message_id=told.item("message").item("headers").text("message-id"),
    )


def _meaning(told: Item, name: str, why: str) -> Failure | Kind | None:
    if name != "failed":
        return EVENTS.get(name)
    if told.text("severity") == "temporary":
        return Kind.DELAY
    if told.item("delivery-status").text("bounce-type") == "soft" and FAILURES.get(why) is HARD:
        return SOFT
    return FAILURES.get(why, OPEN)
