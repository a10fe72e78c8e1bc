"""`digest send --extra`: a mail outside of the schedule in the operator's own words, such as a correction."""

import asyncio
import secrets
import sys
from dataclasses import dataclass

from digest.cli import output
from digest.cli.instead import Made, mail_test, rehearsal, show
from digest.cli.sending import deliver, frozen, held
from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import waits_for_check
from digest.errors import IssueError, SenderBusyError, UsageError
from digest.model import Issue, IssueState, Rendering
from digest.publish.extra import draft_extra, find_extra, local_day
from digest.publish.letter import checked_subject, letter
from digest.publish.report import counts
from digest.store import issues

FIXED = (IssueState.FROZEN, IssueState.SENDING)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command was asked to do. Without `subject` and `body` it goes on with what was begun."""

    newsletter: Newsletter
    name: str
    subject: str
    body: str
    dry_run: bool
    to: tuple[str, ...]
    yes: bool
    wait: bool


async def send_extra(desk: Desk, wanted: Wanted) -> None:
    """Send an extra to everybody who is subscribed. A second call of its name finds it sent, or goes on."""
    issue, stored = await asyncio.to_thread(find_extra, desk, wanted.newsletter, wanted.name)
    if issue is not None and issue.state is IssueState.SENT and not wanted.to:
        output.say(
            f"{issues.name(issue)} is sent: {counts(desk, issue).accepted} accepted. Nobody was mailed again."
        )
        return
    if issue is not None and not (wanted.to or wanted.dry_run):
        _refuse_ended(issue)
    if issue is None or issue.state not in FIXED or wanted.to or wanted.dry_run:
        issue = await _prepare(desk, wanted, issue, stored)
    if issue is not None:
        await _deliver(desk, wanted, issue)


def _refuse_ended(issue: Issue) -> None:
    if issue.state is IssueState.CANCELLED:
        raise IssueError(f"{issues.name(issue)} was cancelled ({issue.reason}): take another name.")
    if issue.state is IssueState.HELD and not waits_for_check(issue):
        raise IssueError(held(issue))


async def _prepare(desk: Desk, wanted: Wanted, issue: Issue | None, stored: Rendering | None) -> Issue | None:
    """Render it, and do what needs no freezing; None where that was all."""
    rendering = _rendered(desk, wanted, stored)
    day = local_day(wanted.newsletter, desk)
    made = Made(
        newsletter=wanted.newsletter,
        slot=issue.slot if issue else day.isoformat(),
        name=issues.name(issue) if issue else f"{wanted.newsletter.name} ({wanted.name})",
        rendering=rendering,
        articles="none: your own words",
    )
    if wanted.to:
        await mail_test(desk, made, wanted.to)
        return None
    if desk.settings.is_rehearsal and not wanted.dry_run:
        await asyncio.to_thread(rehearsal, desk, made)
        return None
    show(desk, made)
    if wanted.dry_run:
        output.say()
        output.say(wanted.body.strip() or "Its words are those that it was begun with.")
        output.say()
        output.say("Nobody was mailed.")
        return None
    approved = issue is not None and IssueState.APPROVED in (issue.state, issue.held_from)
    unapproved = wanted.newsletter.approval == "required" and not approved
    if not unapproved and sys.stdin.isatty() and sys.stderr.isatty():
        output.confirm("Send it?", yes=wanted.yes)
    if wanted.body or issue is None:
        issue = await asyncio.to_thread(draft_extra, desk, wanted.newsletter, wanted.name, rendering)
    if unapproved:
        raise IssueError(
            f"{issues.name(issue)} waits for an editor: `digest issues approve {issue.slot}`, "
            f"then `digest send --extra {wanted.name}`."
        )
    return issue


def _rendered(desk: Desk, wanted: Wanted, stored: Rendering | None) -> Rendering:
    if not wanted.body and not wanted.subject:
        if stored is None:
            raise UsageError("An extra needs words: --subject and --body, a file of plain text.")
        return stored
    if not wanted.body or not wanted.subject:
        raise UsageError("An extra needs both --subject and --body.")
    return letter(
        desk,
        wanted.newsletter,
        local_day(wanted.newsletter, desk),
        subject=checked_subject(wanted.subject),
        body=wanted.body,
        nonce=stored.nonce if stored else secrets.token_hex(8),
        issue=wanted.name,
    )


async def _deliver(desk: Desk, wanted: Wanted, issue: Issue) -> None:
    """Freeze it here and send it here, or leave it to the service that is sending from this database."""
    if issue.state in FIXED and wanted.body:
        output.tell(f"{issues.name(issue)} goes on as it was begun; --subject and --body are not looked at.")
    issue = await frozen(desk, wanted.newsletter, issue)
    try:
        await deliver(desk, wanted.newsletter, issue, wait=wanted.wait)
    except SenderBusyError:
        output.say(
            f"{issues.name(issue)} is ready for {output.counted(issue.audience, 'reader')}. Another process "
            "sends from here: if it is `digest run`, it begins with this in a moment "
            f"(`digest issues show {issue.slot} --watch`); else run this again once it has ended."
        )
