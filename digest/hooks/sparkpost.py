"""What SparkPost posts: batches of events, each in an envelope of its family. It signs nothing."""

from collections.abc import Mapping
from dataclasses import replace

from digest.bounce.fields import COMPLAINTS
from digest.bounce.report import Kind, Report
from digest.hooks.event import (
    CONTENT,
    FULL,
    HARD,
    OPEN,
    OUR_SETUP,
    POLICY,
    SOFT,
    TOO_LARGE,
    Event,
    Failure,
    each,
    report,
    unknown,
)
from digest.hooks.item import Item, listed, load

NAME = "sparkpost"

CLASSES: Mapping[str, Failure | Kind] = {
    "1": OPEN,
    "10": HARD,
    "20": SOFT,
    "21": SOFT,
    "22": FULL,
    "23": TOO_LARGE,
    "24": SOFT,
    "25": OUR_SETUP,
    "26": OUR_SETUP,
    "30": HARD,
    "40": OPEN,
    "50": POLICY,
    "51": POLICY,
    "52": CONTENT,
    "53": CONTENT,
    "54": POLICY,
    "60": Kind.AUTO_REPLY,
    "70": SOFT,
    "80": Kind.NONE,
    "90": Kind.UNSUBSCRIBE,
    "100": Kind.AUTO_REPLY,
}
"""What its `bounce_class` means."""

TYPES: Mapping[str, Failure | Kind] = {
    "delay": Kind.DELAY,
    "policy_rejection": OUR_SETUP,
    "generation_failure": OUR_SETUP,
    "generation_rejection": OUR_SETUP,
    "spam_complaint": Kind.COMPLAINT,
    "list_unsubscribe": Kind.UNSUBSCRIBE,
    "link_unsubscribe": Kind.UNSUBSCRIBE,
}
"""What the events without a class mean."""

IGNORED = frozenset(
    {"injection", "delivery", "open", "initial_open", "click", "amp_open", "amp_initial_open", "amp_click"}
)
"""Events that are not booked: every message has them."""


def read(body: bytes) -> tuple[Event, ...]:
    """Read a batch. Raises UnreadableError."""
    told = [part for one in listed(load(body)) for part in one.item("msys").parts()]
    booked = [one for one in told if one.text("type") not in IGNORED]
    return tuple(each(NAME, booked, "event_id", _report))


def _report(told: Item) -> Report:
    name, address = told.text("type"), told.text("raw_rcpt_to") or told.text("rcpt_to")
    said = told.text("raw_reason") or told.text("reason")
    complained = told.text("fbtype")
    meant = TYPES.get(name)
    if name in {"bounce", "out_of_band"}:
        meant = CLASSES.get(told.text("bounce_class"), OPEN)
    if meant is Kind.COMPLAINT and complained and complained not in COMPLAINTS:
        meant = None
    if meant is None or meant is Kind.NONE:
        return unknown(NAME, f"{name} {complained}".strip())
    made = report(meant, [address], reason=name, said=said)
    # The envelope's sender, which with VERP names the subscriber.
    return replace(made, sent_to=tuple(filter(None, [told.text("msg_from")])))
