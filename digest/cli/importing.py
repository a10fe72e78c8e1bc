"""`digest subscribers import`: a CSV file of any length, in constant memory, a transaction a chunk."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import readerlist
from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, facts, say, tell
from digest.cli.progress import Advance, progress
from digest.cli.readerlist import BadLine, Person
from digest.desk import Desk
from digest.errors import DigestError, StoreError
from digest.model import Channel
from digest.store import subscribers
from digest.store.database import analyze
from digest.store.subscribers import Newcomer
from digest.subscription import Arrival

CHUNK = 1000
"""Addresses a transaction: short enough that an unsubscribe waits a few milliseconds behind it."""


@dataclass(kw_only=True)
class Tally:
    """What an import came to so far."""

    arrived: Counter[Arrival] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0

    @property
    def readable(self) -> int:
        """How many rows named an address."""
        return self.arrived.total()


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("import")(import_)


def import_(
    ctx: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="With a header that names email; - is stdin.", show_default=False
        ),
    ],
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", help="You hold their consent: they get the next issue."),
    ] = False,
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all but write.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Take in readers from a CSV file with the columns email and, if you like, name and confirmed_at.

    Whoever has left or is suppressed stays out. Without --confirmed they wait until they confirm.
    Example: `digest subscribers import readers.csv --confirmed`
    """
    name = "stdin" if str(source) == "-" else source.name
    with open_desk(ctx) as desk, readerlist.opened(source) as people:
        wanted = desk.settings.newsletter_named(newsletter or None).name
        newcomers = _Incoming(newsletter=wanted, consent=f"import {name}", confirmed=confirmed)
        tally = Tally()
        with progress("Importing", people.lines) as advance:
            _take_in(desk, newcomers.of(people.rows(), tally), tally, advance, dry_run=dry_run)
        if not dry_run and tally.arrived[Arrival.ADDED]:
            analyze(desk.store)
    if as_json:
        emit_json(_told(tally, name, wanted, confirmed=confirmed, dry_run=dry_run))
    else:
        _show(tally, wanted, confirmed=confirmed, dry_run=dry_run)
    if tally.unreadable and not tally.readable:
        raise DigestError(f"Nothing in {name} could be read.")


@dataclass(frozen=True, kw_only=True)
class _Incoming:
    """Makes newcomers of a file's people, and tells each line that cannot be read."""

    newsletter: str
    consent: str
    confirmed: bool

    def of(self, rows: Iterable[Person | BadLine], tally: Tally) -> Iterator[tuple[int, Newcomer]]:
        for row in rows:
            if isinstance(row, BadLine):
                tell(f"{row.where}: {row.reason}")
                tally.unreadable += row.lines
                tally.reasons[row.kind] += row.lines
                continue
            yield (
                row.line,
                Newcomer(
                    email=row.email,
                    name=row.name,
                    newsletter=self.newsletter,
                    consent=self.consent,
                    channel=Channel.IMPORT,
                    confirmed=self.confirmed,
                    confirmed_at=row.confirmed_at,
                ),
            )


def _take_in(
    desk: Desk, newcomers: Iterator[tuple[int, Newcomer]], tally: Tally, advance: Advance, *, dry_run: bool
) -> None:
    while chunk := list(islice(newcomers, CHUNK)):
        try:
            with desk.store.write() as session:
                results = subscribers.add(session, [newcomer for _, newcomer in chunk], desk.clock())
                if dry_run:
                    session.rollback()
        except StoreError as error:
            raise StoreError(f"{error} {_kept(tally, chunk[0][0])}") from error
        for (line, newcomer), (arrival, reason) in zip(chunk, results, strict=True):
            tally.arrived[arrival] += 1
            if arrival is Arrival.REFUSED:
                tally.reasons[reason] += 1
                tell(f"line {line}: {newcomer.email} was refused: {reason}")
        advance(chunk[-1][0])


def _kept(tally: Tally, line: int) -> str:
    kept = tally.arrived[Arrival.ADDED] + tally.arrived[Arrival.UPDATED]
    return (
        f"{counted(kept, 'reader')} from before line {line} {'was' if kept == 1 else 'were'} kept. "
        "Mend it and import the same file again: nobody is taken in twice."
    )


def _told(tally: Tally, name: str, newsletter: str, *, confirmed: bool, dry_run: bool) -> dict[str, object]:
    return {
        "file": name,
        "newsletter": newsletter,
        "state": "active" if confirmed else "pending",
        "dry_run": dry_run,
        "rows": tally.readable + tally.unreadable,
        "added": tally.arrived[Arrival.ADDED],
        "updated": tally.arrived[Arrival.UPDATED],
        "unchanged": tally.arrived[Arrival.UNCHANGED],
        "refused": tally.arrived[Arrival.REFUSED] + tally.unreadable,
        "reasons": tally.reasons,
    }


def _show(tally: Tally, newsletter: str, *, confirmed: bool, dry_run: bool) -> None:
    refused = tally.arrived[Arrival.REFUSED] + tally.unreadable
    facts(
        (
            ("added", tally.arrived[Arrival.ADDED]),
            ("updated", tally.arrived[Arrival.UPDATED]),
            ("unchanged", tally.arrived[Arrival.UNCHANGED]),
            ("refused", refused),
            *(("", f"{number:,} {reason}") for reason, number in tally.reasons.most_common()),
        )
    )
    if dry_run:
        say("Nothing was written: this was a dry run.")
    elif tally.arrived[Arrival.ADDED] and confirmed:
        say(f"They are subscribed to {newsletter} and get its next issue.")
    elif tally.arrived[Arrival.ADDED]:
        say(
            "They are pending: nobody is mailed before they confirm. "
            "If you hold their consent, import the file again with --confirmed."
        )
