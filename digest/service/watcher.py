"""Tells what the ledger shows: how issues ended, which are held, and which are sent too slowly.

It looks at the ledger and not at what this process did, so that a restart hides nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.alerts import Alerts
from digest.desk import Desk
from digest.model import Issue, IssueState
from digest.publish.report import report
from digest.store import issues, watch

OPEN = (IssueState.FROZEN, IssueState.SENDING)

STALLED = timedelta(minutes=30)
"""An issue that waits for its readers, of whom none was settled for so long, has stalled."""

LATEST = timedelta(days=1)
"""An end that nobody was told of for longer than this is no news any more."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the ledger found: ends to report, open issues, and which of these have not begun."""

    ended: list[Issue]
    unfinished: list[Issue]
    untried: frozenset[int]
    """Issues in which readers wait for a first attempt though time is up."""


class Watcher:
    """Looks at the ledger with an operator's eyes. `quiet_since` says when an open issue last moved."""

    def __init__(self, desk: Desk, alerts: Alerts, quiet_since: Callable[[Issue], datetime]) -> None:
        self._desk, self._alerts, self._quiet_since = desk, alerts, quiet_since

    async def once(self) -> None:
        """Report what has ended, and tell what is held, slow or stalled."""
        now = self._desk.clock()
        seen = await asyncio.to_thread(self._see, now)
        for issue in seen.ended:
            subject, text = await asyncio.to_thread(report, self._desk, issue)
            if issue.reached:
                await self._alerts.report(subject, text, now)
            else:
                await self._alerts.alert(
                    f"nobody:{issues.name(issue)}:{issue.finished_at}", subject, text, now
                )
        for issue in seen.unfinished:
            await self._tell_if_held(issue, now)
            await self._tell_if_slow(issue, now, waits=issue.id in seen.untried)

    def _see(self, now: datetime) -> Seen:
        with self._desk.store.read() as session:
            unfinished = issues.unfinished(session)
            late = [one for one in unfinished if self._next_slot(one, now) or self._is_quiet(one, now)]
            return Seen(
                ended=watch.unreported(session, now - LATEST),
                unfinished=unfinished,
                untried=frozenset(one.id for one in late if watch.untried(session, one.id)),
            )

    def _is_quiet(self, issue: Issue, now: datetime) -> bool:
        return issue.state in OPEN and now - self._quiet_since(issue) >= STALLED

    def _next_slot(self, issue: Issue, now: datetime) -> str:
        """Give the name of a later slot of the same newsletter that is due; empty where there is none."""
        for newsletter in self._desk.settings.newsletter:
            if newsletter.name == issue.newsletter and issue.state in OPEN:
                latest = self._desk.schedule(newsletter).latest(now)
                return latest.name if latest is not None and latest.instant > issue.due_at else ""
        return ""

    async def _tell_if_held(self, issue: Issue, now: datetime) -> None:
        name = issues.name(issue)
        # What an operator holds, an operator knows.
        if issue.state is IssueState.HELD and issue.hold_code != "operator":
            await self._alerts.alert(f"held:{name}", f"{name} is held", f"{issue.reason}.", now)
        else:
            self._alerts.over(f"held:{name}")

    async def _tell_if_slow(self, issue: Issue, now: datetime, *, waits: bool) -> None:
        name, remedy = issues.name(issue), f"see digest issues show {issue.slot}, and digest doctor relay"
        if waits and (later := self._next_slot(issue, now)):
            text = f"{name} still has readers who wait for it, though {later} is due: {remedy}."
            await self._alerts.alert(f"slow:{name}", f"{name} is slow", text, now)
        if self._is_quiet(issue, now) and (waits or not issue.reached):
            since = f"{self._quiet_since(issue):%Y-%m-%d %H:%M} UTC"
            text = f"Nothing of {name} has been accepted or refused since {since}: {remedy}."
            await self._alerts.alert(f"stalled:{name}", f"{name} has stalled", text, now)
        else:
            self._alerts.over(f"stalled:{name}")
