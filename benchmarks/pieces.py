"""What the splice, a signature and a tick cost by themselves, each in a fresh process and in one thread."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import process
import stand
from process import FailedError, Measured, metered, tell
from steps import Steps

from digest.desk import Desk
from digest.engine.book import Book
from digest.engine.job import OpenBatch
from digest.model import DeliveryState, Issue, IssueState
from digest.store import issues, ledger
from digest.store.tick import Result, Turn

SUBSCRIBERS = 20_000
QUICK_SUBSCRIBERS = 2000
SIGNED = 2000
"""A signature costs as much as dozens of splices."""
KILOBYTES = (5, 30, 60)
TICKS = (1, 10, 50)
"""Rows that a tick records, and as many that it claims."""


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a piece."""
    subscribers = QUICK_SUBSCRIBERS if quick else SUBSCRIBERS
    base = folder / "base"
    stand.write_config(base, port=9, connections=50)
    desk = stand.open_desk(base)
    stand.subscribe(desk, subscribers)
    desk.store.close()
    signed = folder / "signed"
    stand.copy(base, signed, more=stand.signing(signed))
    steps = Steps("pieces", len(KILOBYTES) + 1 + 2 * len(TICKS))
    rows: list[dict[str, Any]] = []

    def measure(name: str, kind: str, room: Path, **task: object) -> None:
        try:
            measured = process.script("pieces.py", kind, folder=room, **task)
        except FailedError as error:
            steps.failed(f"{name}: {error}")
            return
        wall_us = round(1e6 * measured.seconds / measured.messages, 1)
        rows.append({"name": name, "us": wall_us, "cpu_us": round(measured.cpu_us, 1)})
        steps.done(f"{name}: {wall_us:g} µs")

    for kilobytes in KILOBYTES:
        name = f"splice of {kilobytes} kB"
        measure(name, "splice", base, octets=kilobytes * 1000, messages=subscribers)
    messages = min(SIGNED, subscribers)
    measure("splice of 30 kB, signed RSA-2048", "splice", signed, octets=30_000, messages=messages)
    for synchronous in ("FULL", "NORMAL"):
        for size in TICKS:
            room = folder / f"{synchronous}-{size}"
            stand.copy(base, room)
            name = f"a delivery in ticks of {size}, {synchronous}"
            measure(name, "tick", room, messages=subscribers, size=size, synchronous=synchronous)
    return {"rows": rows, "failures": steps.failures}


def splice(folder: str, *, octets: int, messages: int) -> Measured:
    """Make so many messages, one subscriber's after the other."""
    desk = stand.open_desk(Path(folder))
    compose = stand.compose(desk, stand.rendering(desk, octets))
    recipients = [stand.recipient(number + 1) for number in range(messages)]
    now = desk.clock()
    with metered() as meter:
        for recipient in recipients:
            compose(recipient, now)
    desk.store.close()
    return meter.measured(messages)


def tick(folder: str, *, messages: int, size: int, synchronous: str) -> Measured:
    """Claim and record all deliveries of an issue, so many a tick, as if a relay took them at once."""
    desk = stand.open_desk(Path(folder))
    if synchronous == "NORMAL":
        stand.relax(desk.store)
    issue = _sending(desk)
    book = Book(desk.store, ask=False)
    with metered() as meter:
        for batch in _batches(book, desk, issue):
            rows = iter(batch.queue)
            results: list[Result] = []
            while (claim := list(islice(rows, size))) or results:
                turn = Turn(batch=batch.batch, results=results, claim=claim, cutoff=batch.cutoff)
                ticked = book.tick({issue.id: [turn]}, desk.clock())[issue.id]
                results = [
                    Result(subscriber_id=row.recipient.id, state=DeliveryState.ACCEPTED, code=250)
                    for row in ticked.claimed.get(batch.batch.seq, ())
                ]
            book.release([batch.batch])
    with desk.store.read() as session:
        counts = issues.counts(session, issue.id)
    assert counts.accepted == messages, f"{counts}, where {messages} should be accepted"
    desk.store.close()
    return meter.measured(messages)


def _sending(desk: Desk) -> Issue:
    draft, now = stand.draft(desk, 5000), desk.clock()
    with desk.store.write() as session:
        frozen = ledger.freeze(session, draft, now)
        sending = issues.move(session, frozen, IssueState.SENDING, now, allowed=(IssueState.FROZEN,))
    assert sending is not None
    return sending


def _batches(book: Book, desk: Desk, issue: Issue) -> Iterator[OpenBatch]:
    for seq in book.due(issue.id, desk.clock()):
        yield from book.take([(issue, seq)], desk.clock())


def main() -> None:
    """Measure the piece that is asked for."""
    kind, task = sys.argv[1], json.loads(sys.argv[2])
    tell(splice(**task) if kind == "splice" else tick(**task))


if __name__ == "__main__":
    main()
