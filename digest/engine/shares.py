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
    # Whoever has least on the wire is first; where it is one connection that they share, they take turns.
    waiting.sort(key=lambda running: (running.on_wire, running.served))
    turn = max((running.served for running in waiting), default=0) + 1
    while room and waiting:
        for place, running in enumerate(waiting):
            share = min(-(-room // (len(waiting) - place)), running.queued)
            if share:
                _claim(running, share, chosen.setdefault(running.job.issue.id, {}))
                running.served = turn
                room -= share
        # What some did not need is shared among the others.
        waiting = [running for running in waiting if running.queued]
    return chosen


def _claim(running: Running, count: int, mine: dict[int, list[Row]]) -> None:
    for seq, batch in sorted(running.batches.items()):
        taken = min(count, len(batch.queue))
        if taken:
            mine.setdefault(seq, []).extend(batch.queue.popleft() for _ in range(taken))
            count -= taken


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
