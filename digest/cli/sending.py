"""The sending half of `digest send`: freezes, sends with a bar, drains on a signal, and says how it ended."""

import asyncio
import contextlib
from collections import deque
from datetime import datetime, timedelta

from digest.alerts import Alerts
from digest.cli import output
from digest.cli.progress import Sent, sending
from digest.config import Newsletter
from digest.desk import Desk
from digest.engine.sender import Progress, Sender
from digest.errors import DigestError, IssueError
from digest.model import Issue, IssueState
from digest.publish import freeze, send
from digest.publish.report import counts, report, reported
from digest.stopping import on_stop
from digest.store import issues, ledger

RELAY_PATIENCE = timedelta(minutes=1)
"""How long a relay may take nothing before the command gives up and says so."""

LOOK_SECONDS = 1.0
"""How often --wait looks whether somebody has held the issue meanwhile, or made more of it due."""


def held(issue: Issue) -> str:
    """Say that an issue is held, why, and what lifts that."""
    return f"{issues.name(issue)} is held: {issue.reason}. `digest issues resume {issue.slot}` lets it go on."


async def frozen(desk: Desk, newsletter: Newsletter, issue: Issue) -> Issue:
    """Freeze an issue that is not frozen yet. Raises IssueError where a check holds it."""
    if issue.state not in {IssueState.FROZEN, IssueState.SENDING}:
        issue = await freeze(desk, newsletter, issue)
        if issue.state is IssueState.HELD:
            raise IssueError(held(issue))
    return issue


async def deliver(desk: Desk, newsletter: Newsletter, issue: Issue, *, wait: bool) -> None:
    """Freeze what is not frozen, send it, and say how it ended. Alone on this database."""
    with desk.store.sender():
        issue = await _run(desk, await frozen(desk, newsletter, issue), wait=wait)
    if issue.state is IssueState.SENT:
        told, mark = report(desk, issue), reported(desk, issue)
        await Alerts(desk).report(*told, desk.clock(), ping=issue.reached, mark=mark)
    _conclude(desk, issue)


async def _run(desk: Desk, issue: Issue, *, wait: bool) -> Issue:
    """Send what is due; with --wait also what comes due. A signal lets the relay answer for what is out."""
    stopped, senders = asyncio.Event(), deque[Sender](maxlen=1)

    def stop() -> None:
        stopped.set()
        for running in senders:
            running.stop()

    done = _done(desk, issue)
    with sending(issue.audience, done) as bar, on_stop(stop):
        while True:

            def show(run: Progress, before: Sent = done) -> None:
                settled = before.settled + run.accepted + run.settled
                bar(Sent(accepted=before.accepted + run.accepted, settled=settled))

            was = issue
            [issue] = await send(
                desk, [issue], patience=RELAY_PATIENCE, on_progress=show, on_start=senders.append
            )
            if issue.state is not IssueState.SENDING or stopped.is_set():
                break
            now = _done(desk, issue)
            if not _was_let_go_on(desk, was, issue, moved=now.settled > done.settled):
                if not wait:
                    break
                issue = await _until_due(desk, issue, stopped)
                if issue.state is not IssueState.SENDING or stopped.is_set():
                    break
            done = now
    if stopped.is_set() and issue.state is IssueState.SENDING:
        left = counts(desk, issue).open
        still = output.counted(left, "delivery is", "deliveries are")
        raise DigestError(f"Stopped; {still} open, and `digest send` goes on with them.")
    return issue


def _was_let_go_on(desk: Desk, before: Issue, issue: Issue, *, moved: bool) -> bool:
    """Whether it was held and resumed, perhaps amended, while it was sent: then it goes on at once."""
    return issue.revision != before.revision or (moved and _next_due(desk, issue) <= desk.clock())


def _next_due(desk: Desk, issue: Issue) -> datetime:
    with desk.store.read() as session:
        return ledger.next_due(session, issue.id) or desk.clock()


def _done(desk: Desk, issue: Issue) -> Sent:
    counted = counts(desk, issue)
    return Sent(accepted=counted.accepted, settled=counted.total - counted.open)


async def _until_due(desk: Desk, issue: Issue, stopped: asyncio.Event) -> Issue:
    """Wait until something of an issue is due, or this is to stop, or the issue is; give it as it is then."""
    while not stopped.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), LOOK_SECONDS)
        with desk.store.read() as session:
            issue = issues.get(session, issue.id)
        if issue.state is not IssueState.SENDING or _next_due(desk, issue) <= desk.clock():
            break
    return issue


def _conclude(desk: Desk, issue: Issue) -> None:
    ended = counts(desk, issue)
    told = {name: number for name, number in vars(ended).items() if number or name == "accepted"}
    output.facts((name.capitalize(), number) for name, number in told.items())
    if issue.state is IssueState.HELD:
        raise IssueError(held(issue))
    if ended.refused or ended.expired or ended.unknown:
        output.say(f"Who did not get it, and why: digest issues undelivered {issue.slot}")
    if ended.open:
        due = _next_due(desk, issue)
        at = output.moment(due, desk.settings.site.timezone) if due > desk.clock() else "now"
        output.say(
            f"{output.counted(ended.open, 'delivery is', 'deliveries are')} still open, the next due {at}: "
            "`digest run` or another `digest send` goes on."
        )
