"""What a relay may do to us, and what has to come of it: the house's mail rules as two tables.

`RULES` says what each meaning of a reply causes. `MATRIX` says what each misbehaviour at each phase means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from faults_ledger import Fate
from smtp_server import At

from digest.model import DeliveryState, IssueState, SubscriberState

PENDING, ACCEPTED, REFUSED = DeliveryState.PENDING, DeliveryState.ACCEPTED, DeliveryState.REFUSED
EXPIRED, UNKNOWN = DeliveryState.EXPIRED, DeliveryState.UNKNOWN

MAILED = Fate(ACCEPTED)
"""Once, and nothing has counted."""
MAILED_LATER = Fate(ACCEPTED, burnt=True)
"""Once, after an attempt that counted."""
MAILED_AGAIN = Fate(ACCEPTED, burnt=True, doubtful=True)
"""Perhaps twice, and the ledger says so."""
WAITING = Fate(PENDING)
"""As if it had never been tried."""
WAITING_BURNT = Fate(PENDING, burnt=True)
WAITING_IN_DOUBT = Fate(PENDING, burnt=True, doubtful=True)
IN_THE_DARK = Fate(UNKNOWN, burnt=True)
"""For the operator to decide."""
TURNED_DOWN = Fate(REFUSED, burnt=True)
"""Refused; its subscriber is as before."""
DEAD = Fate(REFUSED, burnt=True, subscriber=SubscriberState.SUPPRESSED)
OUT_OF_TIME = Fate(EXPIRED)
"""Expired without one attempt of its own."""
TRIED_OUT = Fate(EXPIRED, burnt=True)
TRIED_OUT_IN_DOUBT = Fate(EXPIRED, burnt=True, doubtful=True)
TRIED_OUT_SOFT = Fate(EXPIRED, burnt=True, soft=1)


class Ending(Enum):
    """How an issue's life ends, as far as it gets."""

    SENT = "sent"
    HELD = "held for the operator"
    HELD_FOR_QUOTA = "held until the quota renews"
    GIVEN_UP = "the run gives up, and the issue goes on later"


SENT, HELD, QUOTA, GIVEN_UP = Ending.SENT, Ending.HELD, Ending.HELD_FOR_QUOTA, Ending.GIVEN_UP
STATES = {
    SENT: (IssueState.SENT, ""),
    HELD: (IssueState.HELD, "relay"),
    QUOTA: (IssueState.HELD, "quota"),
    GIVEN_UP: (IssueState.SENDING, ""),
}


@dataclass(frozen=True, kw_only=True)
class End:
    """How the issue ends, the delivery that was struck, and the others."""

    issue: Ending
    struck: Fate
    others: frozenset[Fate] = frozenset({MAILED})


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one row of the rules causes: when it happens once, to one reader alone each time, to all for ever.

    None for one reader: before RCPT a relay cannot tell the readers apart.
    """

    once: End
    reader: End | None = None
    for_ever: End


NOBODY_STRUCK = End(issue=SENT, struck=MAILED)
HELD_AT_ONCE = End(issue=HELD, struck=WAITING, others=frozenset({MAILED, WAITING}))
PAUSED = End(issue=QUOTA, struck=WAITING, others=frozenset({MAILED, WAITING}))
LEFT = frozenset({WAITING})


def _end(struck: Fate, issue: Ending = SENT, others: frozenset[Fate] = frozenset({MAILED})) -> End:
    return End(issue=issue, struck=struck, others=others)


RULES = {
    "harmless": Rule(once=NOBODY_STRUCK, reader=NOBODY_STRUCK, for_ever=NOBODY_STRUCK),
    # 2. Lost after the body was written. The third loss on one row puts it off, till it expires. A relay
    # that swallows everything is not fed for ever.
    "2 unknown, resend": Rule(
        once=_end(MAILED_AGAIN),
        reader=_end(TRIED_OUT_IN_DOUBT),
        for_ever=_end(WAITING_IN_DOUBT, HELD, LEFT),
    ),
    "2 unknown, ask": Rule(
        once=_end(IN_THE_DARK), reader=_end(IN_THE_DARK), for_ever=_end(IN_THE_DARK, HELD, LEFT)
    ),
    # 3. The relay's trouble burns nothing, whoever meets it.
    "3 the relay's trouble": Rule(
        once=NOBODY_STRUCK, reader=_end(OUT_OF_TIME), for_ever=_end(WAITING, GIVEN_UP, LEFT)
    ),
    # 3, and 7 once it has lasted.
    "3 then 7, our set-up": Rule(once=NOBODY_STRUCK, for_ever=_end(WAITING, HELD, LEFT)),
    "4 used up": Rule(once=NOBODY_STRUCK, reader=_end(OUT_OF_TIME), for_ever=_end(WAITING, GIVEN_UP, LEFT)),
    "5 slow down": Rule(once=NOBODY_STRUCK, reader=_end(OUT_OF_TIME), for_ever=_end(OUT_OF_TIME)),
    "6 our quota": Rule(once=PAUSED, reader=PAUSED, for_ever=_end(WAITING, QUOTA, LEFT)),
    "7 our set-up": Rule(once=HELD_AT_ONCE, reader=HELD_AT_ONCE, for_ever=_end(WAITING, HELD, LEFT)),
    "8 us or our message": Rule(
        once=_end(TURNED_DOWN), reader=_end(TURNED_DOWN), for_ever=_end(TURNED_DOWN, HELD, LEFT)
    ),
    "9 dead": Rule(once=_end(DEAD), reader=_end(DEAD), for_ever=_end(DEAD, HELD, LEFT)),
    "10 policy": Rule(
        once=_end(TURNED_DOWN), reader=_end(TURNED_DOWN), for_ever=_end(TURNED_DOWN, HELD, LEFT)
    ),
    "11 disabled": Rule(
        once=_end(TURNED_DOWN), reader=_end(TURNED_DOWN), for_ever=_end(TURNED_DOWN, HELD, LEFT)
    ),
    # 12. What befalls everybody from the start is no mailbox's: then nobody is blamed.
    "12 soft": Rule(once=_end(MAILED_LATER), reader=_end(TRIED_OUT_SOFT), for_ever=_end(TRIED_OUT)),
    "13 greylisted": Rule(once=NOBODY_STRUCK, reader=_end(OUT_OF_TIME), for_ever=_end(OUT_OF_TIME)),
    "14 temporary, the subscriber's": Rule(
        once=_end(MAILED_LATER), reader=_end(TRIED_OUT_SOFT), for_ever=_end(TRIED_OUT)
    ),
    "14 temporary, not the subscriber's": Rule(
        once=_end(MAILED_LATER), reader=_end(TRIED_OUT), for_ever=_end(TRIED_OUT)
    ),
    # 15. Whatever it means: where the first ten fare alike, nobody further is asked.
    "15 unrecognised": Rule(
        once=_end(MAILED_LATER), reader=_end(TRIED_OUT_SOFT), for_ever=_end(WAITING_BURNT, HELD, LEFT)
    ),
}

TROUBLE, LASTING, SETUP = "3 the relay's trouble", "3 then 7, our set-up", "7 our set-up"
IN_DOUBT, USED_UP, SLOW, OUR_QUOTA = "2 unknown", "4 used up", "5 slow down", "6 our quota"
OURS, DEAD_ADDRESS, POLICY, DISABLED = "8 us or our message", "9 dead", "10 policy", "11 disabled"
SOFT, GREY, UNRECOGNISED = "12 soft", "13 greylisted", "15 unrecognised"
THEIRS, NOT_THEIRS = "14 temporary, the subscriber's", "14 temporary, not the subscriber's"
HARMLESS = "harmless"

LOSSES = ("close", "reset", "hang", "slow", "garbage", "endless", "more")
ODD = ("trickle", "split")
"""A usual reply that comes unusually."""
BYE = "421 4.3.2 going down"

MATRIX: dict[At, dict[str, tuple[str, ...]]] = {
    "connect": {TROUBLE: ("close", "reset")},
    "banner": {
        TROUBLE: (*LOSSES, BYE, "450 4.3.2 later"),
        LASTING: ("554 5.7.1 no service for you",),
        HARMLESS: ODD,
    },
    "ehlo": {
        TROUBLE: (*LOSSES, BYE, "451 4.3.0 later"),
        LASTING: ("550 5.7.1 not you", "502 5.5.1 what?"),
        HARMLESS: ODD,
    },
    "starttls": {
        TROUBLE: (*LOSSES, BYE),
        LASTING: ("454 4.7.0 TLS not available due to temporary reason",),
        SETUP: ("502 5.5.1 not here", "554 5.7.0 no"),
        HARMLESS: ODD,
    },
    "auth": {
        TROUBLE: (*LOSSES, BYE),
        LASTING: ("454 4.7.0 Temporary authentication failure",),
        SETUP: (
            "535 5.7.8 who are you",
            "530 5.7.0 no",
            "534 5.7.9 another mechanism",
            "538 5.7.11 encrypt first",
        ),
        OUR_QUOTA: ("451 Authentication failed: Maximum credits exceeded",),
        HARMLESS: ODD,
    },
    "mail": {
        TROUBLE: (*LOSSES, BYE, "452 4.3.1 Insufficient system storage", "354 out of step"),
        USED_UP: ("421 4.7.0 too many messages in this connection", "452 4.5.3 one more is too many"),
        SLOW: ("454 Throttling failure: Maximum sending rate exceeded", "451 4.7.28 an unusual rate of mail"),
        OUR_QUOTA: ("454 Throttling failure: Daily message quota exceeded", "452 4.7.1 Quota exceeded"),
        SETUP: ("530 5.7.0 Must issue a STARTTLS command first",),
        OURS: ("550 5.7.1 sender is not verified", "553 5.1.8 Sender address rejected", "501 5.1.7 syntax"),
        GREY: ("450 4.7.1 try again later",),
        NOT_THEIRS: ("451 4.3.0 later", "450 4.1.8 Sender address rejected: Domain not found"),
        HARMLESS: ODD,
    },
    "rcpt": {
        TROUBLE: (*LOSSES, BYE, "354 out of step"),
        USED_UP: ("452 4.5.3 too many recipients",),
        SLOW: ("454 4.7.0 Throttling failure", "450 4.7.650 temporarily rate limited due to IP reputation"),
        OUR_QUOTA: ("550 5.4.5 Daily user sending limit exceeded",),
        OURS: ("503 5.5.1 MAIL first", "553 5.1.8 sender rejected"),
        DEAD_ADDRESS: (
            "550 5.1.1 no",
            "550 5.1.10 no",
            "556 no mail here",
            "550 5.4.1 Recipient address rejected: Access denied",
            "550-5.7.1 reader\r\n550 5.7.1 User unknown",
        ),
        POLICY: ("554 5.7.1 Relay access denied", "550 5.7.26 not authenticated", "550 listed by spamhaus"),
        DISABLED: ("550 5.2.1 mailbox disabled",),
        SOFT: ("452 4.2.2 mailbox full", "552 5.2.2 over quota", "450 4.3.2 not now"),
        GREY: ("450 4.2.0 Greylisted", "451 4.7.1 try again later"),
        THEIRS: ("450 4.2.1 mailbox busy",),
        NOT_THEIRS: ("451 4.3.0 Temporary lookup failure", "450 4.7.25 Client host rejected"),
        UNRECOGNISED: ("550 Rejected", "599 5.9.9 hm"),
        HARMLESS: ODD,
    },
    "data": {
        TROUBLE: (*LOSSES, BYE, "250 out of step", "354 go on\r\n250 and more than was asked"),
        SLOW: ("454 4.7.0 Throttling failure",),
        OURS: ("554 5.7.1 no", "503 5.5.1 RCPT first", "554 5.5.1 no valid recipients"),
        NOT_THEIRS: ("451 4.3.0 later",),
        HARMLESS: ODD,
    },
    "body": {
        IN_DOUBT: (*(how for how in LOSSES if how != "slow"), "354 out of step"),
        TROUBLE: (BYE,),
        OURS: ("552 5.3.4 too big", "554 5.6.0 what is this"),
        NOT_THEIRS: ("452 4.3.1 Insufficient system storage",),
    },
    "dot": {
        IN_DOUBT: (*LOSSES, "354 out of step"),
        TROUBLE: (BYE,),
        SLOW: ("454 Throttling failure: Maximum sending rate exceeded.",),
        OUR_QUOTA: ("454 Throttling failure: Daily message quota exceeded.",),
        OURS: ("554 5.7.1 spam", "554 Email address is not verified", "552 5.3.4 too big", "550 5.7.515 no"),
        GREY: ("450 4.7.1 try again later",),
        NOT_THEIRS: ("451 4.3.0 queue file write error", "452 4.3.1 Insufficient system storage"),
        HARMLESS: ODD,
    },
    "idle": {HARMLESS: ("close", "reset", "garbage", "endless", "more", BYE, "250 what nobody asked for")},
    "rset": {HARMLESS: (*LOSSES, *ODD, BYE, "451 4.3.0 later", "502 5.5.1 what?")},
    "quit": {HARMLESS: (*LOSSES, *ODD, BYE, "451 4.3.0 later", "502 5.5.1 what?")},
}

NAMES_A_READER = frozenset({"rcpt", "data", "body", "dot"})


def misbehaviours() -> Iterator[tuple[str, At, str]]:
    """Give each cell of the matrix: what it means, where it happens, and how."""
    for at, row in MATRIX.items():
        for meaning, ways in row.items():
            for how in ways:
                yield meaning, at, how
