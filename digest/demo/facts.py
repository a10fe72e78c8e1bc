"""Checks the demo's promises against what the relay caught, and not only against the ledger's word. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from digest.demo.report import Edition, Reader, Report


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that has to be true. `found` says what was there instead, empty where it holds."""

    claim: str
    found: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        return not self.found


def facts(report: Report) -> list[Fact]:
    """Give every fact that the demo has to show, in the order of its course."""
    first, second, last = report.first, report.second, report.last
    gone = {reader.email for reader in (*report.early, last)}
    stayed = [reader for reader in report.readers if reader.email not in gone]
    return [
        Fact(
            claim=f"{len(report.readers):,} readers got {first.day}’s issue, each exactly once",
            found=_received(report, first, report.readers),
        ),
        Fact(
            claim=f"{len(stayed):,} got {second.day}’s, each exactly once, and nobody who had left",
            found=_received(report, second, stayed),
        ),
        Fact(
            claim=f"{last.name} left when it was queued already: that message was withdrawn",
            found="" if second.counts.withdrawn == 1 else f"{second.counts.withdrawn} were withdrawn",
        ),
        Fact(claim="No story stands in both issues", found=_repeated(first, second)),
        Fact(
            claim="Accepted and withdrawn are the audience, and the relay counted the same",
            found=_miscounted(report),
        ),
    ]


def _received(report: Report, edition: Edition, wanted: Iterable[Reader]) -> str:
    """Say who was mailed an issue other than once each; told apart by the subject that readers see."""
    times = Counter(one.recipient for one in report.caught if one.subject == edition.subject)
    due = {reader.email for reader in wanted}
    faults = {
        "without it": len(due - times.keys()),
        "more than once": sum(count > 1 for count in times.values()),
        "though not among them": len(times.keys() - due),
    }
    return ", ".join(f"{count:,} {fault}" for fault, count in faults.items() if count)


def _repeated(first: Edition, second: Edition) -> str:
    return "; ".join(story for story in second.stories if story in first.stories)


def _miscounted(report: Report) -> str:
    for edition in (report.first, report.second):
        counts = edition.counts
        if counts.accepted + counts.withdrawn != edition.audience:
            return f"{edition.day}: an audience of {edition.audience:,}, but {counts}"
    accepted = report.first.counts.accepted + report.second.counts.accepted
    caught = len(report.caught)
    return "" if caught == accepted else f"{caught:,} were caught, {accepted:,} accepted"
