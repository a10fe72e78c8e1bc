"""One thing that a service tells, and how a failure that it tells is judged."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import structlog

from digest.bounce import judge
from digest.bounce.report import UNKNOWN, Kind, Recipient, Report, Verdict
from digest.hooks.item import Item, UnreadableError

log = structlog.get_logger()

ADDRESS_CHARACTERS = 320
_ID_CHARACTERS = 200
_REASON_CHARACTERS = 100

Headers: TypeAlias = Mapping[str, str]
"""A request's, by name in lower case."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a service tells of one message. `key` is the same however often it is told."""

    key: str
    report: Report
    raw: bytes
    """The event alone, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a service's own class of failures means; no verdict where it leaves that open."""

    verdict: Verdict | None
    reason: str
    is_settled: bool = False
    """Whether the answer that the service quotes says nothing against it."""


def _ours(reason: str) -> Failure:
    return Failure(verdict=Verdict.OURS, reason=reason, is_settled=True)


HARD = Failure(verdict=Verdict.HARD, reason="no such address")
LISTED = Failure(verdict=Verdict.HARD, reason="on the service's list of dead addresses", is_settled=True)
SOFT = Failure(verdict=Verdict.SOFT, reason="temporary trouble")
FULL = Failure(verdict=Verdict.SOFT, reason="mailbox full or unavailable")
OPEN = Failure(verdict=None, reason=judge.NO_REASON)
POLICY = _ours("policy or reputation")
CONTENT = _ours("our content")
TOO_LARGE = _ours("message too large")
OUR_SETUP = _ours("our set-up with the service")


def event(provider: str, told_id: str, report: Report, item: Item) -> Event:
    """Give an event under its service's id for it; where it has none, under its content's hash."""
    raw = item.raw()
    known = told_id if 0 < len(told_id) <= _ID_CHARACTERS else sha256(raw).hexdigest()
    return Event(key=f"{provider}:{known}", report=report, raw=raw)


def each(
    provider: str, told: Iterable[Item], id_name: str, read: Callable[[Item], Report]
) -> Iterator[Event]:
    """Give the events of a batch. What cannot be read of one keeps back none of the others."""
    for one in told:
        try:
            said = read(one)
        except Exception:
            log.exception("hooks.event_failed", service=provider)
            said = Report(kind=Kind.NONE, reason=UNKNOWN)
        try:
            yield event(provider, one.text(id_name), said, one)
        except UnreadableError as exc:
            log.warning("hooks.event_left_out", service=provider, why=str(exc))


def failed(address: str, told: Failure, said: str, status: str = "") -> Recipient:
    """Judge one address's failure by the service's class and by the answer that it quotes.

    A service that calls an address dead is believed, unless the answer speaks of us or of a full mailbox:
    some call every refusal for good so. It is never made worse than the service has it.
    """
    own = judge.of_reply(said, status)
    verdict, reason = told.verdict, told.reason
    if verdict is None:
        verdict, reason = own.verdict, own.reason
    elif not told.is_settled:
        words = judge.of_words(said)
        if own.is_sure and own.verdict is Verdict.OURS:
            verdict, reason = own.verdict, own.reason
        elif words.is_sure and words.verdict is Verdict.SOFT:
            verdict, reason = words.verdict, words.reason
        elif own.is_sure and own.verdict is verdict:
            reason = own.reason
    return Recipient(
        address=address[:ADDRESS_CHARACTERS],
        verdict=verdict,
        status=own.status or status,
        reason=reason,
        evidence=own.evidence[: judge.EVIDENCE_CHARACTERS],
    )


def report(
    meant: Failure | Kind, addresses: Iterable[str], *, reason: str, said: str = "", status: str = ""
) -> Report:
    """Report a failure of some addresses, or something else of that kind about them."""
    whom = [address for address in addresses if address]
    if isinstance(meant, Failure):
        return Report(kind=Kind.BOUNCE, recipients=tuple(failed(one, meant, said, status) for one in whom))
    return Report(kind=meant, reason=reason, recipients=_named(whom, reason, said))


def _named(addresses: Iterable[str], reason: str, evidence: str) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(
            address=address[:ADDRESS_CHARACTERS],
            verdict=Verdict.HARD,
            reason=reason,
            evidence=evidence[: judge.EVIDENCE_CHARACTERS],
        )
        for address in addresses
    )


def unknown(provider: str, told: str) -> Report:
    """Report what we know nothing to do about."""
    return Report(kind=Kind.NONE, reason=f"{provider}: {told or 'of no type'}"[:_REASON_CHARACTERS])
