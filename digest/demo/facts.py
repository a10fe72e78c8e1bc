"""Checks the demo's promises against what the relay caught, and not only against the ledger's word. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from digest.demo.report import Edition, Killing, Reader, Report


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


def facts_of_killing(killing: Killing) -> list[Fact]:
    """Give every fact that a kill -9 in mid-send has to show."""
    killed, ended = killing.killed, killing.edition.counts
    due, got = {reader.email for reader in killing.readers}, {one.recipient for one in killing.caught}
    lost, copies = len(due - got), len(killing.caught) - len(got)
    strange = sum(len(set(ids)) > 1 for ids in killing.doubled.values())
    moments = (killing.frozen, killed, ended)
    unbalanced = [str(counts) for counts in moments if counts.total != killing.edition.audience]
    few = copies <= killed.submitting <= killing.connections
    return [
        Fact(
            claim=f"Lost: 0. Each of the {len(due):,} readers got the issue",
            found=f"{lost:,} did not" if lost else "",
        ),
        Fact(
            claim=f"Mailed twice: {copies:,}, not more than the {killed.submitting} that were on the wire",
            found="" if few else f"{copies:,} second copies, {killing.connections} connections",
        ),
        Fact(
            claim="Every second copy has the Message-ID of the first",
            found=f"in {strange:,} cases it is another" if strange else "",
        ),
        Fact(
            claim=f"The ledger marked the {killed.submitting} as doubtful, and nobody else",
            found="" if ended.doubtful == killed.submitting else f"it marked {ended.doubtful:,}",
        ),
        Fact(
            claim="Before the kill, after it and in the end the states add up to the audience",
            found="; ".join(unbalanced),
        ),
        Fact(
            claim="In the end the relay has taken every message",
            found="" if ended.accepted == len(due) else f"{ended.accepted:,} were accepted",
        ),
    ]
