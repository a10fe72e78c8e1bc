"""Sees to it that open issues are sent, by one sender for all of them."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from digest.alerts import CALM, Alerts
from digest.desk import Desk
from digest.engine.job import Job
from digest.engine.sender import Progress, Sender
from digest.errors import IssueError
from digest.model import Issue, IssueState
from digest.publish import job
from digest.publish.send import sender
from digest.store import issues, ledger

log = structlog.get_logger()


class Dispatch:
    """The sending side of the service. `wake` is called when a run of the sender has ended."""

    def __init__(self, desk: Desk, alerts: Alerts, *, wake: Callable[[], None]) -> None:
        self._desk, self._alerts, self._wake = desk, alerts, wake
        self._sender: Sender | None = None
        self._sending: asyncio.Task[None] | None = None
        self._moved: dict[int, datetime] = {}
        self._ended: dict[int, int] = {}
        self._moving: set[int] = set()
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing new."""
        self._stopping = True
        if self._sender is not None:
            self._sender.stop()

    async def drained(self) -> None:
        """Wait until nothing is being sent; after a stop: until the relay has answered for what is out."""
        ended, before = self._sending, self._sender
        self._sending, self._sender = None, None
        try:
            if ended is not None:
                await ended
        finally:
            await self._tell_of_relays(before)

    async def send_open(self) -> None:
        """Hand every open issue that has something due to the sender of this process."""
        if self._sending is not None and self._sending.done():
            await self.drained()
        if self._desk.settings.is_rehearsal:
            return
        open_issues, due = await asyncio.to_thread(self._open_issues)
        now = self._desk.clock()
        self._moved = {issue.id: self._moved.get(issue.id, now) for issue in open_issues}
        self._moving &= self._moved.keys()
        for issue in due:
            if self._sender is None or not self._sender.has(issue.id):
                async with self._alerts.guard(f"sending {issues.name(issue)}", self._desk.clock):
                    await self._send(issue)
        await self._tell_of_relays(self._sender)
        # What is not due any more fails no more.
        tried = tuple(f"trouble:sending {issues.name(issue)}:" for issue in due)
        await self._alerts.end("trouble:sending ", now, but=lambda key: key.startswith(tried), calm=CALM)

    def quiet_since(self, issue: Issue) -> datetime:
        """Give when a delivery of an open issue last became final, as far as this process knows."""
        return self._moved.get(issue.id, self._desk.clock())

    def has_moved(self, issue: Issue) -> bool:
        """Say whether this process has seen a delivery of an open issue become final."""
        return issue.id in self._moving

    async def _tell_of_relays(self, sender: Sender | None) -> None:
        """Tell of relays that are left out while others send, and of those that are back."""
        if sender is None:
            return
        now, back = self._desk.clock(), {f"relay:{name}" for name in sender.sound}
        for name, reason in sender.left_out.items():
            text = (
                f"{reason}. The others send what it would have taken, and it is tried again by itself. "
                "`digest doctor relay` asks each one."
            )
            await self._alerts.alert(f"relay:{name}", f"The relay {name} is left out", text, now)
        await self._alerts.end("relay:", now, but=lambda key: key not in back)

    async def _send(self, issue: Issue) -> None:
        if self._stopping:
            return
        try:
            one = await asyncio.to_thread(job, self._desk, issue)
        except IssueError as error:
            # Held or ended between the look and now.
            log.info("issue.overtaken", newsletter=issue.newsletter, slot=issue.slot, reason=str(error))
            return
        if self._sender is None or not await self._sender.add(one):
            await self.drained()
            self._start(one)

    def _start(self, one: Job) -> None:
        # A stop may have come while the job was made; a sender that starts now would never hear of it.
        if not self._stopping:
            self._ended = {}
            self._sender = sender(self._desk, on_progress=self._note)
            self._sending = asyncio.create_task(self._sender.run([one]), name="sending")
            self._sending.add_done_callback(lambda _: self._wake())

    def _note(self, progress: Progress) -> None:
        # It comes with every tick, also with those that only claim, or find that the relay is in trouble.
        ended = progress.accepted + progress.settled
        if ended and self._ended.get(progress.issue_id) != ended:
            self._ended[progress.issue_id] = ended
            self._moved[progress.issue_id] = self._desk.clock()
            self._moving.add(progress.issue_id)

    def _open_issues(self) -> tuple[list[Issue], list[Issue]]:
        """Give the issues that are frozen or being sent, and those of them that have something due."""
        now = self._desk.clock()
        states = {IssueState.FROZEN, IssueState.SENDING}
        with self._desk.store.read() as session:
            found = [issue for issue in issues.unfinished(session) if issue.state in states]
            at = {issue.id: ledger.next_due(session, issue.id) for issue in found}
        return found, [issue for issue in found if (at[issue.id] or now) <= now]
