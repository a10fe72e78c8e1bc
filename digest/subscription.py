"""Decides what an act does to a subscriber. Knows no database, page or mail.

Nothing revives one who left or is suppressed but the subscriber's own deliberate act.
"""

from enum import Enum

from digest.model import SubscriberState


class Arrival(Enum):
    """What adding or importing an address comes to."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


def arrive(
    *,
    state: SubscriberState | None,
    subscribed: bool,
    left: bool,
    suppressed: bool,
    same_name: bool,
    confirmed: bool,
) -> tuple[Arrival, str]:
    """Decide what an operator's `add` or `import` of one address does, and why.

    `state` is None for an unknown address; `subscribed` and `left` speak of the newsletter asked for;
    `suppressed` is whether the address stands among the suppressions; `confirmed` whether the operator
    vouches for consent.
    """
    if suppressed or state is SubscriberState.SUPPRESSED:
        return Arrival.REFUSED, "the address is suppressed and is never mailed"
    if state is SubscriberState.UNSUBSCRIBED or left:
        return Arrival.REFUSED, "the reader has left; only the reader can come back"
    if state is None:
        return Arrival.ADDED, ""
    if not subscribed or not same_name or (state is SubscriberState.PENDING and confirmed):
        return Arrival.UPDATED, ""
    return Arrival.UNCHANGED, ""
