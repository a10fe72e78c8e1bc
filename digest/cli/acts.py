"""What can be done to an issue: approve, hold, resume, cancel, retry."""

from typing import Annotated

import typer

from digest.cli import which
from digest.cli.context import open_desk
from digest.cli.output import confirm, counted, say
from digest.desk import Desk
from digest.errors import UsageError
from digest.model import DeliveryState, Issue, IssueState
from digest.store import issues, ledger, revisions

Slot = Annotated[
    str,
    typer.Argument(help="As 2026-11-24T07:00, or a date that has one.", show_default="the only one it suits"),
]
Newsletter = Annotated[
    str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for act in (approve, hold, resume, cancel, retry):
        group.command()(act)


def approve(ctx: typer.Context, slot: Slot = "", newsletter: Newsletter = "") -> None:
    """Approve a draft: what it says now is what will be sent.

    Example: `digest issues approve 2026-11-24T07:00`
    """
    with open_desk(ctx) as desk, desk.store.write() as session:
        issue = which.issue(session, slot, newsletter, suits=(IssueState.DRAFT,))
        issues.approve(session, issue, desk.clock())
        then = "goes out at its slot" if issue.extra is None else f"{_command(desk, issue)} sends it"
    say(
        f"{issues.name(issue)} is approved as it is now, and {then}. "
        f"`digest preview --slot {issue.slot}` shows it."
    )


def hold(
    ctx: typer.Context,
    slot: Slot = "",
    newsletter: Newsletter = "",
    reason: Annotated[str, typer.Option(help="Why, for those who see it later.")] = "held by hand",
) -> None:
    """Hold an issue; one that is being sent stops within a moment.

    Example: `digest issues hold --reason "the mayor has resigned"`
    """
    with open_desk(ctx) as desk, desk.store.write() as session:
        issue = which.issue(session, slot, newsletter, suits=issues.RUNNING)
        issues.hold(session, issue, "operator", reason, desk.clock())
        fixed = issue.state in revisions.STARTED
    mend = f"`digest issues amend {issue.slot}` gives it other words. " if fixed else ""
    say(f"{issues.name(issue)} is held. {mend}`digest issues resume {issue.slot}` lets it go on.")


def resume(ctx: typer.Context, slot: Slot = "", newsletter: Newsletter = "") -> None:
    """Let a held issue go on from where it was. What held it counts as looked at: an audience, bounces.

    Example: `digest issues resume 2026-11-24T07:00`
    """
    with open_desk(ctx) as desk, desk.store.write() as session:
        issue = which.issue(session, slot, newsletter, suits=(IssueState.HELD,))
        resumed = issues.resume(session, issue, desk.clock(), confirm_audience=True)
    state = resumed.state.value
    say(f"{issues.name(issue)} is {state} again: {_sends(desk, resumed)}")


def cancel(
    ctx: typer.Context,
    slot: Slot = "",
    newsletter: Newsletter = "",
    reason: Annotated[str, typer.Option(help="Why, for those who see it later.")] = "cancelled by hand",
    *,
    yes: Yes = False,
) -> None:
    """End an issue for good. Its articles go into the next one, unless somebody has got it.

    Example: `digest issues cancel 2026-11-24T07:00 --yes`
    """
    with open_desk(ctx) as desk:
        with desk.store.read() as session:
            issue = which.issue(session, slot, newsletter, suits=(*issues.RUNNING, IssueState.HELD))
            open_now = issues.counts(session, issue.id).open
        waiting = f" {counted(open_now, 'reader')} will not get it." if open_now else ""
        confirm(f"Cancel {issues.name(issue)}, which is {issue.state.value}?{waiting}", yes=yes)
        with desk.store.write() as session:
            issues.cancel(session, issue, reason, desk.clock())
            ended = issues.counts(session, issue.id)
    told = f" {ended.accepted:,} had it already, {ended.withdrawn:,} will not get it." if ended.total else ""
    say(f"{issues.name(issue)} is cancelled.{told}")


def retry(
    ctx: typer.Context,
    slot: Annotated[
        str, typer.Argument(help="As 2026-11-24T07:00, or a date.", show_default="the latest")
    ] = "",
    newsletter: Newsletter = "",
    *,
    refused: Annotated[bool, typer.Option("--refused", help="Those that the relay refused.")] = False,
    unknown: Annotated[bool, typer.Option("--unknown", help="Those that may have arrived.")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="Those that were tried too long.")] = False,
) -> None:
    """Make deliveries pending again. Nobody who has left or is suppressed is mailed.

    Example: `digest issues retry 2026-11-24T07:00 --expired`
    """
    wanted = (
        (refused, DeliveryState.REFUSED),
        (unknown, DeliveryState.UNKNOWN),
        (expired, DeliveryState.EXPIRED),
    )
    states = [state for chosen, state in wanted if chosen]
    if not states:
        raise UsageError("Say which deliveries to try again: --refused, --unknown, --expired, or several.")
    with open_desk(ctx) as desk, desk.store.write() as session:
        issue = which.issue(session, slot, newsletter)
        number = ledger.reopen(session, issue, states, desk.clock())
    if number == 0:
        say(f"{issues.name(issue)} has no such deliveries.")
    else:
        many = "delivery is" if number == 1 else "deliveries are"
        then = f"{_command(desk, issue)} or the service sends them"
        if issue.state is IssueState.HELD:
            then = f"`digest issues resume {issue.slot}` lets it go on"
        say(f"{number:,} {many} pending again: {then}.")


def _sends(desk: Desk, issue: Issue) -> str:
    if issue.state not in (IssueState.DRAFT, IssueState.APPROVED):
        return f"{_command(desk, issue)} goes on with it, or the service in a moment."
    if issue.extra is not None:
        return f"{_command(desk, issue)} sends it."
    return f"{_command(desk, issue)} or the service sends it when it is due."


def _command(desk: Desk, issue: Issue) -> str:
    several = f" --newsletter {issue.newsletter}" if len(desk.settings.newsletter) > 1 else ""
    which_one = f"--slot {issue.slot}" if issue.extra is None else f"--extra {issue.extra}"
    return f"`digest send {which_one}{several}`"
