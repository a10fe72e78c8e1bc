"""Takes in what came back: whose it is, and what that causes. The same twice counts once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog
from sqlmodel import Session

from digest.bounce.parts import READ_OCTETS
from digest.bounce.read import read
from digest.bounce.report import UNKNOWN, Kind, Recipient, Report
from digest.delivery.legible import legible
from digest.desk import Desk
from digest.marks import ABOUT_DELIVERY, Claim, Ours, Proof, claim
from digest.store import consequences, installation, returned
from digest.whose import About, about, act, is_understood

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A mail that came back, or an event of a provider's hook."""

    key: str
    """`sha256:…` of a mail's bytes (`mail_key`), or a provider's name and its event's id: booked once."""
    source: str
    """maildir, imap, pipe, file, lmtp, or the provider's name."""
    raw: bytes
    """As it came; kept for `[bounces] keep_days`."""
    reports: tuple[Report, ...] | None = None
    """What has been read of it; None: it is a mail, and is read here."""
    trusted: bool = False
    """Its provider has proved itself: the address alone is proof enough."""
    sent_to: tuple[str, ...] = ()
    """The envelope's recipients, where the way in knows them: they come before the header's."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it. `effects` are words, one for each address that something was done about."""

    id: int
    kind: Kind
    is_new: bool
    """False where it was booked before: then nothing was done."""
    understood: bool
    """False where a person should look at it."""
    effects: tuple[str, ...]


def mail_key(raw: bytes) -> str:
    """Give the key under which a mail's bytes are booked once."""
    return f"sha256:{sha256(raw).hexdigest()}"


def take_in(desk: Desk, arrival: Arrival) -> Outcome:
    """Book what came back and do what it causes, in one transaction.

    Idempotent by its key: what is booked already changes nothing, so a source is moved or marked only after.
    Blocking. Raises StoreError where the ledger cannot be written; then nothing has changed.
    """
    told_so = (read(arrival.raw),) if arrival.reports is None else arrival.reports
    reports = [_legible(one) for one in told_so]
    first = reports[0] if reports else Report(kind=Kind.NONE, reason=UNKNOWN)
    with desk.store.write() as session:
        booked, is_new = returned.book(
            session,
            key=arrival.key,
            at=desk.clock(),
            source=arrival.source,
            kind=first.kind.value,
            reason=first.reason,
        )
        if is_new:
            _settle(desk, session, booked, arrival, reports)
        told = returned.told(session, booked)
    outcome = Outcome(
        id=booked,
        kind=first.kind,
        is_new=is_new,
        understood=is_understood(first, told),
        effects=tuple(effect for _, effect in told if effect),
    )
    if any(proof is Proof.FORGED for proof, _ in told):
        log.warning("returned.forged", id=booked, source=arrival.source, kind=first.kind.value)
    elif is_new:
        log.info("returned", id=booked, source=arrival.source, kind=first.kind.value, effects=outcome.effects)
    return outcome


def _legible(report: Report) -> Report:
    """Give a report whose words can stand in any database: they are whatever a stranger has written."""
    return replace(
        report,
        reason=legible(report.reason),
        sender=legible(report.sender),
        recipients=tuple(map(_legibly, report.recipients)),
        unnamed=report.unnamed and _legibly(report.unnamed),
    )


def _legibly(one: Recipient) -> Recipient:
    return replace(
        one,
        address=legible(one.address),
        status=legible(one.status),
        reason=legible(one.reason),
        evidence=legible(one.evidence),
    )


def _settle(desk: Desk, session: Session, booked: int, arrival: Arrival, reports: Sequence[Report]) -> None:
    """Find out whose the reports are, do what they cause, and add both to what is booked."""
    ours = Ours(
        public_url=desk.settings.web.public_url,
        keys=desk.keys,
        permanent_key=installation.permanent_key(session),
    )
    raw = arrival.raw[:READ_OCTETS]
    claims = [
        claim(one, ours, envelope=arrival.sent_to, raw=raw, is_trusted=arrival.trusted) for one in reports
    ]
    readers = returned.readers(session, claims, reports)
    told = [
        _do(desk, session, one)
        for report, claimed in zip(reports, claims, strict=True)
        for one in about(
            report,
            claimed,
            reader=readers.by_id.get(claimed.subscriber_id),
            named=readers.by_key,
            is_trusted=arrival.trusted,
            went_to_present=_went_to_present(session, claimed),
        )
    ]
    # Nothing names again whom we have erased.
    returned.fill(session, booked, told, raw=None if readers.erased else raw)


def _went_to_present(session: Session, claimed: Claim) -> bool:
    return claimed.is_proved and returned.went_to_present(session, claimed.subscriber_id, claimed.issue_id)


def _do(desk: Desk, session: Session, one: About) -> tuple[About, str]:
    now = desk.clock()
    if one.proof in {Proof.ADDRESS, Proof.PROVIDER} and one.kind in ABOUT_DELIVERY and one.subscriber_id:
        one = replace(one, issue_id=returned.latest_issue(session, one.subscriber_id, now))
    decided = act(one, by_address=not desk.settings.is_verp)
    names = [newsletter.name for newsletter in desk.settings.newsletter]
    return one, consequences.do(session, decided, one, names, now)
