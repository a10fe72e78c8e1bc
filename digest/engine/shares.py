"""Shares the connections among the issues, and gathers what a tick has to do. Values in, values out."""

from collections import deque
from collections.abc import Iterable

from digest import address
from digest.delivery.domains import Domains
from digest.engine.job import OpenBatch, Running
from digest.store.ledger import Row
from digest.store.tick import Turn

Claims = dict[int, dict[int, list[Row]]]
"""Rows to claim, by issue and batch."""


def claims(jobs: Iterable[Running], room: int, domains: Domains, now: float) -> Claims:
    """Take rows from the queues, as many as fit: the issues share, each one's batches go in order.

    A row whose recipient's domain is to be spared is parked, and lets the others pass. `now` is in seconds of
    the clock that `domains` goes by.
    """
    chosen: Claims = {}
    waiting = [running for running in jobs if running.queued or running.waiting] if room else []
    # Whoever has least on the wire is first; where it is one connection that they share, they take turns.
    waiting.sort(key=lambda running: (running.on_wire, running.served))
    turn = max((running.served for running in waiting), default=0) + 1
    while room and waiting:
        able = []
        for place, running in enumerate(waiting):
            share = -(-room // (len(waiting) - place))
            mine = chosen.setdefault(running.job.issue.id, {})
            taken = _claim(running, share, mine, domains, now)
            if taken:
                running.served = turn
                room -= taken
            if taken == share:
                able.append(running)
        # What some did not need is shared among the others.
        waiting = able
    return {issue_id: mine for issue_id, mine in chosen.items() if mine}


def _claim(running: Running, count: int, mine: dict[int, list[Row]], domains: Domains, now: float) -> int:
    left = count
    for domain, parked in running.parked.items():
        while left and parked and domains.admits(domain, now):
            batch, row = parked.popleft()
            batch.parked -= 1
            domains.took(domain, now)
            mine.setdefault(batch.batch.seq, []).append(row)
            left -= 1
    for seq, batch in sorted(running.batches.items()):
        if not left or not running.claiming:
            break
        rows = _admitted(running, batch, left, domains, now) if domains else _first(batch.queue, left)
        if rows:
            mine.setdefault(seq, []).extend(rows)
            left -= len(rows)
    return count - left


def _first(queue: deque[Row], count: int) -> list[Row]:
    return [queue.popleft() for _ in range(min(count, len(queue)))]


def _admitted(running: Running, batch: OpenBatch, count: int, domains: Domains, now: float) -> list[Row]:
    rows: list[Row] = []
    while batch.queue and len(rows) < count:
        row = batch.queue.popleft()
        domain = address.domain(row.recipient.email)
        if domains.admits(domain, now):
            domains.took(domain, now)
            rows.append(row)
        else:
            batch.parked += 1
            running.parked.setdefault(domain, deque()).append((batch, row))
    return rows


def put_off(running: Running, most: int) -> OpenBatch | None:
    """Close a batch in which all rows wait for their domains, so that another can be opened instead.

    `most` is how many may be open. None where that is not needed, or would bring nothing new.
    """
    fresh = any(seq not in running.put_off for seq in running.upcoming)
    if running.queued or len(running.batches) < most or not fresh:
        return None
    parked = [one for one in running.batches.values() if one.parked and not one.results and not one.on_wire]
    if not parked:
        return None
    batch = max(parked, key=lambda one: one.parked)
    forget(running, batch)
    running.put_off.add(batch.batch.seq)
    running.upcoming.append(batch.batch.seq)
    del running.batches[batch.batch.seq]
    return batch


def forget(running: Running, batch: OpenBatch) -> None:
    """Drop what is left of a batch."""
    batch.queue.clear()
    batch.parked = 0
    for domain, parked in running.parked.items():
        running.parked[domain] = deque((its, row) for its, row in parked if its is not batch)


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
