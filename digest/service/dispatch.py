"""Sees to it that open issues are sent, by one sender for all of them, and that their ends are told."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from digest.alerts import Alerts
from digest.desk import Desk
from digest.engine.sender import Sender
from digest.model import Issue, IssueState
from digest.publish import job
from digest.publish.report import report
from digest.publish.send import sender
from digest.store import issues, ledger

log = structlog.get_logger()


class Dispatch:
    """The sending side of the service. `wake` is called when a run of the sender has ended."""

    def __init__(self, desk: Desk, alerts: Alerts, *, wake: Callable[[], None]) -> None:
        self._desk, self._alerts, self._wake = desk, alerts, wake
        self._sender: Sender | None = None
        self._sending: asyncio.Task[None] | None = None
        self._watched: set[int] = set()
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing new."""
        self._stopping = True
        if self._sender is not None:
            self._sender.stop()

    async def drained(self) -> None:
        """Wait until the relay has answered for everything on the wire."""
        if self._sending is not None:
            await self._sending

    async def send_open(self) -> None:
        """Hand every open issue that has something due to the sender of this process."""
        if self._sending is not None and self._sending.done():
            ended, self._sending, self._sender = self._sending, None, None
            await ended
        if self._desk.settings.is_rehearsal or self._stopping:
            return
        now = self._desk.clock()
        for issue in await asyncio.to_thread(self._open_issues, now):
            self._watched.add(issue.id)
            await self._tell_if_slow(issue, now)
            if self._sender is not None and self._sender.has(issue.id):
                continue
            one = await asyncio.to_thread(job, self._desk, issue)
            if self._sender is None or not await self._sender.add(one):
                if self._sending is not None:
                    await self._sending
                self._sender = sender(self._desk)
                self._sending = asyncio.create_task(self._sender.run([one]), name="sending")
                self._sending.add_done_callback(lambda _: self._wake())

    async def _tell_if_slow(self, issue: Issue, now: datetime) -> None:
        newsletter = self._desk.settings.newsletter_named(issue.newsletter)
        latest = self._desk.schedule(newsletter).latest(now)
        if latest is not None and latest.instant > issue.due_at:
            name = issues.name(issue)
            text = (
                f"{name} is still being sent though {latest.name} is due: see digest issues show {issue.slot}"
            )
            await self._alerts.alert(f"slow:{name}", f"{name} is slow", text, now)

    def _open_issues(self, now: datetime) -> list[Issue]:
        with self._desk.store.read() as session:
            return [
                issue
                for issue in issues.unfinished(session)
                if issue.state in {IssueState.FROZEN, IssueState.SENDING}
                and ((due := ledger.next_due(session, issue.id)) is None or due <= now)
            ]

    async def report_ended(self) -> None:
        """Tell how the issues ended that were being sent."""
        now = self._desk.clock()
        for issue_id in tuple(self._watched):
            with self._desk.store.read() as session:
                issue = issues.get(session, issue_id)
            if issue.state is IssueState.SENT:
                await self._alerts.report(*report(self._desk, issue), now)
            elif issue.state is IssueState.HELD:
                name = issues.name(issue)
                await self._alerts.alert(f"held:{name}", f"{name} is held", f"{issue.reason}.", now)
            if issue.state not in {IssueState.FROZEN, IssueState.SENDING}:
                self._watched.discard(issue_id)
