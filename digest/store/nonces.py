"""Remembers what somebody signed to be used once, and what it was used for."""

from datetime import datetime

from digest.store.limits import DAY, Limit, Limits
from digest.store.prepared import Hand

_USED = Limit(what="nonce", most=1, seconds=2 * DAY)
_USED_FOR = Limit(what="nonce used for", most=1, seconds=2 * DAY)


def is_for(hand: Hand, nonce: str, purpose: str, now: datetime) -> bool:
    """Use a nonce; say whether it is new, or was used for the same before. Remembered for two days."""
    limits = Limits(hand, now)
    if limits.count(_USED, nonce) == 1:
        limits.count(_USED_FOR, f"{nonce}\0{purpose}")
        return True
    return limits.counted(_USED_FOR, f"{nonce}\0{purpose}") > 0
