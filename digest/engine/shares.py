"""Shares the connections among the issues, and gathers what a tick has to do. Values in, values out."""

from collections.abc import Iterable

from digest.engine.job import Running
from digest.store.ledger import Row
from digest.store.tick import Turn

Claims = dict[int, dict[int, list[Row]]]
"""Rows to claim, by issue and batch."""


def claims(jobs: Iterable[Running], room: int) -> Claims:
    """Take rows from the queues, as many as fit: the issues share, each one's batches go in order."""
    chosen: Claims = {}
    waiting = [running for running in jobs if running.queued] if room else []
    for place, running in enumerate(waiting):
        share = -(-room // (len(waiting) - place))
        for seq, batch in sorted(running.batches.items()):
            count = min(share, len(batch.queue))
            if count > 0:
                rows = [batch.queue.popleft() for _ in range(count)]
                chosen.setdefault(running.job.issue.id, {})[seq] = rows
                room, share = room - count, share - count
    return chosen


def turns(jobs: Iterable[Running], chosen: Claims) -> dict[int, list[Turn]]:
    """Take the results that came in, and give each batch's part in the next tick, by issue."""
    gathered: dict[int, list[Turn]] = {}
    for running in jobs:
        issue_id = running.job.issue.id
        mine = chosen.get(issue_id, {})
        for seq, batch in running.batches.items():
            if batch.results or seq in mine:
                results, batch.results = batch.results, []
                turn = Turn(batch=batch.batch, results=results, claim=mine.get(seq, ()), cutoff=batch.cutoff)
                gathered.setdefault(issue_id, []).append(turn)
    return gathered


def put_back(running: Running, mine: Iterable[Turn]) -> None:
    """Undo `turns` and `claims` for an issue: its tick did not happen."""
    for turn in mine:
        batch = running.batches[turn.batch.seq]
        batch.results[:0] = turn.results
        batch.queue.extendleft(reversed(turn.claim))
