"""The sender's dealings with the ledger: each method is one short transaction, run in the ledger's thread.

Touches no state of the sender: values go in, values come out.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from digest.delivery.lease import Lease
from digest.engine.job import OpenBatch
from digest.model import Issue, IssueState
from digest.store import issues, leases, ledger, tick
from digest.store.database import Store
from digest.store.ledger import Batch
from digest.store.tick import Ticked, Turn


class Book:
    """The ledger as the sender uses it. `ask` leaves doubtful rows unknown until an operator decides."""

    def __init__(self, store: Store, *, ask: bool) -> None:
        self._store, self._ask = store, ask

    def due(self, issue_id: int, now: datetime) -> list[int]:
        """Give the numbers of an issue's batches that have something to do now."""
        with self._store.read() as session:
            return ledger.due_batches(session, issue_id, now)

    def take(self, wanted: Sequence[tuple[Issue, int]], now: datetime) -> list[OpenBatch]:
        """Take batches, and read their rows."""
        taken = []
        for issue, seq in wanted:
            with self._store.write() as session:
                batch = ledger.take(session, issue, seq, ask=self._ask, now=now)
                cutoff = ledger.epoch(now)
                rows = deque(ledger.rows(session, batch, cutoff))
            taken.append(OpenBatch(batch=batch, cutoff=cutoff, queue=rows))
        return taken

    def tick(self, turns: dict[int, list[Turn]], now: datetime) -> dict[int, Ticked]:
        """Do one tick, for all issues in one transaction."""
        # In the order of their ids, so that two processes never wait for each other's batches.
        parts = sorted(turns.items())
        if all(turn.is_plain for mine in turns.values() for turn in mine):
            with self._store.bare() as hand:
                return {issue_id: tick.plain_tick(hand, issue_id, mine, now) for issue_id, mine in parts}
        with self._store.write() as session:
            return {issue_id: tick.tick(session, issue_id, mine, now) for issue_id, mine in parts}

    def lease(self, wanted: Mapping[str, tuple[int, float]], now: datetime) -> dict[str, Lease]:
        """Lease permits of lines, by name: so many at a rate. The leases are in seconds since the epoch."""
        with self._store.write() as session:
            return {
                name: leases.lease(session, name, rate=rate, want=count, now=now.timestamp())
                for name, (count, rate) in sorted(wanted.items())
            }

    def release(self, batches: Sequence[Batch]) -> list[Batch]:
        """Give batches back; return those that another holds already."""
        with self._store.write() as session:
            return [batch for batch in batches if not ledger.release(session, batch)]

    def stopped(self, issue_ids: Sequence[int]) -> list[int]:
        """Give those issues that are not to be sent any more: held or cancelled by somebody."""
        with self._store.read() as session:
            return [i for i in issue_ids if issues.get(session, i).state is not IssueState.SENDING]

    def finish(self, issue_id: int, hold: tuple[str, str] | None, now: datetime) -> None:
        """Hold an issue for a code and reason, or call it sent if nothing of it is open."""
        with self._store.write() as session:
            issue = issues.get(session, issue_id)
            if hold and issue.state is IssueState.SENDING:
                issues.hold(session, issue, *hold, now)
            elif issue.state in {IssueState.FROZEN, IssueState.SENDING}:
                ledger.finish(session, issue, now)
