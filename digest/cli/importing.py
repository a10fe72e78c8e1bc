"""`digest subscribers import`: readers from a file of any length, in constant memory."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import readerfile, takingin
from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, facts, say, table
from digest.cli.progress import progress
from digest.cli.takingin import Import, Tally
from digest.errors import DigestError, UsageError
from digest.imports.programs import PLAIN, PROGRAMS
from digest.store.database import analyze
from digest.store.leavers import Departure
from digest.subscription import Arrival

Source = Enum("Source", {name: name for name in PROGRAMS})  # type: ignore[misc]  # its members are data
"""The programs as the command line knows them."""


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("import")(import_)


def import_(
    ctx: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with a header that names email, or a program's export; - is stdin.",
            show_default=False,
        ),
    ],
    program: Annotated[
        Source | None,
        typer.Option("--from", help="The program whose export it is.", show_default=False),
    ] = None,
    only: Annotated[
        str,
        typer.Option("--list", help="Which of the export's lists, where it has several.", show_default=False),
    ] = "",
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", help="You hold their consent: they get the next issue."),
    ] = False,
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all but write, and show five rows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Take in readers from a CSV file with the columns email and, if you like, name and confirmed_at.

    Whoever has left or is suppressed stays out. Without --confirmed they wait until they confirm. With --from
    the export says who is subscribed and since when; who left, bounced or complained there gets no mail here.
    Example: `digest subscribers import --from mailchimp audience.zip --dry-run`
    """
    name = "stdin" if str(source) == "-" else source.name
    known = PROGRAMS[program.value] if program else PLAIN
    if program and confirmed:
        raise UsageError("--from takes each reader's consent from the export: leave out --confirmed.")
    if only and not known.lists:
        raise UsageError(f"--list is for exports that have several lists, and {known.title} has none.")
    tally = Tally()
    with open_desk(ctx) as desk, readerfile.opened(source, known, only) as people:
        wanted = Import(
            newsletter=desk.settings.newsletter_named(newsletter or None).name,
            consent=f"imported from {known.title}" if program else f"import {name}",
            confirmed=confirmed,
            dry_run=dry_run,
        )
        with progress("Importing", people.lines) as advance:
            takingin.take_in(desk, people, wanted, tally, advance)
        if not dry_run and tally.readable > tally.refused + tally.unchanged:
            analyze(desk.store)
    if as_json:
        emit_json(_told(tally, name, wanted, program.value if program else ""))
    else:
        _show(tally, wanted, is_export=program is not None)
    if tally.unreadable and not tally.readable:
        raise DigestError(f"Nothing in {name} could be read.")


def _told(tally: Tally, name: str, wanted: Import, program: str) -> dict[str, object]:
    told: dict[str, object] = {
        "file": name,
        "newsletter": wanted.newsletter,
        "state": "active" if wanted.confirmed or program else "pending",
        "dry_run": wanted.dry_run,
        "rows": tally.readable + tally.unreadable,
        "added": tally.arrived[Arrival.ADDED],
        "updated": tally.arrived[Arrival.UPDATED],
        "unchanged": tally.unchanged,
        "unsubscribed": tally.departed[Departure.UNSUBSCRIBED],
        "suppressed": tally.departed[Departure.SUPPRESSED],
        "refused": tally.refused,
        "reasons": tally.reasons,
    }
    if wanted.dry_run:
        told["examples"] = [
            {
                "line": one.person.line,
                "email": one.person.email,
                "name": one.person.name,
                "becomes": one.becomes,
            }
            for one in tally.examples
        ]
    return told


def _show(tally: Tally, wanted: Import, *, is_export: bool) -> None:
    added = tally.arrived[Arrival.ADDED]
    if wanted.dry_run and tally.examples:
        table(("email", "name", "becomes", "there"), takingin.examples(tally))
        say()
    stopped = (
        ("unsubscribed", tally.departed[Departure.UNSUBSCRIBED]),
        ("suppressed", tally.departed[Departure.SUPPRESSED]),
    )
    facts(
        (
            ("added", added),
            ("updated", tally.arrived[Arrival.UPDATED]),
            ("unchanged", tally.unchanged),
            *(stopped if is_export else ()),
            ("refused", tally.refused),
            *(("", f"{number:,} {reason}") for reason, number in tally.reasons.most_common()),
        )
    )
    if wanted.dry_run:
        say("Nothing was written: this was a dry run.")
    elif added and (wanted.confirmed or is_export):
        say(
            f"{counted(added, 'reader')} more get the next issue of {wanted.newsletter}."
            if is_export
            else f"They are subscribed to {wanted.newsletter} and get its next issue."
        )
    elif added:
        say(
            "They are pending: nobody is mailed before they confirm. "
            "If you hold their consent, import the file again with --confirmed."
        )
