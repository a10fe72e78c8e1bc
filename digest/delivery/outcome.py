"""What became of one attempt to deliver: the words that reading a reply and deciding about it share."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a reply is. What each one causes stands in `delivery/retry.py`."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """Lost after the body was on its way: the relay may have taken it."""
    RELAY_TROUBLE = "relay trouble"
    CONNECTION_USED_UP = "connection used up"
    SLOW_DOWN = "slow down"
    QUOTA = "quota"
    """Our account's, not a mailbox's."""
    SETUP = "set-up"
    REFUSED_OURS = "refused as ours"
    """Us or our message: the sender's address, its reputation, the content, the size."""
    DEAD_ADDRESS = "dead address"
    REFUSED_POLICY = "refused by policy"
    """At RCPT; perhaps the policy of one domain alone."""
    DISABLED = "disabled"
    SOFT = "soft"
    """A mailbox that is full, or a system that cannot take the mail now."""
    GREYLISTED = "greylisted"
    TEMPORARY = "temporary"
    UNRECOGNISED = "unrecognised"


class Whose(Enum):
    """Whose fault it is. Only what is the subscriber's may ever count against one."""

    SUBSCRIBER = "subscriber"
    OURS = "ours"
    RELAY = "relay"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One attempt, classified. `evidence` is the reply itself, shortened."""

    kind: Kind
    whose: Whose
    evidence: str
    closes: bool = False
    """The relay is closing the connection, or has lost it (421, RFC 5321 section 3.8)."""
