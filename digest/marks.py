"""Finds our own marks in what came back: which message of ours it is about, and that nobody has forged it.

Anybody may have written what a mail says, but for the marks that we put into our messages: they bear a MAC.
Where one is there that is not ours, or two are of different readers, it is nobody's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from urllib.parse import unquote

from digest import links, verp
from digest.bounce.report import Kind, Report
from digest.errors import TokenError
from digest.links import Keys, Link, LinkKind
from digest.message import read_message_id
from digest.verp import Forged, Purpose


class Proof(Enum):
    """How it is known whose something is. The words stand in the ledger."""

    VERP = "verp"
    """The address that it was sent to."""
    LINK = "link"
    """The unsubscribe link, or address, of the message that it returns."""
    MESSAGE = "message-id"
    """That message's Message-ID, or X-Digest-Delivery."""
    PROVIDER = "provider"
    """The address, by a mail service that has proved itself."""
    ADDRESS = "address"
    """The address alone: anybody may have written it."""
    NOTHING = ""
    FORGED = "forged"
    """It bears a mark that we have not written, or not under this installation's key."""
    CONTRADICTORY = "contradictory"
    """Its marks are of different readers, or messages."""


MARKS = frozenset({Proof.VERP, Proof.LINK, Proof.MESSAGE})
"""What nobody but us can have written."""

ABOUT_DELIVERY = frozenset({Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT})
"""What tells what became of a message of ours."""

_LINK = re.compile(r"https?://[^\s<>,]{1,1000}/u/(?P<token>[A-Za-z0-9_-]{8,100})(?![A-Za-z0-9_-])")
_MAILTO = re.compile(r"mailto:(?P<address>[^\s<>,?]{3,300})", re.IGNORECASE)
# The form of our Message-IDs, of some issue: a test's are of none, and mean nothing.
_ISSUED_ID = re.compile(r"<?[1-9][0-9]{0,18}\.[0-9]{1,19}\.[a-z2-7]{16}@[a-z0-9.-]+>?")
_TOKEN_IN_TEXT = re.compile(rb"/u/([A-Za-z0-9_-]{8,100})(?![A-Za-z0-9_-])")
_ADDRESS_IN_TEXT = re.compile(rb"(?<![A-Za-z0-9._+-])[A-Za-z0-9._+-]{20,64}@[A-Za-z0-9.-]{1,253}")

SEARCHED = 100
"""Links, and addresses, that are tried in one text. A message of ours has a handful."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What our own marks are known by."""

    public_url: str
    keys: Keys = field(repr=False)
    permanent_key: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Which message of ours something says that it is about, and what proves it."""

    proof: Proof
    issue_id: int = 0
    """0 where it was no issue's, or that is not told."""
    subscriber_id: int = 0
    address_version: int | None = None
    """None where the mark does not tell."""

    @property
    def is_proved(self) -> bool:
        """Whether nobody but us can have written it."""
        return self.proof in MARKS


NOBODYS = Claim(proof=Proof.NOTHING)
_FORGED, _CONTRADICTORY = Claim(proof=Proof.FORGED), Claim(proof=Proof.CONTRADICTORY)


def claim(
    report: Report, ours: Ours, *, envelope: Sequence[str] = (), raw: bytes = b"", is_trusted: bool = False
) -> Claim:
    """Give what a report's marks say.

    `envelope` are the addresses that it was sent to by SMTP; where they bear a mark, the header's count for
    nothing. In a complaint all else may be blacked out: then its `raw` text is searched. A mail service that
    has proved itself (`is_trusted`) tells of a wish to leave by the message that it was made about.
    """
    is_told = is_trusted and report.kind is Kind.UNSUBSCRIBE
    if report.kind not in ABOUT_DELIVERY and not is_told:
        return _agreed(_sent_to(report, ours, envelope, Purpose.UNSUBSCRIBE))
    sent_to = _sent_to(report, ours, envelope, Purpose.BOUNCE)
    named = list(_identified(report, ours))
    # A link is long, and is damaged on its way sooner than forged: beside other marks that does not matter.
    alone = not sent_to and not named
    linked = [one for one in _linked(report.unsubscribe, ours) if one.is_proved or alone]
    marks = [*sent_to, *named, *linked]
    if report.kind is Kind.COMPLAINT:
        # What is blacked out in part looks forged. No complaint shall be lost by that.
        marks = [one for one in marks if one.is_proved] or list(_in_text(raw, ours))
    agreed = _agreed(marks)
    # A link stands in what readers pass on: who has it may complain or leave, but cannot tell what came back.
    return NOBODYS if report.kind is Kind.BOUNCE and agreed.proof is Proof.LINK else agreed


def _sent_to(report: Report, ours: Ours, envelope: Sequence[str], purpose: Purpose) -> list[Claim]:
    for addresses in (envelope, report.sent_to):
        read = (verp.read(address, ours.permanent_key) for address in addresses)
        if marks := [_of(mark, Proof.VERP) for mark in read if mark and mark.purpose is purpose]:
            return marks
    return []


def _of(mark: verp.Mark | Forged, proof: Proof) -> Claim:
    if isinstance(mark, Forged):
        return _FORGED
    return Claim(
        proof=proof,
        issue_id=mark.issue_id,
        subscriber_id=mark.subscriber_id,
        address_version=mark.address_version,
    )


def _identified(report: Report, ours: Ours) -> Iterator[Claim]:
    for text in (report.delivery, report.message_id):
        if found := read_message_id(text, ours.permanent_key):
            yield Claim(proof=Proof.MESSAGE, issue_id=found[0], subscriber_id=found[1])
        elif _ISSUED_ID.fullmatch(text.strip().lower()):
            yield _FORGED


def _linked(value: str, ours: Ours) -> Iterator[Claim]:
    """Read a List-Unsubscribe. A token that does nothing proves nothing, and is none the worse for that."""
    for found in _LINK.finditer(value):
        link = _link(found["token"], ours)
        if link is None and found[0].startswith(f"{ours.public_url.rstrip('/')}/u/"):
            yield _FORGED
        elif link and link.kind is LinkKind.UNSUBSCRIBE:
            yield _of_link(link)
    for found in _MAILTO.finditer(value):
        mark = verp.read(unquote(found["address"]), ours.permanent_key)
        if mark and mark.purpose is Purpose.UNSUBSCRIBE:
            yield _of(mark, Proof.LINK)


def _in_text(raw: bytes, ours: Ours) -> Iterator[Claim]:
    """Find marks of ours anywhere in a mail; what is none is no forgery either."""
    # Soft line breaks of quoted-printable may stand in a link (RFC 2045 6.7).
    text = raw.replace(b"=\r\n", b"").replace(b"=\n", b"")
    for found in islice(_TOKEN_IN_TEXT.finditer(text), SEARCHED):
        link = _link(found[1].decode(), ours)
        if link and link.kind is LinkKind.UNSUBSCRIBE:
            yield _of_link(link)
    for found in islice(_ADDRESS_IN_TEXT.finditer(text), SEARCHED):
        mark = verp.read(found[0].decode(), ours.permanent_key)
        if mark and not isinstance(mark, Forged):
            yield _of(mark, Proof.VERP)


def _link(token: str, ours: Ours) -> Link | None:
    try:
        return links.read(token, ours.keys)
    except TokenError:
        return None


def _of_link(link: Link) -> Claim:
    return Claim(
        proof=Proof.LINK,
        issue_id=link.issue_id,
        subscriber_id=link.subscriber_id,
        address_version=link.address_version,
    )


def _agreed(marks: Sequence[Claim]) -> Claim:
    """Give what all marks say together; nothing where one of them is not ours, or they differ."""
    if not marks:
        return NOBODYS
    if not all(one.is_proved for one in marks):
        return _FORGED
    readers = {one.subscriber_id for one in marks}
    issues = {one.issue_id for one in marks if one.issue_id}
    versions = {one.address_version for one in marks if one.address_version is not None}
    if max(map(len, (readers, issues, versions))) > 1:
        return _CONTRADICTORY
    return Claim(
        proof=marks[0].proof,
        issue_id=next(iter(issues), 0),
        subscriber_id=marks[0].subscriber_id,
        address_version=next(iter(versions), None),
    )
