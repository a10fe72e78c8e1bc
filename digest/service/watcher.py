"""Tells what the ledger shows: how issues ended, which are held, and which are sent too slowly.

It looks at the ledger and not at what this process did, so that a restart hides nothing.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from digest.alerts import Alerts, among
from digest.desk import Desk
from digest.model import Issue, IssueState
from digest.publish.report import report, reported
from digest.service.returns import Found, Returns
from digest.store import issues, watch

OPEN = (IssueState.FROZEN, IssueState.SENDING)

STALLED = timedelta(minutes=30)
"""An issue that waits for its readers, of whom none was settled for so long, has stalled."""

LATEST = timedelta(days=1)
"""An end that nobody was told of for longer than this is no news any more."""

KINDS = ("held:", "slow:", "stalled:")
"""How the keys of the troubles begin that an issue may have."""


class Moves(Protocol):
    """What this process knows about how open issues move."""

    def quiet_since(self, issue: Issue) -> datetime:
        """Give when an open issue last moved, as far as this process knows."""

    def has_moved(self, issue: Issue) -> bool:
        """Say whether this process has seen an open issue move."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the ledger found: ends to report, open issues, and which of these have not begun."""

    ended: list[Issue]
    unfinished: list[Issue]
    untried: frozenset[int]
    """Issues in which readers wait for a first attempt though time is up."""


class Watcher:
    """Looks at the ledger with an operator's eyes."""

    def __init__(self, desk: Desk, alerts: Alerts, moves: Moves) -> None:
        self._desk, self._alerts, self._moves = desk, alerts, moves
        self._returns = Returns(desk, alerts)

    async def once(self) -> None:
        """Report what has ended, and tell what is held, slow or stalled, and what is so no longer."""
        now = self._desk.clock()
        # First: what it holds is told with the other holds.
        await self._returns.once(now)
        seen = await asyncio.to_thread(self._see, now)
        for issue in seen.ended:
            subject, text = await asyncio.to_thread(report, self._desk, issue)
            mark = reported(self._desk, issue)
            if issue.reached:
                await self._alerts.report(subject, text, now, mark=mark)
            else:
                key = f"nobody:{issues.name(issue)}:{issue.finished_at}"
                await self._alerts.event(key, subject, text, now, mark=mark)
        found = {one.key: one for issue in seen.unfinished for one in self._troubles(issue, seen, now)}
        for one in found.values():
            if one.text:
                await self._alerts.alert(one.key, one.subject, one.text, now)
        for kind in KINDS:
            await self._alerts.end(kind, now, but=among(found))
        await self._alerts.catch_up(now)

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
        return issue.state in OPEN and now - self._moves.quiet_since(issue) >= STALLED

    def _next_slot(self, issue: Issue, now: datetime) -> str:
        """Give the name of a later slot of the same newsletter that is due; empty where there is none."""
        for newsletter in self._desk.settings.newsletter:
            if newsletter.name == issue.newsletter and issue.state in OPEN:
                latest = self._desk.schedule(newsletter).latest(now)
                return latest.name if latest is not None and latest.instant > issue.due_at else ""
        return ""

    def _troubles(self, issue: Issue, seen: Seen, now: datetime) -> Iterator[Found]:
        """Give the troubles of an issue that is not final."""
        name, remedy = issues.name(issue), f"see digest issues show {issue.slot}, and digest doctor relay"
        # What an operator holds, an operator knows.
        if issue.state is IssueState.HELD and issue.hold_code != "operator":
            text = f"{issue.reason}. `digest issues show {issue.slot}` says more; once it is mended, "
            text += f"`digest issues resume {issue.slot}` lets it go on."
            yield Found(key=f"held:{name}", subject=f"{name} is held", text=text)
        waits = issue.id in seen.untried
        if waits and (later := self._next_slot(issue, now)):
            text = f"{name} still has readers who wait for it, though {later} is due: {remedy}."
            yield Found(key=f"slow:{name}", subject=f"{name} is slow", text=text)
        if self._is_quiet(issue, now) and (waits or not issue.reached):
            since = f"{self._moves.quiet_since(issue):%Y-%m-%d %H:%M} UTC"
            text = f"Nothing of {name} has been accepted or refused since {since}: {remedy}."
            yield Found(key=f"stalled:{name}", subject=f"{name} has stalled", text=text)
        elif issue.state in OPEN and not self._moves.has_moved(issue):
            # A process that has just begun does not know how long it has been so.
            yield Found(key=f"stalled:{name}")
