"""`digest issues undelivered`: who did not get an issue, or may have got it twice. In constant memory."""

from collections import Counter
from typing import Annotated

import typer

from digest.cli import which
from digest.cli.context import open_desk
from digest.cli.output import NOTHING, counted, json_text, moment, plain, say, tell
from digest.model import DeliveryState, Issue
from digest.store import issues
from digest.store.undelivered import Undelivered, doubtful, undelivered

EMAIL, STATE, TIME = 32, 9, 22
"""Columns' widths: rows are printed as they come, before the longest is known."""

RETRIED = (DeliveryState.REFUSED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("undelivered")(listed)


def listed(
    ctx: typer.Context,
    slot: Annotated[
        str, typer.Argument(help="As 2026-11-24T07:00, or a date that has one.", show_default="the latest")
    ] = "",
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
    *,
    in_doubt: Annotated[
        bool, typer.Option("--doubtful", help="Tell instead who may have got it twice.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line, for a script.")] = False,
) -> None:
    """Tell who was refused, tried too long, is in doubt, had left, or is tried again later, and why.

    Example: `digest issues undelivered 2026-11-24T07:00`
    """
    found: Counter[DeliveryState] = Counter()
    with open_desk(ctx) as desk, desk.store.read() as session:
        issue = which.issue(session, slot, newsletter)
        for row in (doubtful if in_doubt else undelivered)(session, issue.id):
            found[row.state] += 1
            typer.echo(json_text(_told(row)) if as_json else _line(row, desk.settings.site.timezone))
        open_now = issues.counts(session, issue.id).open
    if as_json:
        return
    if in_doubt:
        _conclude_doubt(issue, found.total())
    elif found:
        number = counted(found.total(), "delivery", "deliveries")
        tell(f"{number} of {issues.name(issue)}.{_remedy(issue, found)}")
    else:
        waiting = f"; {open_now:,} are still to be sent" if open_now else ""
        say(f"{issues.name(issue)} has failed for nobody{waiting}.")


def _conclude_doubt(issue: Issue, number: int) -> None:
    if not number:
        say(f"{issues.name(issue)} has gone to nobody twice.")
        return
    tell(
        f"{counted(number, 'reader')} of {issues.name(issue)} may have got it twice, under one Message-ID: "
        "its connection or its sender was lost before the relay had answered."
    )


def _remedy(issue: Issue, found: Counter[DeliveryState]) -> str:
    """Name the command that tries again what can be: all but those who left, and those who wait anyway."""
    options = [f"--{state.name.lower()}" for state in RETRIED if found[state]]
    several = f" --newsletter {issue.newsletter}"
    return f" `digest issues retry {issue.slot}{several} {' '.join(options)}` tries again." if options else ""


def _told(row: Undelivered) -> dict[str, object]:
    state = row.state.name.lower()
    return {
        "email": row.email,
        "state": state,
        "code": row.code,
        "reply": row.reply,
        "kind": row.kind,
        "when": row.at,
        "next_at": row.next_at,
    }


def _line(row: Undelivered, zone: str) -> str:
    email, reply = plain(row.email) or "(erased)", plain(row.reply or row.kind or NOTHING)
    if row.next_at:
        reply = f"{reply} (again {moment(row.next_at, zone)})"
    return f"{email:<{EMAIL}}  {row.state.name.lower():<{STATE}}  {moment(row.at, zone):<{TIME}}  {reply}"
