"""The sending half of `digest send`: freezes, sends with a bar, drains on a signal, and says how it ended."""

import asyncio
import contextlib
from collections import deque
from datetime import timedelta

from digest.alerts import Alerts
from digest.cli import output
from digest.cli.progress import progress
from digest.config import Newsletter
from digest.desk import Desk
from digest.engine.sender import Progress, Sender
from digest.errors import DigestError, IssueError
from digest.model import Issue, IssueState
from digest.publish import freeze, send
from digest.publish.report import counts, report
from digest.stopping import on_stop
from digest.store import issues, ledger

RELAY_PATIENCE = timedelta(minutes=1)
"""How long a relay may take nothing before the command gives up and says so."""


def held(issue: Issue) -> str:
    """Say that an issue is held, why, and what lifts that."""
    return f"{issues.name(issue)} is held: {issue.reason}. `digest issues resume {issue.slot}` lets it go on."


async def deliver(desk: Desk, newsletter: Newsletter, issue: Issue, *, wait: bool) -> None:
    """Freeze what is not frozen, send it, and say how it ended. Alone on this database."""
    with desk.store.sender():
        if issue.state not in {IssueState.FROZEN, IssueState.SENDING}:
            issue = await freeze(desk, newsletter, issue)
            if issue.state is IssueState.HELD:
                raise IssueError(held(issue))
        issue = await _run(desk, issue, wait=wait)
    if issue.state is IssueState.SENT:
        await Alerts(desk.settings).report(*report(desk, issue), desk.clock())
    _conclude(desk, issue)


async def _run(desk: Desk, issue: Issue, *, wait: bool) -> Issue:
    """Send what is due; with --wait also what comes due. A signal lets the relay answer for what is out."""
    stopped, senders = asyncio.Event(), deque[Sender](maxlen=1)

    def stop() -> None:
        stopped.set()
        for running in senders:
            running.stop()

    with progress("send", issue.audience) as bar, on_stop(stop):
        while True:
            settled = issue.audience - counts(desk, issue).open

            def show(run: Progress, before: int = settled) -> None:
                bar(before + run.accepted + run.settled)

            [issue] = await send(
                desk, [issue], patience=RELAY_PATIENCE, on_progress=show, on_start=senders.append
            )
            if issue.state is IssueState.SENDING and wait and not stopped.is_set():
                await _until_due(desk, issue, stopped)
            else:
                break
    if stopped.is_set() and issue.state is IssueState.SENDING:
        left = counts(desk, issue).open
        raise DigestError(f"Stopped; {left} deliveries are open, and `digest send` goes on with them.")
    return issue


async def _until_due(desk: Desk, issue: Issue, stopped: asyncio.Event) -> None:
    with desk.store.read() as session:
        due = ledger.next_due(session, issue.id)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), max(1.0, (due - desk.clock()).total_seconds()) if due else 1.0)


def _conclude(desk: Desk, issue: Issue) -> None:
    ended = counts(desk, issue)
    told = {name: number for name, number in vars(ended).items() if number or name == "accepted"}
    output.facts((name.capitalize(), number) for name, number in told.items())
    if issue.state is IssueState.HELD:
        raise IssueError(held(issue))
    if ended.refused or ended.expired or ended.unknown:
        output.say(f"Who did not get it, and why: digest issues undelivered {issue.slot}")
    if ended.open:
        with desk.store.read() as session:
            due = ledger.next_due(session, issue.id)
        at = output.moment(due, desk.settings.site.timezone) if due and due > desk.clock() else "now"
        output.say(
            f"{ended.open} deliveries are still open, the next due {at}: "
            "`digest run` or another `digest send` goes on with them."
        )
