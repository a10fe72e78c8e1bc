"""Decides whose it is that came back, and what it causes. Values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from digest.address import address_key, domain
from digest.bounce.report import UNKNOWN, Kind, Recipient, Report, Verdict
from digest.marks import ABOUT_DELIVERY, MARKS, Claim, Proof

_PROVED = MARKS | {Proof.PROVIDER}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A subscriber, as far as it has to be known here."""

    id: int
    email: str
    address_version: int = 1


@dataclass(frozen=True, kw_only=True)
class About:
    """One address that a report is about, and whose it is."""

    kind: Kind
    recipient: Recipient
    proof: Proof
    subscriber_id: int | None = None
    """Whose it is; without proof, whose address it names."""
    issue_id: int | None = None
    domain: str = ""
    """Of the address that was written to, as an A-label."""
    is_present: bool = False
    """Whether it is about the address that the reader has now."""
    is_forwarded: bool = False
    """Whether it names another address alone: one to which the reader's own forwards."""
    by_provider: bool = False
    """Whether a mail service tells it that has proved itself."""

    @property
    def is_proved(self) -> bool:
        """Whether it is known whose it is, beyond what anybody may have written."""
        return self.proof in _PROVED


class Act(Enum):
    """What something that came back causes."""

    NOTHING = "nothing"
    SUPPRESS = "suppress"
    """The address is dead."""
    DISABLED = "disabled"
    """Perhaps dead: it is suppressed at the second time, days later."""
    SOFT = "soft"
    COMPLAIN = "complain"
    """The reader leaves everything, and is never mailed again."""
    UNSUBSCRIBE = "unsubscribe"
    """The reader leaves everything."""
    LEAVE = "leave"
    """The reader leaves the newsletter of that issue."""
    REMEMBER = "remember"
    """An address that the reader had before is never mailed again."""
    ASK = "ask"
    """The reader gets the link to the page on which one leaves."""


_SEVERITY = {Verdict.OURS: 0, Verdict.SOFT: 1, Verdict.HARD: 2}
_GONE = "no such address"
_DISABLED = ".2.1"
"""Mailbox disabled, not accepting messages (RFC 3463 3.3)."""


def about(
    report: Report,
    claimed: Claim,
    *,
    reader: Reader | None,
    named: Mapping[str, Reader],
    is_trusted: bool = False,
    went_to_present: bool = False,
) -> tuple[About, ...]:
    """Give the addresses that a report is about, and whose they are.

    `reader` is whom the claim names, None where he was erased; `named` are the subscribers that have the
    addresses which the report names, by `address_key`. `went_to_present` tells of a claim without a version
    whether that issue was mailed after the reader's last change of address.
    """
    if claimed.is_proved:
        proved = _proved(report, claimed, reader, went_to_present=went_to_present)
        return (replace(proved, by_provider=is_trusted),)
    proof = claimed.proof
    told = report.recipients
    wrote = report.kind not in ABOUT_DELIVERY and address_key(report.sender) in named
    if not told and (wrote or proof is not Proof.NOTHING):
        told = (_untold(report),)
    by_name = Proof.PROVIDER if is_trusted else Proof.ADDRESS
    return tuple(
        About(
            kind=report.kind,
            recipient=one,
            proof=by_name if reader is not None and proof is Proof.NOTHING else proof,
            subscriber_id=reader.id if reader else None,
            domain=domain(one.address),
            is_present=reader is not None,
            by_provider=is_trusted,
        )
        for one in told
        for reader in (named.get(address_key(one.address)),)
    )


def _proved(report: Report, claimed: Claim, reader: Reader | None, *, went_to_present: bool) -> About:
    recipient = _theirs(report, reader)
    is_present = reader is not None and (
        claimed.address_version == reader.address_version
        if claimed.address_version is not None
        else reader.address_version == 1 or went_to_present or _is(recipient.address, reader)
    )
    return About(
        kind=report.kind,
        recipient=recipient,
        proof=claimed.proof,
        subscriber_id=claimed.subscriber_id,
        issue_id=claimed.issue_id or None,
        domain=domain(reader.email if reader is not None and is_present else recipient.address),
        is_present=is_present,
        is_forwarded=reader is not None and recipient.address != "" and not _is(recipient.address, reader),
    )


def _theirs(report: Report, reader: Reader | None) -> Recipient:
    """Choose what is said of the reader: by the address, else the mildest, since a message of ours has one.

    Other addresses are those to which the reader's own forwards.
    """
    mine = [one for one in report.recipients if reader is not None and _is(one.address, reader)]
    mildest = sorted(mine or report.recipients, key=lambda one: _SEVERITY[one.verdict])
    return mildest[0] if mildest else _untold(report)


def _untold(report: Report) -> Recipient:
    """Stand in for an address that is not told: in what tells of no delivery, whoever wrote it."""
    if report.kind not in ABOUT_DELIVERY:
        return Recipient(address=report.sender, verdict=Verdict.OURS, reason=report.reason)
    if report.unnamed is not None:
        return report.unnamed
    verdict = Verdict.HARD if report.kind is Kind.COMPLAINT else Verdict.SOFT
    return Recipient(address="", verdict=verdict, reason=report.reason)


def _is(address: str, reader: Reader) -> bool:
    return address_key(address) == address_key(reader.email)


def act(one: About, *, by_address: bool) -> Act:
    """Decide what is done about one address.

    `by_address` is False where each message that could have come back bears a mark: then a bounce without one
    is not about a message of ours.
    """
    if one.kind is Kind.BOUNCE:
        return _bounced(one, by_address=by_address)
    if one.kind is Kind.COMPLAINT:
        return _complained(one)
    if one.kind in {Kind.UNSUBSCRIBE, Kind.NONE}:
        return _wished(one)
    # No vacation note goes to the address for leaving: a mail program has sent a wish, and says that it did.
    is_wish = one.kind is Kind.AUTO_REPLY and one.proof is Proof.VERP and one.is_present
    return Act.LEAVE if is_wish else Act.NOTHING


def _bounced(one: About, *, by_address: bool) -> Act:
    verdict = one.recipient.verdict
    if one.proof is Proof.ADDRESS:
        # Whom we have mailed nothing lately cannot have sent anything back.
        believed = by_address and verdict is Verdict.HARD and one.issue_id is not None
        return Act.DISABLED if believed else Act.NOTHING
    if not one.is_proved or verdict is Verdict.OURS:
        return Act.NOTHING
    if not one.is_present:
        return Act.REMEMBER if verdict is Verdict.HARD and not _is_disabled(one.recipient) else Act.NOTHING
    if verdict is Verdict.SOFT:
        return Act.SOFT
    # Where a forward leads is for the reader to mend, and soon mended.
    return Act.DISABLED if one.is_forwarded or _is_disabled(one.recipient) else Act.SUPPRESS


def _is_disabled(recipient: Recipient) -> bool:
    return "disabled" in recipient.reason or (
        recipient.status.endswith(_DISABLED) and recipient.reason != _GONE
    )


def _complained(one: About) -> Act:
    if one.proof in MARKS or (one.proof is Proof.PROVIDER and one.issue_id is not None):
        return Act.COMPLAIN if one.is_present else Act.REMEMBER
    # Anybody may have written it, or it is about other mail than ours. That ends a subscription at worst, and
    # its reader can undo that.
    return Act.UNSUBSCRIBE if one.proof in {Proof.ADDRESS, Proof.PROVIDER} else Act.NOTHING


def _wished(one: About) -> Act:
    if one.proof is Proof.PROVIDER:
        return Act.UNSUBSCRIBE
    # A mail may say anything, or nothing; but no receipt or report of a machine is a wish.
    says_so = one.kind is Kind.UNSUBSCRIBE or one.recipient.reason == UNKNOWN
    if says_so and one.is_proved and one.is_present:
        return Act.LEAVE
    # A wish without proof changes nobody; at its reader's own address there is soon a link that does.
    return Act.ASK if one.kind is Kind.UNSUBSCRIBE and one.subscriber_id is not None else Act.NOTHING


def is_understood(report: Report, told: Sequence[tuple[Proof, str]]) -> bool:
    """Tell whether nobody has to look at it, by the proofs and effects that the ledger has of it."""
    proofs = {proof for proof, _ in told}
    if Proof.CONTRADICTORY in proofs:
        return False
    if report.kind is Kind.COMPLAINT:
        # One that does nothing, and is nobody's by proof, may still be a reader's.
        return any(effect for _, effect in told) or not _PROVED.isdisjoint(proofs)
    if report.kind in ABOUT_DELIVERY:
        return bool(report.recipients) or proofs - {Proof.NOTHING} != set()
    if report.kind is Kind.UNSUBSCRIBE or report.reason == UNKNOWN:
        return any(effect for _, effect in told) or not MARKS.isdisjoint(proofs)
    return True
