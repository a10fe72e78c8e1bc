"""Decides whom a refusal is about, by its own words: the address, its system, or us.

A reply of SMTP goes through the table of `delivery/reply.py`, which also judges our own relays' answers; a
sentence for people through the one in `phrases.py`. What neither knows is soft: an address is given up only
where somebody says that it does not exist.
"""

import re
from dataclasses import dataclass, replace

from digest.bounce.phrases import SAYINGS
from digest.bounce.report import Recipient, Verdict
from digest.delivery.outcome import Kind
from digest.delivery.reply import STATUS, classify, enhanced_status, words
from digest.model import Phase, Reply

JUDGED_CHARACTERS = 1500
"""Of one recipient's section. Every pattern walks it."""
EVIDENCE_CHARACTERS = 300
_LEADING = 120
"""Characters before a quoted reply that may say when it came: `after RCPT TO:<…>`."""
NO_REASON = "no reason told"
PERMANENT = 500
"""The lowest code that refuses for good (RFC 5321 4.2.1)."""

VERDICTS = {
    Kind.DEAD_ADDRESS: (Verdict.HARD, "no such address"),
    Kind.DISABLED: (Verdict.HARD, "address disabled"),
    Kind.SOFT: (Verdict.SOFT, "mailbox full or unavailable"),
    Kind.GREYLISTED: (Verdict.SOFT, "greylisted"),
    Kind.TEMPORARY: (Verdict.SOFT, "temporary trouble"),
    Kind.RELAY_TROUBLE: (Verdict.SOFT, "temporary trouble"),
    Kind.SLOW_DOWN: (Verdict.OURS, "we sent too fast"),
    Kind.CONNECTION_USED_UP: (Verdict.OURS, "too many connections or messages"),
    Kind.QUOTA: (Verdict.OURS, "our account's quota"),
    Kind.SETUP: (Verdict.OURS, "our set-up"),
    Kind.REFUSED_OURS: (Verdict.OURS, "our sender or message"),
    Kind.REFUSED_POLICY: (Verdict.OURS, "policy or reputation"),
}
"""What a reply of SMTP comes to. Of the kinds that are missing, the words decide."""

_PERHAPS = frozenset({Kind.SOFT, Kind.REFUSED_OURS, Kind.REFUSED_POLICY, Kind.DISABLED, Kind.DEAD_ADDRESS})
_OF_NOW = frozenset({Kind.TEMPORARY, Kind.RELAY_TROUBLE})

# A reply quoted in a text: at a line's start, or behind what introduces it.
QUOTED = re.compile(
    r"(?:^[ \t>\"]*|[:;,>)\]}\"'] ?|<<< ?"
    r"|\b(?:said|error|code|replied|returned|status|with|was|server)[: ]{1,2})"
    r"[\"(\[]?#?\b(?P<code>4[2-5]\d|5[0-7]\d)(?=[ \-:;#<({]|$)",
    re.MULTILINE | re.IGNORECASE,
)
_IN_BODY = re.compile(r"end of (data|message)|after data|\bdata command|end of data", re.IGNORECASE)
_AT_MAIL = re.compile(r"mail from command|after mail from|in reply to mail from", re.IGNORECASE)
_CONTINUED = re.compile(r"\s(?:4[2-5]\d|5[0-7]\d)[- ](?=#?[45]\.\d+\.\d+|\D)")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict, and the words that it stands on, on one line."""

    verdict: Verdict
    reason: str
    status: str = ""
    evidence: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether anything told it."""
        return self.reason != NO_REASON


def of_reply(text: str, status: str = "", before: str = "") -> Judgement:
    """Judge what a server said, as a Diagnostic-Code holds it, with the status told beside it.

    `before` leads to it, and may tell what the server was asked.
    """
    text = text[:JUDGED_CHARACTERS]
    quoted = QUOTED.search(text)
    own = STATUS.search(text)
    told = own[1] if own else status
    code = int(quoted["code"]) if quoted else 450 if told.startswith("4") else 550
    line = " ".join(text.split())
    reply = _CONTINUED.sub(" ", line)
    said = reply if own else f"{status} {reply}".strip()
    if quoted or told:
        outcome = classify(Reply(phase=_phase(before + text), code=code, text=said))
        known = VERDICTS.get(outcome.kind)
        # RFC 5321's words for 550 alone are no more than "no": what stands beside them may say why. What has
        # expired or is closed may be a queue or a connection. And some have 5.1.1 for whatever they refuse.
        said_so = of_words(text)
        if known and not (outcome.kind in _PERHAPS and code >= PERMANENT):
            # "Deferred for complaints" and the like say nothing about the address, for now as for good.
            ours = outcome.kind in _OF_NOW and said_so.verdict is Verdict.OURS
            verdict, reason = (said_so.verdict, said_so.reason) if ours else known
            return Judgement(verdict=verdict, reason=reason, status=told, evidence=line)
        # "5.7.1 no such user": policy by its number alone.
        if outcome.kind is Kind.REFUSED_POLICY and said_so.verdict is Verdict.HARD:
            return replace(said_so, status=told, evidence=line)
        if known and (not said_so.is_sure or said_so.verdict is Verdict.HARD):
            return Judgement(verdict=known[0], reason=known[1], status=told, evidence=line)
        return Judgement(
            verdict=said_so.verdict, reason=said_so.reason, status=told, evidence=line or said_so.evidence
        )
    return of_words(text)


def of_words(text: str) -> Judgement:
    """Judge a sentence that a system wrote for people."""
    text = text[:JUDGED_CHARACTERS]
    said = words(text).replace("_", " ")
    line = " ".join(text.split())
    for saying in SAYINGS:
        found = saying.said.search(said)
        if found and not (saying.unless and saying.unless.search(said)):
            return Judgement(
                verdict=saying.verdict, reason=saying.reason, status=_status(text), evidence=line
            )
    return Judgement(verdict=Verdict.SOFT, reason=NO_REASON, status=_status(text), evidence=line)


def of_section(text: str) -> Judgement:
    """Judge a section of a text: by the reply that it quotes, else by its words."""
    text = text[:JUDGED_CHARACTERS]
    quoted = QUOTED.search(text)
    if quoted:
        begin = quoted.start("code")
        # A reply ends with its paragraph: behind it there may be a transcript, with our sender in it.
        said = text[begin:].partition("\n\n")[0]
        judged = of_reply(said, before=text[max(begin - _LEADING, 0) : begin])
        if judged.is_sure:
            return judged
    judged = of_words(text)
    return of_reply(text) if judged.status and not judged.is_sure else judged


def _phase(text: str) -> Phase:
    """Give what the server was asked, where a report tells it: of a text it refuses, not of an address."""
    if _AT_MAIL.search(text):
        return Phase.MAIL
    return Phase.BODY if _IN_BODY.search(text) else Phase.RCPT


def _status(text: str) -> str:
    return enhanced_status(Reply(phase=Phase.RCPT, code=550, text=text))


def recipient(address: str, judged: Judgement) -> Recipient:
    """Give an address with what was judged of it."""
    return Recipient(
        address=address,
        verdict=judged.verdict,
        status=judged.status,
        reason=judged.reason,
        evidence=judged.evidence[:EVIDENCE_CHARACTERS],
    )


def softened(judged: Judgement, reason: str) -> Judgement:
    """Give a judgement as a soft one."""
    return replace(judged, verdict=Verdict.SOFT, reason=reason)
