"""Two processes on one database: whoever comes second finds what the first did."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
from ledger_scene import (
    NOW,
    SLOT,
    accepted,
    claim_all,
    counts,
    draft,
    due,
    readers,
    sending,
    state,
    take,
    turn,
)
from sqlmodel import Session

from digest.errors import IssueError
from digest.model import Counts, DeliveryState, Issue, IssueState
from digest.store import issues, ledger, subscribers
from digest.store.database import Store
from digest.store.ledger import Batch
from digest.store.subscribers import Newcomer
from digest.store.tick import Result

Act = Callable[[Session], object]


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """The same database, as another process has it."""
    with closing(Store(store.url.render_as_string(hide_password=False))) as second:
        yield second


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do acts in threads that start together; give what each returned or raised."""
    start = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = acts[number]()
        except IssueError as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_two_freezes_an_issue(store: Store, other: Store) -> None:
    readers(store, 50)
    issue = draft(store)

    def freeze(here: Store) -> int:
        with here.write() as session:
            return ledger.freeze(session, issue, NOW).audience

    results = at_once(lambda: freeze(store), lambda: freeze(other))
    assert sorted(isinstance(result, IssueError) for result in results) == [False, True]
    assert counts(store, issue) == Counts(pending=50)


def test_two_who_open_a_slot_find_one_issue(store: Store, other: Store) -> None:
    def open_draft(here: Store) -> int:
        with here.write() as session:
            return issues.open_draft(session, "daily", SLOT, NOW).id

    first, second = at_once(lambda: open_draft(store), lambda: open_draft(other))
    assert first == second
    with store.read() as session:
        assert len(issues.listing(session)) == 1


def test_one_of_two_holders_claims_a_row(store: Store, other: Store) -> None:
    ids = readers(store, 20)
    issue = sending(store)
    mine = take(store, issue)
    theirs = take(other, issue)
    rows = due(store, mine)
    results = at_once(
        lambda: turn(store, mine, claim=rows).claimed.get(0, []),
        lambda: turn(other, theirs, claim=rows).claimed.get(0, []),
    )
    assert [len(claimed) for claimed in results if isinstance(claimed, list)] == [0, 20]
    turn(other, theirs, results=accepted(*ids))
    assert counts(store, issue) == Counts(accepted=20)


def test_cancelling_leaves_nothing_pending_whatever_a_tick_does_meanwhile(store: Store, other: Store) -> None:
    ids = readers(store, 20)
    issue = sending(store)
    batch = take(store, issue)
    rows = due(store, batch)
    turn(store, batch, claim=rows[:10])

    def cancel() -> None:
        with other.write() as session:
            issues.cancel(session, issue, "a mistake", NOW)

    at_once(lambda: turn(store, batch, results=accepted(*ids[:5]), claim=rows[10:15]), cancel)
    counted = counts(store, issue)
    assert (counted.pending, counted.accepted, counted.total) == (0, 5, 20)
    assert claim_all(store, batch) == []


def refused(store: Store) -> tuple[Issue, Batch]:
    """An issue of which one delivery was refused and nothing is open, in its sender's hands still."""
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=[Result(subscriber_id=reader, state=DeliveryState.REFUSED, code=550)])
    return issue, batch


def overlapping(first: Store, act: Act, other: Store, then: Act) -> object:
    """Do one thing, and a second one from before the first is committed; give what the second came to."""
    begun, results = threading.Event(), list[object]()

    def second() -> None:
        begun.set()
        try:
            with other.write() as session:
                results.append(then(session))
        except IssueError as error:
            results.append(error)

    thread = threading.Thread(target=second)
    with first.write() as session:
        act(session)
        thread.start()
        begun.wait()
        # As far as it comes without what the first one holds.
        thread.join(0.1)
    thread.join()
    return results[0]


def test_what_is_tried_again_while_its_batch_is_given_back_stays_to_be_done(
    store: Store, other: Store
) -> None:
    issue, batch = refused(store)
    again = partial(ledger.reopen, issue=issue, states=[DeliveryState.REFUSED], now=NOW)
    assert overlapping(other, again, store, partial(ledger.release, batch=batch)) is True
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW) == [batch.seq]


def test_an_issue_of_which_something_is_tried_again_just_then_does_not_end(
    store: Store, other: Store
) -> None:
    issue, batch = refused(store)
    with store.write() as session:
        assert ledger.release(session, batch)
    again = partial(ledger.reopen, issue=issue, states=[DeliveryState.REFUSED], now=NOW)
    assert overlapping(other, again, store, partial(ledger.finish, issue=issue, now=NOW)) is None
    assert (state(store, issue), counts(store, issue)) == (IssueState.SENDING, Counts(pending=1))


def test_nothing_is_tried_again_of_an_issue_that_is_cancelled_just_then(store: Store, other: Store) -> None:
    issue, _ = refused(store)
    cancel = partial(issues.cancel, issue=issue, reason="a mistake", now=NOW)
    again = partial(ledger.reopen, issue=issue, states=[DeliveryState.REFUSED], now=NOW)
    assert isinstance(overlapping(other, cancel, store, again), IssueError)
    assert counts(store, issue) == Counts(refused=1)


def test_an_address_that_two_import_at_once_is_one_subscriber(store: Store, other: Store) -> None:
    newcomers = [Newcomer(email=f"n{number}@ledger.example", newsletter="daily") for number in range(200)]

    def add(here: Store, chunk: list[Newcomer]) -> None:
        with here.write() as session:
            subscribers.add(session, chunk, NOW)

    at_once(lambda: add(store, newcomers), lambda: add(other, newcomers[50:]))
    with store.read() as session:
        everyone = list(subscribers.everyone(session))
        assert ledger.audience(session, "daily", NOW) == 200
    assert len({reader.email for reader in everyone}) == len(everyone) == 200


def test_readers_never_wait_for_a_writer(store: Store, other: Store) -> None:
    readers(store, 3)
    with store.write() as session:
        subscribers.add(session, [Newcomer(email="late@ledger.example", newsletter="daily")], NOW)
        with other.read() as reading:
            assert sum(subscribers.by_state(reading).values()) == 3
