"""Reads what a relay answered. Knows no connection and decides nothing: that is `delivery/retry.py`'s.

The rules are a table, and the first that matches wins. A refusal is the subscriber's only on evidence about
the address; else it is ours. Texts stand in `delivery/phrases.py`.
"""

import re
from dataclasses import dataclass
from re import Pattern

from digest.delivery.outcome import Kind, Outcome, Whose
from digest.delivery.phrases import (
    ACCOUNT_QUOTA,
    DISABLED,
    GREYLIST,
    LOOKUP_TROUBLE,
    MAILBOX_FULL,
    MESSAGES_PER_CONNECTION,
    NO_SUCH_ADDRESS,
    OF_A_MAILBOX,
    OF_REPUTATION,
    OUR_QUOTA,
    OUR_SENDER,
    POLICY,
    RELAYING_DENIED,
    SAYS_NOTHING,
    TOO_FAST,
    TRY_AGAIN,
)
from digest.model import Phase, Reply

# Bounds the search in a hostile reply; a line has at most 512 octets (RFC 5321 section 4.5.3.1.5).
READ_CHARACTERS = 1500
EVIDENCE_CHARACTERS = 512
# The lowest code that refuses, for now or for good (RFC 5321 section 4.2.1).
REFUSALS = 400

# What stands right behind a domain is none of it: a@reader.example...User unknown.
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@(?:[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}|\[[\w.:]{1,45}\])")
# An enhanced status (RFC 3463) that is no part of an IP address or a version.
STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]?\d)")

# Postfix puts this before whatever is said at RCPT, also before what a policy service says about the sender.
PREAMBLE = re.compile(r"recipient address rejected: ")
# Postfix's limits on what one client may send in a while: smtpd_client_message_rate_limit and its like.
CLIENT_LIMIT = re.compile(r"error: too (much mail|many recipients) from\b")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row: what it says where everything it names is so. What it does not name is free."""

    kind: Kind
    whose: Whose
    phases: tuple[Phase, ...] = tuple(Phase)
    code: str = ""
    """A regular expression of the whole code; `0` is no reply."""
    status: str = ""
    """A regular expression of the whole enhanced status."""
    text: Pattern[str] | None = None
    unless: Pattern[str] | None = None
    lasting: bool = False
    """Matches only what the relay has been answering for a while."""


BEFORE_MAIL = (Phase.TLS, Phase.AUTH)
RCPT = (Phase.RCPT,)
BODY = (Phase.BODY,)
AFTER_RCPT = (Phase.DATA, Phase.BODY)
OF_MAILBOX = (Phase.RCPT, Phase.BODY)
"""Where an answer can be about the subscriber's address; some servers check it only after the body."""
TEMPORARY, PERMANENT, ANY = r"4\d\d", r"5\d\d", r"[45]\d\d"

# Where two rows match, the one that knows more stands first: the text of a 421 before 421, evidence of a dead
# address before "a 5xx after the body is ours", our account's quota before "a throttling failure".
RULES = (
    Rule(kind=Kind.ACCEPTED, whose=Whose.NOBODY, phases=BODY, code=r"2\d\d"),
    Rule(kind=Kind.UNKNOWN, whose=Whose.RELAY, phases=BODY, code="0"),
    Rule(kind=Kind.RELAY_TROUBLE, whose=Whose.RELAY, code="0"),
    # The relay and our account with it.
    Rule(kind=Kind.CONNECTION_USED_UP, whose=Whose.RELAY, code=ANY, text=MESSAGES_PER_CONNECTION),
    Rule(kind=Kind.CONNECTION_USED_UP, whose=Whose.RELAY, code="452", status=r"4\.5\.3"),
    Rule(kind=Kind.QUOTA, whose=Whose.OURS, code=ANY, text=OUR_QUOTA, unless=OF_A_MAILBOX),
    Rule(
        kind=Kind.QUOTA,
        whose=Whose.OURS,
        phases=(Phase.CONNECT, Phase.AUTH, Phase.MAIL),
        code=ANY,
        text=ACCOUNT_QUOTA,
    ),
    Rule(kind=Kind.SETUP, whose=Whose.OURS, phases=BEFORE_MAIL, code=TEMPORARY, lasting=True),
    Rule(kind=Kind.SETUP, whose=Whose.OURS, phases=(Phase.CONNECT,), code=PERMANENT, lasting=True),
    Rule(kind=Kind.SLOW_DOWN, whose=Whose.OURS, code=TEMPORARY, status=r"4\.7\.(28|5\d\d|6\d\d)"),
    Rule(kind=Kind.SLOW_DOWN, whose=Whose.OURS, code=TEMPORARY, status=r"4\.7\.\d+", text=OF_REPUTATION),
    Rule(kind=Kind.SLOW_DOWN, whose=Whose.OURS, code=TEMPORARY, text=TOO_FAST, unless=OF_A_MAILBOX),
    Rule(kind=Kind.SLOW_DOWN, whose=Whose.OURS, code=TEMPORARY, text=CLIENT_LIMIT),
    Rule(kind=Kind.RELAY_TROUBLE, whose=Whose.RELAY, code="421"),
    Rule(kind=Kind.RELAY_TROUBLE, whose=Whose.RELAY, phases=(Phase.CONNECT,), code=ANY),
    Rule(kind=Kind.RELAY_TROUBLE, whose=Whose.RELAY, phases=BEFORE_MAIL, code=TEMPORARY),
    Rule(kind=Kind.RELAY_TROUBLE, whose=Whose.RELAY, phases=(Phase.MAIL,), code="452", status=r"4\.3\.1"),
    Rule(kind=Kind.SLOW_DOWN, whose=Whose.OURS, code="454", unless=RELAYING_DENIED),
    Rule(kind=Kind.SETUP, whose=Whose.OURS, phases=BEFORE_MAIL, code=PERMANENT),
    Rule(kind=Kind.SETUP, whose=Whose.OURS, phases=(Phase.MAIL,), code="53[0458]"),
    # Us and our message, whatever else the reply says.
    Rule(kind=Kind.REFUSED_OURS, whose=Whose.OURS, phases=(Phase.MAIL,), code=PERMANENT),
    Rule(kind=Kind.REFUSED_OURS, whose=Whose.OURS, code=PERMANENT, text=OUR_SENDER),
    Rule(kind=Kind.REFUSED_OURS, whose=Whose.OURS, code=PERMANENT, status=r"5\.(1\.[78]|2\.3|3\.4|6\.\d+)"),
    # The subscriber's address.
    Rule(
        kind=Kind.DEAD_ADDRESS,
        whose=Whose.SUBSCRIBER,
        phases=OF_MAILBOX,
        code=PERMANENT,
        status=r"5\.1\.([1236]|10)",
        unless=POLICY,
    ),
    Rule(kind=Kind.DEAD_ADDRESS, whose=Whose.SUBSCRIBER, phases=RCPT, code="556", unless=POLICY),
    Rule(
        kind=Kind.DEAD_ADDRESS,
        whose=Whose.SUBSCRIBER,
        phases=OF_MAILBOX,
        code=PERMANENT,
        status=r"5\.4\.1",
        text=re.compile("access denied"),
        unless=POLICY,
    ),
    Rule(
        kind=Kind.DEAD_ADDRESS,
        whose=Whose.SUBSCRIBER,
        phases=OF_MAILBOX,
        code=PERMANENT,
        text=NO_SUCH_ADDRESS,
        unless=POLICY,
    ),
    Rule(
        kind=Kind.DISABLED,
        whose=Whose.SUBSCRIBER,
        phases=OF_MAILBOX,
        code=PERMANENT,
        status=r"5\.(2\.1|7\.13)",
        unless=POLICY,
    ),
    Rule(kind=Kind.SOFT, whose=Whose.SUBSCRIBER, phases=OF_MAILBOX, code=ANY, status=r"[45]\.2\.2"),
    Rule(kind=Kind.SOFT, whose=Whose.SUBSCRIBER, phases=OF_MAILBOX, code=ANY, text=MAILBOX_FULL),
    # RFC 5321's own words for 550, which say nothing more: Outlook.com and GMX use them for addresses that
    # they do not know, others for policy. So the address is not taken for dead.
    Rule(
        kind=Kind.SOFT,
        whose=Whose.SUBSCRIBER,
        phases=RCPT,
        code="550",
        text=SAYS_NOTHING,
        unless=POLICY,
    ),
    Rule(
        kind=Kind.DISABLED, whose=Whose.SUBSCRIBER, phases=RCPT, code=PERMANENT, text=DISABLED, unless=POLICY
    ),
    # What is left of the refusals.
    Rule(kind=Kind.REFUSED_OURS, whose=Whose.OURS, code=PERMANENT, status=r"5\.5\.\d+"),
    Rule(kind=Kind.REFUSED_OURS, whose=Whose.OURS, phases=AFTER_RCPT, code=PERMANENT),
    Rule(kind=Kind.REFUSED_POLICY, whose=Whose.OURS, phases=RCPT, code=PERMANENT, status=r"5\.7\.\d+"),
    Rule(kind=Kind.REFUSED_POLICY, whose=Whose.OURS, phases=RCPT, code=PERMANENT, text=POLICY),
    # What passes.
    Rule(kind=Kind.GREYLISTED, whose=Whose.NOBODY, code="45[01]", text=GREYLIST),
    Rule(kind=Kind.GREYLISTED, whose=Whose.NOBODY, code="45[01]", status=r"4\.7\.1", text=TRY_AGAIN),
    Rule(kind=Kind.TEMPORARY, whose=Whose.OURS, code=TEMPORARY, text=OUR_SENDER),
    Rule(kind=Kind.TEMPORARY, whose=Whose.RELAY, code=TEMPORARY, text=LOOKUP_TROUBLE),
    Rule(kind=Kind.TEMPORARY, whose=Whose.OURS, code=TEMPORARY, status=r"4\.7\.\d+"),
    Rule(kind=Kind.SOFT, whose=Whose.SUBSCRIBER, phases=RCPT, code=ANY, status=r"[45]\.3\.\d+"),
    Rule(kind=Kind.TEMPORARY, whose=Whose.SUBSCRIBER, phases=RCPT, code=TEMPORARY),
    Rule(kind=Kind.TEMPORARY, whose=Whose.RELAY, code=TEMPORARY),
    Rule(kind=Kind.UNRECOGNISED, whose=Whose.SUBSCRIBER, phases=RCPT, code=PERMANENT),
    Rule(kind=Kind.UNRECOGNISED, whose=Whose.RELAY),
)


def classify(reply: Reply, *, lasting: bool = False) -> Outcome:
    """Say what a reply is and whose. Never raises; of a reply that no rule knows, nobody is sure.

    `lasting` tells that the relay has been answering so for longer than a passing trouble would explain:
    a 454 at STARTTLS or AUTH, or a 554 for a greeting, is then a matter of set-up.
    """
    # Of a reply that accepts only the code is read: it is the one that comes thousands of times a second.
    status, text = (enhanced_status(reply), words(reply.text)) if reply.code >= REFUSALS else ("", "")
    rule = next(rule for rule in RULES if _matches(rule, reply, status, text, lasting=lasting))
    return Outcome(
        kind=rule.kind,
        whose=rule.whose,
        evidence=str(reply)[:EVIDENCE_CHARACTERS],
        closes=reply.code in {0, 421},
    )


def enhanced_status(reply: Reply) -> str:
    """Give the reply's status as `5.1.1` (RFC 3463), or nothing.

    One that stands first counts as it is; one further on (qmail's `(#5.1.1)`) if its class is the code's.
    """
    found = STATUS.findall(reply.text[:READ_CHARACTERS])
    if found and reply.text.lstrip().startswith(found[0]):
        return str(found[0])
    return next((status for status in found if status[0] == str(reply.code)[0]), "")


def words(text: str) -> str:
    """Give a reply's words, as the patterns meet them."""
    bare = STATUS.sub(" ", ADDRESS.sub(" ", text[:READ_CHARACTERS]))
    return PREAMBLE.sub("", " ".join(bare.replace("’", "'").lower().split()))


def _matches(rule: Rule, reply: Reply, status: str, text: str, *, lasting: bool) -> bool:
    return (
        reply.phase in rule.phases
        and (not rule.code or re.fullmatch(rule.code, str(reply.code)) is not None)
        and (not rule.status or re.fullmatch(rule.status, status) is not None)
        and (rule.text is None or rule.text.search(text) is not None)
        and (rule.unless is None or rule.unless.search(text) is None)
        and (lasting or not rule.lasting)
    )
