"""Freezing, taking, claiming, recording, releasing, finishing."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from ledger_scene import (
    NOW,
    accepted,
    claim_all,
    counts,
    draft,
    due,
    frozen,
    readers,
    sending,
    state,
    take,
    turn,
)
from sqlmodel import Session

from digest.address import suppression_key
from digest.errors import IssueError
from digest.model import Channel, Counts, DeliveryState, IssueState, SubscriberState
from digest.store import bounces, erasure, issues, ledger, subscribers
from digest.store.bounces import Evidence
from digest.store.database import Store
from digest.store.installation import permanent_key
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import SUBSCRIBER, SUBSCRIPTION, SUPPRESSION
from digest.store.tick import Result, Turn, tick

PAGE = Visit(channel=Channel.PAGE)
HOUR = timedelta(hours=1)


def test_freezing_counts_its_audience_and_cuts_it_into_batches(store: Store) -> None:
    readers(store, 2001)
    issue = frozen(store)
    assert issue.audience == 2001
    assert counts(store, issue) == Counts(pending=2001)
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW) == [0, 1, 2]
    batches = [take(store, issue, seq) for seq in range(3)]
    assert [len(due(store, batch)) for batch in batches] == [1000, 1000, 1]
    assert batches[0].last_id < batches[1].first_id


def test_an_issue_for_nobody_freezes_and_is_finished_at_once(store: Store) -> None:
    issue = frozen(store)
    assert issue.audience == 0
    with store.write() as session:
        sent = ledger.finish(session, issue, NOW)
    assert sent is not None
    assert (sent.state, sent.reached) == (IssueState.SENT, False)


def test_the_audience_is_who_may_be_mailed(store: Store) -> None:
    ids = readers(store, 6)
    with store.write() as session:
        subscribers.leave(session, ids[0], ["daily"], PAGE, NOW)
        subscribers.suppress(session, "reader2@ledger.example", Evidence(reason="complaint"), NOW)
        _pause(session.connection(), ids[2], NOW + HOUR)
        _pause(session.connection(), ids[3], NOW - HOUR)
        pending = Newcomer(email="new@ledger.example", newsletter="daily", confirmed=False)
        subscribers.add(session, [pending], NOW)
    readers(store, 1, newsletter="weekly", first=50)
    with store.read() as session:
        expected = [recipient.id for recipient in ledger.recipients(session, "daily", NOW)]
        assert ledger.audience(session, "daily", NOW) == 3
    issue = sending(store)
    batch = take(store, issue)
    assert [row.recipient.id for row in due(store, batch)] == ids[3:] == expected


def _pause(connection: sa.Connection, reader: int, until: object) -> None:
    where = SUBSCRIPTION.c.subscriber_id == reader
    connection.execute(sa.update(SUBSCRIPTION).where(where).values(paused_until=until))


def test_an_issue_freezes_once(store: Store) -> None:
    readers(store, 1)
    issue = draft(store)
    with store.write() as session:
        ledger.freeze(session, issue, NOW)
    with pytest.raises(IssueError, match=r"daily 2026-11-24T07:00 was frozen"), store.write() as session:
        ledger.freeze(session, issue, NOW)
    assert counts(store, issue) == Counts(pending=1)


def test_a_held_issue_does_not_freeze(store: Store) -> None:
    issue = draft(store)
    with store.write() as session:
        issues.hold(session, issue, "operator", "wait", NOW)
    with pytest.raises(IssueError), store.write() as session:
        ledger.freeze(session, issue, NOW)


def test_who_joins_after_freezing_waits_for_the_next_issue(store: Store) -> None:
    readers(store, 1)
    issue = sending(store)
    readers(store, 1, first=2)
    assert len(claim_all(store, take(store, issue))) == 1


def test_a_claim_asks_again_who_may_be_mailed(store: Store) -> None:
    left, paused, suppressed, erased, stays = readers(store, 5)
    issue = sending(store)
    batch = take(store, issue)
    rows = due(store, batch)
    with store.write() as session:
        subscribers.leave(session, left, ["daily"], PAGE, NOW)
        _pause(session.connection(), paused, NOW + HOUR)
        bounces.blame(session, suppressed, bounces.Effect.SUPPRESS, Evidence(reason="dead"), NOW)
        gone = subscribers.get(session, erased)
        assert gone is not None
        erasure.erase(session, gone, NOW)
    got = turn(store, batch, claim=rows)
    assert [row.recipient.id for row in got.claimed[0]] == [stays]
    assert counts(store, issue) == Counts(submitting=1, withdrawn=4)


def test_one_who_left_and_came_back_before_the_claim_is_mailed(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    with store.write() as session:
        subscribers.leave(session, reader, ["daily"], PAGE, NOW)
        subscribers.come_back(session, reader, "daily", PAGE, NOW)
    assert claim_all(store, take(store, issue)) == [reader]


def test_a_row_whose_subscriber_is_gone_is_withdrawn_and_not_lost(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    with store.write() as session:
        gone = subscribers.get(session, reader)
        assert gone is not None
        erasure.erase(session, gone, NOW)
    batch = take(store, issue)
    assert claim_all(store, batch) == []
    assert counts(store, issue) == Counts(withdrawn=1)


def test_results_are_recorded_in_their_rows(store: Store) -> None:
    ids = readers(store, 5)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    results = [
        *accepted(ids[0]),
        Result(subscriber_id=ids[1], state=DeliveryState.REFUSED, code=550, kind="dead", reply="550 no"),
        Result(subscriber_id=ids[2], state=DeliveryState.EXPIRED, code=450),
        Result(subscriber_id=ids[3], state=DeliveryState.UNKNOWN, lost=True),
        Result(subscriber_id=ids[4], state=DeliveryState.PENDING, code=450, next_at=ledger.epoch(NOW) + 300),
    ]
    turn(store, batch, results=results)
    assert counts(store, issue) == Counts(accepted=1, refused=1, expired=1, unknown=1, pending=1)
    with store.read() as session:
        assert issues.get(session, issue.id).reached


def test_a_result_for_a_row_that_nobody_claimed_changes_nothing(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    turn(store, take(store, issue), results=accepted(reader))
    assert counts(store, issue) == Counts(pending=1)


def test_an_attempt_that_was_the_relays_trouble_burns_none(store: Store) -> None:
    (reader,) = readers(store, 1)
    batch = take(store, sending(store))
    claim_all(store, batch)
    again = Result(subscriber_id=reader, state=DeliveryState.PENDING, attempt=False)
    turn(store, batch, results=[again])
    (row,) = due(store, batch)
    assert (row.attempts, row.losses) == (0, 0)
    assert row.first_at == ledger.epoch(NOW)
    claim_all(store, batch)
    lost = Result(subscriber_id=reader, state=DeliveryState.PENDING, lost=True, soft=True, doubtful=True)
    turn(store, batch, results=[lost])
    (row,) = due(store, batch)
    assert (row.attempts, row.losses, row.soft) == (1, 1, True)


def test_the_first_attempt_stays_the_first(store: Store) -> None:
    (reader,) = readers(store, 1)
    batch = take(store, sending(store))
    for tries in range(3):
        claim_all(store, batch, NOW + tries * HOUR)
        turn(store, batch, results=[Result(subscriber_id=reader, state=DeliveryState.PENDING)])
    (row,) = due(store, batch, NOW + 3 * HOUR)
    assert row.first_at == ledger.epoch(NOW)


def test_a_deferred_row_is_not_due_before_its_time(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    (row,) = due(store, batch)
    claim_all(store, batch)
    later = Result(subscriber_id=reader, state=DeliveryState.PENDING, next_at=ledger.epoch(NOW + HOUR))
    turn(store, batch, results=[later])
    assert due(store, batch, NOW + HOUR - timedelta(seconds=1)) == []
    assert turn(store, batch, claim=[row]).claimed == {0: []}
    assert counts(store, issue) == Counts(pending=1)
    assert claim_all(store, batch, NOW + HOUR) == [reader]


def test_a_released_batch_sleeps_until_its_first_row_is_due(store: Store) -> None:
    ids = readers(store, 3)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    deferred = [
        Result(subscriber_id=ids[1], state=DeliveryState.PENDING, next_at=ledger.epoch(NOW + 2 * HOUR)),
        Result(subscriber_id=ids[2], state=DeliveryState.PENDING, next_at=ledger.epoch(NOW + HOUR)),
    ]
    turn(store, batch, results=[*accepted(ids[0]), *deferred])
    with store.write() as session:
        assert ledger.release(session, batch)
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW) == []
        assert ledger.next_due(session, issue.id) == NOW + HOUR
        assert ledger.due_batches(session, issue.id, NOW + HOUR) == [0]


def test_a_batch_with_nothing_open_is_done_when_released(store: Store) -> None:
    ids = readers(store, 2)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=accepted(*ids))
    with store.write() as session:
        assert ledger.release(session, batch)
    with store.read() as session:
        assert ledger.next_due(session, issue.id) is None
        assert ledger.due_batches(session, issue.id, NOW + 1000 * HOUR) == []


def test_a_batch_released_with_rows_on_the_wire_is_due_at_once(store: Store) -> None:
    readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    with store.write() as session:
        ledger.release(session, batch)
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW) == [0]


def test_who_lost_a_batch_claims_nothing_and_cannot_release_it(store: Store) -> None:
    readers(store, 2)
    issue = sending(store)
    former = take(store, issue)
    rows = due(store, former)
    take(store, issue)
    got = turn(store, former, claim=rows)
    assert got.claimed == {}
    assert got.dropped == {0}
    assert counts(store, issue) == Counts(pending=2)
    with store.write() as session:
        assert not ledger.release(session, former)


def test_a_former_holders_late_acceptance_is_a_fact(store: Store) -> None:
    ids = readers(store, 3)
    issue = sending(store)
    former = take(store, issue)
    claim_all(store, former)
    now_theirs = take(store, issue)
    assert claim_all(store, now_theirs) == ids
    refused = Result(subscriber_id=ids[1], state=DeliveryState.REFUSED, code=550)
    turn(store, former, results=[*accepted(ids[0]), refused])
    assert counts(store, issue) == Counts(accepted=1, submitting=2, doubtful=3)
    # What the new holder hears of the row afterwards does not undo it.
    again = Result(subscriber_id=ids[0], state=DeliveryState.EXPIRED)
    turn(store, now_theirs, results=[again, *accepted(ids[1], ids[2])])
    assert counts(store, issue) == Counts(accepted=3, doubtful=3)


def test_a_late_acceptance_counts_even_when_the_issue_has_ended(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    former = take(store, issue)
    claim_all(store, former)
    take(store, issue, ask=True)
    with store.write() as session:
        ended = ledger.finish(session, issue, NOW)
    assert ended is not None
    assert (counts(store, issue).unknown, ended.reached) == (1, False)
    turn(store, former, results=accepted(reader))
    assert counts(store, issue) == Counts(accepted=1, doubtful=1)
    with store.read() as session:
        assert issues.get(session, issue.id).reached


@pytest.mark.parametrize("ask", [False, True], ids=["resend", "ask"])
def test_taking_a_batch_settles_what_its_former_holder_left_on_the_wire(store: Store, ask: bool) -> None:
    ids = readers(store, 3)
    issue = sending(store)
    former = take(store, issue)
    first = turn(store, former, claim=due(store, former)[:2])
    assert [row.recipient.id for row in first.claimed[0]] == ids[:2]
    batch = take(store, issue, ask=ask)
    assert batch.token == former.token + 1
    if ask:
        assert counts(store, issue) == Counts(pending=1, unknown=2, doubtful=2)
        assert claim_all(store, batch) == ids[2:]
    else:
        assert counts(store, issue) == Counts(pending=3, doubtful=2)
        assert claim_all(store, batch) == ids


def test_an_issue_is_sent_only_when_nothing_is_open(store: Store) -> None:
    ids = readers(store, 2)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=accepted(ids[0]))
    with store.write() as session:
        assert ledger.finish(session, issue, NOW) is None
    turn(store, batch, results=[Result(subscriber_id=ids[1], state=DeliveryState.REFUSED, code=550)])
    with store.write() as session:
        sent = ledger.finish(session, issue, NOW)
    assert sent is not None
    assert (sent.state, sent.finished_at, sent.reached) == (IssueState.SENT, NOW, True)
    assert counts(store, issue) == Counts(accepted=1, refused=1)


def test_a_hold_takes_effect_in_the_next_tick(store: Store) -> None:
    ids = readers(store, 3)
    issue = sending(store)
    batch = take(store, issue)
    rows = due(store, batch)
    turn(store, batch, claim=rows[:1])
    with store.write() as session:
        issues.hold(session, issue, "relay", "the relay refuses our sender", NOW)
    got = turn(store, batch, results=accepted(ids[0]), claim=rows[1:])
    assert (got.state, got.claimed) == (IssueState.HELD, {})
    assert counts(store, issue) == Counts(accepted=1, pending=2)
    with store.write() as session:
        issues.resume(session, issue, NOW)
    assert claim_all(store, batch) == ids[1:]


def test_cancelling_withdraws_what_is_not_on_the_wire(store: Store) -> None:
    ids = readers(store, 4)
    issue = sending(store)
    batch = take(store, issue)
    rows = due(store, batch)
    turn(store, batch, claim=rows[:3])
    turn(store, batch, results=accepted(ids[0]))
    with store.write() as session:
        issues.cancel(session, issue, "a mistake on the front page", NOW)
    assert counts(store, issue) == Counts(accepted=1, submitting=2, withdrawn=1)
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW + HOUR) == []
    # What was on the wire is what it became, but nothing is tried again.
    again = Result(subscriber_id=ids[1], state=DeliveryState.PENDING, code=450, next_at=1)
    got = turn(store, batch, results=[again, *accepted(ids[2])], claim=rows[3:])
    assert (got.state, got.claimed) == (IssueState.CANCELLED, {})
    assert counts(store, issue) == Counts(accepted=2, withdrawn=2)


def test_reopened_deliveries_are_tried_again_from_the_start(store: Store) -> None:
    ids = readers(store, 3)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    results = [
        *accepted(ids[0]),
        Result(subscriber_id=ids[1], state=DeliveryState.UNKNOWN, code=0),
        Result(subscriber_id=ids[2], state=DeliveryState.REFUSED, code=550),
    ]
    turn(store, batch, results=results)
    with store.write() as session:
        ledger.release(session, batch)
        assert ledger.finish(session, issue, NOW) is not None
    with store.write() as session:
        assert ledger.reopen(session, issue, [DeliveryState.UNKNOWN], NOW) == 1
    assert state(store, issue) is IssueState.SENDING
    assert counts(store, issue) == Counts(accepted=1, refused=1, pending=1, doubtful=1)
    with store.read() as session:
        assert ledger.due_batches(session, issue.id, NOW) == [0]
    batch = take(store, issue)
    (row,) = due(store, batch)
    assert (row.recipient.id, row.attempts, row.first_at) == (ids[1], 0, 0)


def test_reopening_finds_nothing_to_do_and_leaves_the_issue_sent(store: Store) -> None:
    ids = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=accepted(*ids))
    with store.write() as session:
        ledger.finish(session, issue, NOW)
    with store.write() as session:
        assert ledger.reopen(session, issue, [DeliveryState.REFUSED], NOW) == 0
    assert state(store, issue) is IssueState.SENT


def test_a_cancelled_issue_cannot_be_tried_again(store: Store) -> None:
    readers(store, 1)
    issue = sending(store)
    with store.write() as session:
        issues.cancel(session, issue, "no", NOW)
    with pytest.raises(IssueError, match="cancelled"), store.write() as session:
        ledger.reopen(session, issue, [DeliveryState.WITHDRAWN], NOW)


def test_a_dead_address_is_suppressed_with_the_reply_as_evidence(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    dead = Result(
        subscriber_id=reader,
        state=DeliveryState.REFUSED,
        code=550,
        kind="dead",
        reply="550 5.1.1 no such user",
        effect=bounces.Effect.SUPPRESS,
    )
    turn(store, batch, results=[dead])
    with store.read() as session:
        found = subscribers.get(session, reader)
    assert found is not None
    assert (found.state, found.left_issue) == (SubscriberState.SUPPRESSED, issue.slot)
    assert found.left_channel is Channel.BOUNCE


def test_a_tick_works_on_several_batches_in_their_order(store: Store) -> None:
    readers(store, 1001)
    issue = sending(store)
    first, second = take(store, issue, 0), take(store, issue, 1)
    stolen = take(store, issue, 0)
    with store.write() as session:
        got = tick(
            session,
            issue.id,
            [Turn(batch=second, claim=due(store, second)), Turn(batch=first, claim=due(store, stolen)[:5])],
            NOW,
        )
    assert got.dropped == {0}
    assert [len(rows) for rows in got.claimed.values()] == [1]


def test_a_reader_whose_address_changed_after_the_batch_was_read_is_mailed_at_the_new_one(
    store: Store,
) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    read = due(store, batch)
    with store.write() as session:
        moved(session, reader)
    (claimed,) = turn(store, batch, claim=read).claimed[batch.seq]
    assert (claimed.recipient.email, claimed.recipient.address_version) == ("new@mail.example", 2)


def moved(session: Session, reader: int) -> None:
    new = {"email": "new@mail.example", "address_key": "new@mail.example", "address_version": 2}
    session.connection().execute(sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == reader).values(new))


@pytest.mark.parametrize("effect", [bounces.Effect.SUPPRESS, bounces.Effect.SOFT, bounces.Effect.DISABLED])
def test_what_an_address_answers_that_its_reader_has_left_is_not_held_against_the_new_one(
    store: Store, effect: bounces.Effect
) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    (row,) = turn(store, batch, claim=due(store, batch)).claimed[batch.seq]
    with store.write() as session:
        moved(session, reader)
    result = Result(
        subscriber_id=reader,
        state=DeliveryState.REFUSED,
        code=550,
        kind="dead address",
        reply="550 5.1.1 no such user",
        effect=effect,
        asked=row.recipient,
    )
    turn(store, batch, results=[result])
    with store.read() as session:
        found = session.connection().execute(sa.select(SUBSCRIBER)).one()
        hashes = set(session.connection().execute(sa.select(SUPPRESSION.c.address_hash)).scalars())
        old = suppression_key(row.recipient.email, permanent_key(session))
    assert (found.state, found.soft_bounces, found.disabled_at) == (SubscriberState.ACTIVE, 0, None)
    # That the old one is dead stays true.
    assert hashes == ({old} if effect is bounces.Effect.SUPPRESS else set())


def test_that_an_address_accepts_which_its_reader_has_left_clears_nothing_of_the_new_one(
    store: Store,
) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    (row,) = turn(store, batch, claim=due(store, batch)).claimed[batch.seq]
    with store.write() as session:
        moved(session, reader)
        bounces.blame(session, reader, bounces.Effect.SOFT, Evidence(reason="full"), NOW)
    (plain,) = accepted(reader)
    turn(store, batch, results=[plain._replace(effect=bounces.Effect.CLEAR, asked=row.recipient)])
    with store.read() as session:
        assert session.connection().execute(sa.select(SUBSCRIBER.c.soft_bounces)).scalar_one() == 1
