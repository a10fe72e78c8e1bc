"""How fast an issue goes, told from the ledger alone."""

from datetime import timedelta

import pytest
from ledger_scene import NOW, accepted, claim_all, draft, due, readers, sending, take, turn

from digest.model import Counts, DeliveryState, Issue, IssueState
from digest.store import issues
from digest.store.database import Store
from digest.store.headway import Headway, headway
from digest.store.tick import Result

SECOND = timedelta(seconds=1)


def asked(store: Store, issue: Issue, seconds: int) -> Headway:
    with store.read() as session:
        return headway(session, issues.get(session, issue.id), NOW + seconds * SECOND)


def started(store: Store) -> Issue:
    issue = sending(store)
    with store.write() as session:
        moved = issues.move(
            session, issue, IssueState.SENDING, NOW, allowed=(IssueState.SENDING,), started_at=NOW
        )
    assert moved is not None
    return moved


def test_the_rate_is_of_the_last_half_minute_and_tells_how_long_the_rest_takes(store: Store) -> None:
    ids = readers(store, 100)
    issue = started(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=accepted(*ids[:20]), now=NOW + 1 * SECOND)
    assert asked(store, issue, 10).rate == 2.0
    turn(store, batch, results=accepted(*ids[20:50]), now=NOW + 40 * SECOND)
    told = asked(store, issue, 60)
    assert (told.rate, told.ready, told.seconds_left) == (1.0, 50, 50)
    assert told.counts == Counts(submitting=50, accepted=50)
    assert asked(store, issue, 200).rate == 0.0
    assert asked(store, issue, 200).seconds_left is None


def test_what_is_tried_again_later_is_told_apart(store: Store) -> None:
    one, two, three = readers(store, 3)
    issue = started(store)
    batch = take(store, issue)
    turn(store, batch, claim=due(store, batch)[:2])
    later = Result(subscriber_id=two, state=DeliveryState.PENDING, next_at=int(NOW.timestamp()) + 300)
    turn(store, batch, results=[*accepted(one), later], now=NOW + SECOND)
    told = asked(store, issue, 2)
    assert (told.ready, told.deferred, told.seconds_left) == (1, 1, 2)
    turn(store, batch, claim=due(store, batch)[:1], now=NOW + SECOND)
    turn(store, batch, results=accepted(three), now=NOW + 2 * SECOND)
    assert asked(store, issue, 3).seconds_left == 0


@pytest.mark.parametrize("seconds", [0, 1])
def test_in_its_first_second_a_rate_is_of_one_second(store: Store, seconds: int) -> None:
    ids = readers(store, 4)
    issue = started(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=accepted(*ids))
    assert asked(store, issue, seconds).rate == 4.0


def test_an_issue_that_is_not_being_sent_has_counts_and_no_rate(store: Store) -> None:
    readers(store, 2)
    issue = draft(store)
    assert asked(store, issue, 0) == Headway(counts=Counts())
    with store.write() as session:
        held = issues.hold(session, sending(store), "operator", "wait", NOW)
    told = asked(store, held, 0)
    assert (told.counts.pending, told.rate, told.seconds_left, told.deferred) == (2, None, None, 0)
