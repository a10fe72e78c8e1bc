"""Figures, who did not get an issue, and what is forgotten after a time."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, SLOT, accepted, claim_all, counts, draft, readers, sending, take, turn

from digest.model import Channel, Counts, DeliveryState, Issue, Slot, SubscriberState
from digest.store import erasure, issues, ledger, stats, subscribers
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import metadata
from digest.store.tick import Result
from digest.store.undelivered import doubtful, undelivered

DAY = timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")


def mailed(store: Store, *, slot: Slot = SLOT) -> Issue:
    """An issue that has gone out: to the first, refused by the second, unknown to the third."""
    issue = sending(store, slot=slot)
    batch = take(store, issue)
    first, second, third, *rest = claim_all(store, batch)
    results = [
        *accepted(first, *rest),
        Result(subscriber_id=second, state=DeliveryState.REFUSED, code=554, kind="policy", reply="554 no"),
        Result(subscriber_id=third, state=DeliveryState.UNKNOWN, lost=True, kind="lost", reply="timed out"),
    ]
    turn(store, batch, results=results)
    with store.write() as session:
        sent = ledger.finish(session, issue, NOW)
    assert sent is not None
    return sent


def test_an_issue_is_summed_up_with_who_left_by_it(store: Store) -> None:
    ids = readers(store, 5)
    older = mailed(store)
    newer = draft(store, slot=Slot(name="2026-11-25T07:00", instant=NOW + DAY))
    by_link = Visit(channel=Channel.ONE_CLICK, issue_id=older.id)
    with store.write() as session:
        for _ in range(3):
            subscribers.viewed(session, ids[0], "daily", by_link, NOW)
            subscribers.leave(session, ids[0], ["daily"], by_link, NOW)
        subscribers.viewed(session, ids[1], "daily", by_link, NOW)
        subscribers.leave(session, ids[4], ["daily"], Visit(channel=Channel.OPERATOR), NOW)
    with store.read() as session:
        told = stats.summary(session, NOW, NEW_YORK)
    assert [one.issue.id for one in told.issues] == [newer.id, older.id]
    sent = told.issues[1]
    assert sent.counts == Counts(accepted=3, refused=1, unknown=1)
    assert (sent.left, sent.views) == (1, 2)
    assert told.subscribers[SubscriberState.ACTIVE] == 3
    assert told.subscribers[SubscriberState.UNSUBSCRIBED] == 2


def test_comings_and_goings_are_counted_by_local_day(store: Store) -> None:
    # New York is five hours behind: 03:00 UTC is the evening before.
    night = NOW.replace(hour=3)
    with store.write() as session:
        for day, name in ((0, "a"), (0, "b"), (2, "c")):
            newcomer = Newcomer(email=f"{name}@ledger.example", newsletter="daily")
            subscribers.add(session, [newcomer], night - day * DAY)
        subscribers.add(session, [Newcomer(email="a@ledger.example", newsletter="weekly")], night)
        gone = subscribers.find(session, "c@ledger.example")
        assert gone is not None
        subscribers.leave(session, gone.id, ["daily"], Visit(channel=Channel.PAGE), NOW)
        subscribers.suppress(session, "b@ledger.example", Evidence(reason="complaint"), NOW)
    with store.read() as session:
        told = stats.summary(session, NOW, NEW_YORK, days=4)
        weekly = stats.summary(session, NOW, NEW_YORK, days=2, newsletter="weekly")
    assert [(day.day, day.joined, day.left) for day in told.days] == [
        (date(2026, 11, 21), 1, 0),
        (date(2026, 11, 22), 0, 0),
        (date(2026, 11, 23), 2, 0),
        (date(2026, 11, 24), 0, 2),
    ]
    assert [(day.joined, day.left) for day in weekly.days] == [(1, 0), (0, 1)]


def test_an_empty_ledger_has_figures_too(store: Store) -> None:
    with store.read() as session:
        told = stats.summary(session, NOW, NEW_YORK)
    assert (told.issues, len(told.days)) == ((), 30)
    assert set(told.subscribers.values()) == {0}


def test_who_did_not_get_an_issue_is_told_with_the_reason(store: Store) -> None:
    readers(store, 6)
    issue = sending(store)
    batch = take(store, issue)
    ids = claim_all(store, batch)
    later = ledger.epoch(NOW + DAY)
    results = [
        *accepted(ids[0]),
        Result(subscriber_id=ids[1], state=DeliveryState.REFUSED, code=550, kind="dead", reply="550 no"),
        Result(subscriber_id=ids[2], state=DeliveryState.EXPIRED, code=450, kind="full", reply="450 full"),
        Result(subscriber_id=ids[3], state=DeliveryState.UNKNOWN),
        Result(subscriber_id=ids[4], state=DeliveryState.PENDING, code=451, next_at=later),
    ]
    turn(store, batch, results=results)
    with store.write() as session:
        erased = subscribers.get(session, ids[1])
        assert erased is not None
        erasure.erase(session, erased, NOW)
    with store.read() as session:
        told = list(undelivered(session, issue.id))
    assert [(one.email, one.state.name, one.code, one.kind, one.reply) for one in told] == [
        ("", "REFUSED", 550, "", ""),
        ("reader3@ledger.example", "EXPIRED", 450, "full", "450 full"),
        ("reader4@ledger.example", "UNKNOWN", 0, "", ""),
        ("reader5@ledger.example", "PENDING", 451, "", ""),
    ]
    assert {one.at for one in told} == {NOW}


def test_those_who_may_have_been_mailed_twice_are_known_by_name_whatever_became_of_them(store: Store) -> None:
    readers(store, 4)
    issue = sending(store)
    ids = claim_all(store, take(store, issue))
    # Whoever takes the batch next does not know what became of the four; one more lets an operator decide.
    batch = take(store, issue)
    claim_all(store, batch)
    turn(store, batch, results=[*accepted(ids[0]), Result(subscriber_id=ids[1], state=DeliveryState.UNKNOWN)])
    with store.read() as session:
        told = [(one.email, one.state.name, one.next_at) for one in doubtful(session, issue.id)]
    assert told == [
        ("reader1@ledger.example", "ACCEPTED", None),
        ("reader2@ledger.example", "UNKNOWN", None),
        ("reader3@ledger.example", "SUBMITTING", None),
        ("reader4@ledger.example", "SUBMITTING", None),
    ]


def test_a_long_list_of_the_undelivered_is_told_whole(store: Store) -> None:
    readers(store, 2100)
    issue = sending(store)
    for seq in range(3):
        batch = take(store, issue, seq)
        refused = [
            Result(subscriber_id=one, state=DeliveryState.REFUSED, code=554)
            for one in claim_all(store, batch)
        ]
        turn(store, batch, results=refused)
    with store.read() as session:
        told = [one.email for one in undelivered(session, issue.id)]
    assert told == [f"reader{number}@ledger.example" for number in range(1, 2101)]


def purge(store: Store, *, after: timedelta) -> stats.Purged:
    with store.write() as session:
        return stats.purge(session, keep_ip_days=90, keep_deliveries_days=400, now=NOW + after)


def rows_of(store: Store, name: str) -> int:
    with store.read() as session:
        table = metadata.tables[name]
        query = sa.select(sa.func.count()).select_from(table)
        return int(session.connection().execute(query).scalar_one())


def test_addresses_of_machines_are_forgotten_after_their_time(store: Store) -> None:
    (reader,) = readers(store, 1)
    visit = Visit(channel=Channel.PAGE, ip="192.0.2.7", agent="Mail/1.0")
    with store.write() as session:
        subscribers.leave(session, reader, ["daily"], visit, NOW)
        subscribers.come_back(session, reader, "daily", visit, NOW + 50 * DAY)
    assert purge(store, after=91 * DAY).events == 1
    assert purge(store, after=91 * DAY).events == 0
    event = metadata.tables["event"]
    with store.read() as session:
        kept = session.connection().execute(sa.select(event.c.kind, event.c.ip).order_by(event.c.id)).all()
    assert [tuple(one) for one in kept] == [
        ("subscriber.added", ""),
        ("subscriber.left", ""),
        ("subscriber.returned", "192.0.2.7"),
    ]


def test_old_deliveries_go_and_their_counts_stay(store: Store) -> None:
    readers(store, 4)
    old = mailed(store)
    before = counts(store, old)
    assert purge(store, after=399 * DAY).issues == 0
    assert rows_of(store, "delivery") == 4
    assert purge(store, after=401 * DAY).issues == 1
    assert [rows_of(store, name) for name in ("delivery", "delivery_reply", "send_batch")] == [0, 0, 0]
    assert counts(store, old) == before
    assert purge(store, after=401 * DAY).issues == 0


def test_an_open_issue_is_never_purged(store: Store) -> None:
    readers(store, 2)
    sending(store)
    assert purge(store, after=4000 * DAY).issues == 0
    assert rows_of(store, "delivery") == 2


def test_what_a_cancelled_issue_left_on_the_wire_becomes_unknown(store: Store) -> None:
    readers(store, 2)
    issue = sending(store)
    claim_all(store, take(store, issue))
    with store.write() as session:
        issues.cancel(session, issue, "no", NOW)
    purge(store, after=timedelta(hours=23))
    assert counts(store, issue) == Counts(submitting=2)
    purge(store, after=2 * DAY)
    assert counts(store, issue) == Counts(unknown=2, doubtful=2)
    purge(store, after=401 * DAY)
    assert counts(store, issue) == Counts(unknown=2, doubtful=2)
    assert rows_of(store, "delivery") == 0


@pytest.mark.parametrize("effect", [Effect.NONE, Effect.SOFT])
def test_a_retried_delivery_tells_its_last_reply(store: Store, effect: Effect) -> None:
    (reader,) = readers(store, 1)
    issue = sending(store)
    batch = take(store, issue)
    for code in (450, 452):
        claim_all(store, batch)
        again = Result(
            subscriber_id=reader,
            state=DeliveryState.PENDING,
            code=code,
            kind="soft",
            reply=f"{code} later",
            effect=effect,
            next_at=1,
        )
        turn(store, batch, results=[again])
    with store.read() as session:
        (told,) = undelivered(session, issue.id)
    assert (told.code, told.reply) == (452, "452 later")
