"""What evidence does to an address."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from ledger_scene import NOW, accepted, claim_all, due, readers, sending, take, turn

from digest.model import Channel, Recipient, SubscriberState
from digest.store import bounces, subscribers
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store
from digest.store.tables import metadata
from digest.store.tick import Result

DAY = timedelta(days=1)
FULL = Evidence(reason="mailbox full", text="452 4.2.2 full")


def blame(store: Store, reader: int, effect: Effect, at: datetime) -> None:
    with store.write() as session:
        bounces.blame(session, reader, effect, FULL, at)


def state(store: Store, reader: int) -> SubscriberState:
    with store.read() as session:
        found = subscribers.get(session, reader)
    assert found is not None
    return found.state


def test_five_soft_bounces_over_two_weeks_suppress(store: Store) -> None:
    (reader,) = readers(store, 1)
    for day in (0, 3, 6, 13):
        blame(store, reader, Effect.SOFT, NOW + day * DAY)
    assert state(store, reader) is SubscriberState.ACTIVE
    blame(store, reader, Effect.SOFT, NOW + 14 * DAY)
    assert state(store, reader) is SubscriberState.SUPPRESSED


def test_many_soft_bounces_within_days_do_not(store: Store) -> None:
    (reader,) = readers(store, 1)
    for hour in range(20):
        blame(store, reader, Effect.SOFT, NOW + hour * timedelta(hours=12))
    assert state(store, reader) is SubscriberState.ACTIVE


def test_an_acceptance_between_them_forgets_soft_bounces(store: Store) -> None:
    (reader,) = readers(store, 1)
    for day in (0, 3, 6, 13):
        blame(store, reader, Effect.SOFT, NOW + day * DAY)
    batch = take(store, sending(store))
    (row,) = due(store, batch)
    assert row.blemished
    claim_all(store, batch)
    (cleared,) = accepted(reader)
    turn(
        store,
        batch,
        results=[Result(subscriber_id=reader, state=cleared.state, code=250, effect=Effect.CLEAR)],
    )
    blame(store, reader, Effect.SOFT, NOW + 14 * DAY)
    assert state(store, reader) is SubscriberState.ACTIVE


def test_a_disabled_mailbox_is_dead_at_its_second_report_days_later(store: Store) -> None:
    (reader,) = readers(store, 1)
    blame(store, reader, Effect.DISABLED, NOW)
    blame(store, reader, Effect.DISABLED, NOW + DAY)
    assert state(store, reader) is SubscriberState.ACTIVE
    blame(store, reader, Effect.DISABLED, NOW + 3 * DAY)
    assert state(store, reader) is SubscriberState.SUPPRESSED


def test_a_suppression_says_why_and_is_noted_once(store: Store) -> None:
    (reader,) = readers(store, 1)
    for _ in range(3):
        blame(store, reader, Effect.SUPPRESS, NOW)
    with store.read() as session:
        connection = session.connection()
        (kept,) = connection.execute(sa.select(metadata.tables["suppression"]))
        event = metadata.tables["event"]
        noted = connection.execute(sa.select(event).where(event.c.kind == "subscriber.suppressed")).all()
        found = subscribers.get(session, reader)
    assert (kept.reason, kept.evidence, kept.at) == ("mailbox full", "452 4.2.2 full", NOW)
    assert [one.detail for one in noted] == ["mailbox full"]
    assert found is not None
    assert (found.left_at, found.left_channel) == (NOW, Channel.BOUNCE)


def test_evidence_about_nobody_does_nothing(store: Store) -> None:
    blame(store, 77, Effect.SUPPRESS, NOW)
    with store.read() as session:
        assert session.connection().execute(sa.select(metadata.tables["suppression"])).all() == []


def test_of_an_address_that_its_reader_has_left_the_hash_is_kept_and_no_words(store: Store) -> None:
    (reader,) = readers(store, 1)
    asked = Recipient(id=reader, email="reader.old@ledger.example", address_version=0)
    said = Evidence(reason="dead", text="550 <reader.old@ledger.example>: unknown", asked=asked)
    with store.write() as session:
        bounces.blame(session, reader, Effect.SUPPRESS, said, NOW)
    with store.read() as session:
        (kept,) = session.connection().execute(sa.select(metadata.tables["suppression"]))
    assert (kept.reason, kept.evidence) == ("dead", "")
    assert state(store, reader) is SubscriberState.ACTIVE
