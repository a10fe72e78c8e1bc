"""Takes the rows of an import into the ledger, a transaction a chunk, and counts what they came to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from sqlmodel import Session

from digest.cli.output import counted, tell
from digest.cli.progress import Advance
from digest.cli.readerlist import ReaderLists
from digest.cli.readerrow import BadLine, Person
from digest.desk import Desk
from digest.errors import StoreError
from digest.imports.program import STOPPED, Standing
from digest.model import Channel
from digest.store import leavers, subscribers
from digest.store.leavers import Departure, Leaver
from digest.store.subscribers import Newcomer
from digest.subscription import Arrival

CHUNK = 1000
"""Addresses a transaction: short enough that an unsubscribe waits a few milliseconds behind it."""

EXAMPLES = 5
"""How many rows a dry run shows as they would come."""

NEVER_AGAIN = {
    Standing.BOUNCED: "bounced",
    Standing.COMPLAINED: "complained",
    Standing.BLOCKED: "blocked",
}
"""Why an address is suppressed, by how it stood."""


Became: TypeAlias = tuple[Arrival | Departure, str]
"""What a row came to, and why where it was refused."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row as it would come, for a dry run."""

    person: Person
    becomes: str


@dataclass(kw_only=True)
class Tally:
    """What an import came to so far."""

    arrived: Counter[Arrival] = field(default_factory=Counter)
    departed: Counter[Departure] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def readable(self) -> int:
        """How many rows named an address."""
        return self.arrived.total() + self.departed.total()

    @property
    def refused(self) -> int:
        """How many rows were not taken in."""
        return self.arrived[Arrival.REFUSED] + self.unreadable

    @property
    def unchanged(self) -> int:
        """How many said what was known."""
        return self.arrived[Arrival.UNCHANGED] + self.departed[Departure.UNCHANGED]


@dataclass(frozen=True, kw_only=True)
class Import:
    """What an import is to do with its rows."""

    newsletter: str
    consent: str
    """Where the readers are from, as their consent's proof begins."""
    confirmed: bool
    """Whether the operator holds the consent of those whose standing is not said."""
    dry_run: bool = False


def take_in(desk: Desk, people: ReaderLists, wanted: Import, tally: Tally, advance: Advance) -> None:
    """Take everybody in. Raises StoreError, which says how many were kept."""
    rows = _told(people, tally)
    while chunk := list(islice(rows, CHUNK)):
        try:
            with desk.store.write() as session:
                became = _chunk(session, desk, chunk, wanted)
                if wanted.dry_run:
                    session.rollback()
        except StoreError as error:
            raise StoreError(f"{error} {_kept(tally, people.name, chunk[0].line)}") from error
        # What was not committed counts for nothing.
        _count(tally, chunk, became, wanted)
        advance(people.before + chunk[-1].line)


def _count(tally: Tally, chunk: Sequence[Person], became: Sequence[Became], wanted: Import) -> None:
    tally.arrived.update([result for result, _ in became if isinstance(result, Arrival)])
    tally.departed.update([result for result, _ in became if isinstance(result, Departure)])
    for person, (result, reason) in zip(chunk, became, strict=True):
        if result is Arrival.REFUSED:
            tally.reasons[reason] += 1
            tell(f"line {person.line}: {person.email} was refused: {reason}")
    for person, one in zip(chunk[: EXAMPLES - len(tally.examples)], became, strict=False):
        tally.examples.append(Example(person=person, becomes=_word(person, one, wanted)))


def _word(person: Person, became: Became, wanted: Import) -> str:
    """Say what a row becomes: `added, active`."""
    result, reason = became
    if result in (Arrival.ADDED, Arrival.UPDATED):
        return f"{result.value}, {'active' if _is_confirmed(person, wanted) else 'pending'}"
    return f"{result.value}: {reason}" if reason else result.value


def _told(people: ReaderLists, tally: Tally) -> Iterator[Person]:
    """Give the rows that can be used, and tell of the others."""
    for row in people.rows():
        if isinstance(row, Person):
            yield row
            continue
        if not row.quiet:
            tell(f"{_place(people.name, row)}: {row.reason}")
        tally.unreadable += row.lines
        tally.reasons[row.kind] += row.lines


def _place(name: str, row: BadLine) -> str:
    return f"{name}, {row.where}" if name else row.where


def _chunk(session: Session, desk: Desk, chunk: Sequence[Person], wanted: Import) -> list[Became]:
    """Write a chunk, those who come before those who left; give what each became."""
    coming = [person for person in chunk if person.standing not in STOPPED]
    leaving = [person for person in chunk if person.standing in STOPPED]
    newcomers = [_newcomer(person, wanted) for person in coming]
    arrivals = iter(subscribers.add(session, newcomers, desk.clock()) if newcomers else ())
    stopped = [_leaver(person, wanted) for person in leaving]
    departures = iter(leavers.take_out(session, stopped, desk.clock()) if stopped else ())
    return [(next(departures), "") if person.standing in STOPPED else next(arrivals) for person in chunk]


def _is_confirmed(person: Person, wanted: Import) -> bool:
    return wanted.confirmed or person.standing is Standing.READING


def _newcomer(person: Person, wanted: Import) -> Newcomer:
    return Newcomer(
        email=person.email,
        name=person.name,
        newsletter=wanted.newsletter,
        consent=_proof(person, wanted),
        channel=Channel.IMPORT,
        confirmed=_is_confirmed(person, wanted),
        confirmed_at=person.confirmed_at,
    )


def _leaver(person: Person, wanted: Import) -> Leaver:
    return Leaver(
        email=person.email,
        name=person.name,
        newsletter=wanted.newsletter,
        reason=NEVER_AGAIN.get(person.standing, ""),
        evidence=_proof(person, wanted),
        at=person.left_at,
        confirmed_at=person.confirmed_at,
    )


def _proof(person: Person, wanted: Import) -> str:
    return f"{wanted.consent}: {person.said}" if person.said else wanted.consent


def _kept(tally: Tally, name: str, line: int) -> str:
    kept = tally.arrived[Arrival.ADDED] + tally.arrived[Arrival.UPDATED]
    where = f"{name}, line {line}" if name else f"line {line}"
    return (
        f"{counted(kept, 'reader')} from before {where} {'was' if kept == 1 else 'were'} kept. "
        "Mend it and import the same file again: nobody is taken in twice."
    )


def examples(tally: Tally) -> Iterable[tuple[str, str, str, str]]:
    """Give the rows of a dry run for a table: address, name, what it becomes, and why."""
    for one in tally.examples:
        since = f"{one.person.confirmed_at:%Y-%m-%d}" if one.person.confirmed_at else ""
        why = " since ".join(part for part in (one.person.said, since) if part)
        yield one.person.email, one.person.name, one.becomes, why
