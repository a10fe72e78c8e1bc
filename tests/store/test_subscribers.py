"""How subscribers come, leave, return, and are forgotten."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, claim_all, frozen, readers, sending, take, turn

from digest.address import suppression_key
from digest.model import Channel, DeliveryState, Subscriber, SubscriberState
from digest.store import bounces, erasure, installation, subscribers
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import metadata
from digest.store.tick import Result
from digest.subscription import Arrival

ADA = "Ada@ledger.example"
CLICK = Visit(channel=Channel.ONE_CLICK, ip="192.0.2.7", agent="Mail/1.0")
DAY = timedelta(days=1)


def add(store: Store, *newcomers: Newcomer) -> list[Arrival]:
    with store.write() as session:
        return [arrival for arrival, _ in subscribers.add(session, list(newcomers), NOW)]


def ada(newsletter: str = "daily", **columns: Any) -> Newcomer:
    return Newcomer(**{"email": ADA, "newsletter": newsletter, **columns})


def find(store: Store, email: str = ADA) -> Subscriber:
    with store.read() as session:
        found = subscribers.find(session, email)
    assert found is not None
    return found


def act(store: Store, reader: int, *newsletters: str, visit: Visit = CLICK) -> bool:
    with store.write() as session:
        return subscribers.leave(session, reader, list(newsletters), visit, NOW + DAY)


def events(store: Store, kind: str = "") -> list[Any]:
    table = metadata.tables["event"]
    query = sa.select(table).where(table.c.kind.startswith(kind)).order_by(table.c.id)
    with store.read() as session:
        return list(session.connection().execute(query))


def test_an_unknown_address_is_added_with_its_consent(store: Store) -> None:
    assert add(store, ada(name="Ada", consent="form of 2024", confirmed_at=NOW - DAY)) == [Arrival.ADDED]
    found = find(store)
    assert (found.email, found.name, found.state) == (ADA, "Ada", SubscriberState.ACTIVE)
    assert (found.consent, found.confirmed_at, found.created_at) == ("form of 2024", NOW - DAY, NOW)
    assert (found.newsletters, found.left_at, found.address_version) == (("daily",), None, 1)
    (event,) = events(store, "subscriber.")
    assert (event.kind, event.subscriber_id, event.newsletter) == ("subscriber.added", found.id, "daily")
    assert (event.channel, event.at) == (Channel.OPERATOR, NOW)


def test_an_address_is_one_subscriber_however_it_is_written(store: Store) -> None:
    add(store, ada())
    assert add(store, ada(email="ada@ledger.example")) == [Arrival.UNCHANGED]
    assert find(store, "ADA@LEDGER.EXAMPLE").email == ADA


def test_without_a_vouched_consent_a_subscriber_is_pending_until_somebody_vouches(store: Store) -> None:
    add(store, ada(confirmed=False))
    assert (find(store).state, find(store).confirmed_at) == (SubscriberState.PENDING, None)
    assert add(store, ada(consent="on paper", confirmed_at=NOW - DAY)) == [Arrival.UPDATED]
    found = find(store)
    assert (found.state, found.confirmed_at, found.consent) == (SubscriberState.ACTIVE, NOW - DAY, "on paper")
    assert [event.kind for event in events(store)] == ["subscriber.added", "subscriber.confirmed"]


def test_a_name_and_another_newsletter_update_a_subscriber(store: Store) -> None:
    add(store, ada())
    assert add(store, ada("weekly", name="Ada")) == [Arrival.UPDATED]
    assert add(store, ada("weekly")) == [Arrival.UNCHANGED]
    found = find(store)
    assert (found.name, found.newsletters) == ("Ada", ("daily", "weekly"))
    assert [(event.kind, event.newsletter) for event in events(store)] == [
        ("subscriber.added", "daily"),
        ("subscriber.joined", "weekly"),
    ]


def test_an_address_may_stand_in_a_chunk_more_than_once(store: Store) -> None:
    chunk = [ada(confirmed=False), ada(), ada("weekly", name="Ada"), ada(email="ada@ledger.example")]
    assert add(store, *chunk) == [Arrival.ADDED, Arrival.UPDATED, Arrival.UPDATED, Arrival.UNCHANGED]
    found = find(store)
    assert (found.state, found.name, found.newsletters) == (
        SubscriberState.ACTIVE,
        "Ada",
        ("daily", "weekly"),
    )


def test_an_import_never_revives_who_has_left(store: Store) -> None:
    add(store, ada(), ada("weekly"))
    reader = find(store).id
    act(store, reader, "daily")
    assert add(store, ada(), ada("weekly")) == [Arrival.REFUSED, Arrival.UNCHANGED]
    act(store, reader, "weekly")
    assert add(store, ada("monthly")) == [Arrival.REFUSED]
    assert (find(store).state, find(store).newsletters) == (SubscriberState.UNSUBSCRIBED, ())


def test_an_import_never_revives_who_is_suppressed(store: Store) -> None:
    add(store, ada())
    with store.write() as session:
        assert subscribers.suppress(session, ADA, Evidence(reason="complaint"), NOW)
    assert add(store, ada(), ada("weekly")) == [Arrival.REFUSED, Arrival.REFUSED]
    assert find(store).state is SubscriberState.SUPPRESSED


def test_an_address_can_be_suppressed_before_it_was_ever_known(store: Store) -> None:
    with store.write() as session:
        assert not subscribers.suppress(session, ADA, Evidence(reason="asked by mail"), NOW)
    assert add(store, ada(), ada(email="ada@LEDGER.example")) == [Arrival.REFUSED, Arrival.REFUSED]


def test_an_import_never_brings_back_who_was_erased(store: Store) -> None:
    add(store, ada())
    with store.write() as session:
        erasure.erase(session, _get(session), NOW)
    with store.write() as session:
        ((arrival, reason),) = subscribers.add(session, [ada(email="ada@ledger.example")], NOW)
    assert arrival is Arrival.REFUSED
    assert reason == "the address is suppressed and is never mailed"


def _get(session: Any) -> Subscriber:
    found = subscribers.find(session, ADA)
    assert found is not None
    return found


def test_who_leaves_one_of_two_newsletters_keeps_the_other(store: Store) -> None:
    add(store, ada(), ada("weekly"))
    reader = find(store).id
    assert act(store, reader, "daily")
    assert (find(store).state, find(store).newsletters) == (SubscriberState.ACTIVE, ("weekly",))
    assert find(store).left_at is None
    assert act(store, reader, "weekly")
    found = find(store)
    assert (found.state, found.newsletters, found.left_at) == (SubscriberState.UNSUBSCRIBED, (), NOW + DAY)
    assert found.left_channel is Channel.ONE_CLICK


def test_who_leaves_all_newsletters_at_once_is_unsubscribed(store: Store) -> None:
    add(store, ada(), ada("weekly"))
    assert act(store, find(store).id, "daily", "weekly")
    assert find(store).state is SubscriberState.UNSUBSCRIBED


def test_the_issue_whose_link_was_used_is_kept(store: Store) -> None:
    (reader,) = readers(store, 1)
    issue = frozen(store)
    act(store, reader, "daily", visit=Visit(channel=Channel.PAGE, issue_id=issue.id))
    found = find(store, "reader1@ledger.example")
    assert (found.left_issue, found.left_channel) == ("2026-11-24T07:00", Channel.PAGE)


def test_leaving_twice_changes_nothing_and_is_noted(store: Store) -> None:
    add(store, ada())
    reader = find(store).id
    act(store, reader, "daily")
    first = find(store)
    assert not act(store, reader, "daily", visit=Visit(channel=Channel.MAILTO))
    assert find(store) == first
    assert [event.kind for event in events(store, "subscriber.left")] == [
        "subscriber.left",
        "subscriber.left_again",
    ]


def test_leaving_says_of_each_newsletter_what_happened(store: Store) -> None:
    add(store, ada(), ada("weekly"))
    act(store, find(store).id, "daily", "monthly")
    assert [(event.kind, event.newsletter) for event in events(store, "subscriber.left")] == [
        ("subscriber.left", "daily"),
        ("subscriber.left_again", "monthly"),
    ]


def test_a_stranger_can_neither_leave_nor_return(store: Store) -> None:
    assert not act(store, 77, "daily")
    with store.write() as session:
        assert not subscribers.come_back(session, 77, "daily", CLICK, NOW)
    assert events(store) == []


def test_leaving_can_be_undone_by_the_reader(store: Store) -> None:
    add(store, ada())
    reader = find(store).id
    act(store, reader, "daily")
    with store.write() as session:
        assert subscribers.come_back(session, reader, "daily", CLICK, NOW)
    found = find(store)
    assert (found.state, found.newsletters) == (SubscriberState.ACTIVE, ("daily",))
    assert (found.left_at, found.left_channel, found.left_issue) == (None, None, "")
    with store.write() as session:
        assert subscribers.come_back(session, reader, "daily", CLICK, NOW)
    assert len(events(store, "subscriber.returned")) == 1


def test_nobody_returns_to_a_newsletter_they_never_had(store: Store) -> None:
    add(store, ada())
    with store.write() as session:
        assert not subscribers.come_back(session, find(store).id, "weekly", CLICK, NOW)


def test_returning_confirms_nothing(store: Store) -> None:
    add(store, ada(confirmed=False))
    reader = find(store).id
    act(store, reader, "daily")
    with store.write() as session:
        subscribers.come_back(session, reader, "daily", CLICK, NOW)
    assert find(store).state is SubscriberState.PENDING


def test_who_is_suppressed_cannot_return_and_stays_suppressed_when_leaving(store: Store) -> None:
    add(store, ada())
    reader = find(store).id
    with store.write() as session:
        bounces.blame(session, reader, Effect.SUPPRESS, Evidence(reason="dead"), NOW)
    assert act(store, reader, "daily")
    with store.write() as session:
        assert not subscribers.come_back(session, reader, "daily", CLICK, NOW)
    assert find(store).state is SubscriberState.SUPPRESSED


def test_looking_at_the_unsubscribe_page_does_nothing(store: Store) -> None:
    add(store, ada())
    before = find(store)
    with store.write() as session:
        subscribers.viewed(session, before.id, "daily", CLICK, NOW)
    assert find(store) == before
    assert [event.ip for event in events(store, "unsubscribe.viewed")] == ["192.0.2.7"]


def test_an_agents_name_is_kept_to_a_sane_length(store: Store) -> None:
    add(store, ada())
    visit = Visit(channel=Channel.PAGE, agent="x" * 5000)
    act(store, find(store).id, "daily", visit=visit)
    assert len(events(store, "subscriber.left")[0].agent) == 300


def test_erasing_leaves_a_hash_and_nothing_of_the_person(store: Store) -> None:
    add(store, ada(name="Ada Lovelace", consent="by hand in the harbour office"))
    issue = sending(store)
    batch = take(store, issue)
    (reader,) = claim_all(store, batch)
    refused = Result(
        subscriber_id=reader,
        state=DeliveryState.REFUSED,
        code=550,
        kind="dead",
        reply=f"550 5.1.1 <{ADA}>: no such user",
        effect=Effect.SUPPRESS,
    )
    turn(store, batch, results=[refused])
    act(store, reader, "daily")
    with store.write() as session:
        erasure.erase(session, _get(session), NOW)
    with store.read() as session:
        assert subscribers.find(session, ADA) is None
        assert subscribers.get(session, reader) is None
        everything = [
            repr(row)
            for table in metadata.sorted_tables
            for row in session.connection().execute(sa.select(table))
        ]
        key = suppression_key(ADA, installation.permanent_key(session))
    told = "\n".join(everything)
    for trace in ("ada@", "Ada", "Lovelace", "harbour office", "192.0.2.7", "Mail/1.0"):
        assert trace not in told
    assert key in told
    assert {event.subscriber_id for event in events(store, "subscriber.left")} == {reader}


def test_an_id_is_never_used_again(store: Store) -> None:
    ids = readers(store, 3)
    with store.write() as session:
        last = subscribers.get(session, ids[-1])
        assert last is not None
        erasure.erase(session, last, NOW)
    (fresh,) = readers(store, 1, first=10)
    assert fresh > ids[-1]


def test_everyone_is_listed_by_id_with_their_newsletters(store: Store) -> None:
    ids = readers(store, 2500)
    readers(store, 1200, newsletter="weekly")
    act(store, ids[0], "daily")
    with store.read() as session:
        everyone = list(subscribers.everyone(session))
        assert [reader.id for reader in everyone] == ids
        assert [len(reader.newsletters) for reader in everyone] == [1] + [2] * 1199 + [1] * 1300
        assert everyone[0].newsletters == ("weekly",)
        page = subscribers.each(session, after=ids[9], limit=5)
        assert [reader.id for reader in page] == ids[10:15]


def test_subscribers_are_listed_and_counted_by_state(store: Store) -> None:
    ids = readers(store, 4)
    add(store, ada(confirmed=False))
    act(store, ids[0], "daily")
    with store.write() as session:
        subscribers.suppress(session, "reader2@ledger.example", Evidence(reason="complaint"), NOW)
    with store.read() as session:
        assert subscribers.by_state(session) == {
            SubscriberState.PENDING: 1,
            SubscriberState.ACTIVE: 2,
            SubscriberState.UNSUBSCRIBED: 1,
            SubscriberState.SUPPRESSED: 1,
        }
        gone = subscribers.everyone(session, state=SubscriberState.UNSUBSCRIBED)
        assert [reader.id for reader in gone] == ids[:1]


@pytest.mark.parametrize("size", [1, 999, 2500])
def test_a_chunk_may_have_any_length(store: Store, size: int) -> None:
    newcomers = [Newcomer(email=f"n{n}@ledger.example", newsletter="daily") for n in range(size)]
    assert add(store, *newcomers) == [Arrival.ADDED] * size
    assert add(store, *newcomers) == [Arrival.UNCHANGED] * size
    assert add(store) == []
    assert len(events(store)) == size


def test_names_of_every_script_come_back_as_they_were(store: Store) -> None:
    name = 'Zoë "Ω" \\ 李 😀 \t{}'
    add(store, ada(name=name))
    assert find(store).name == name
    add(store, ada(name="'; DROP TABLE subscriber; --"))
    assert find(store).name == "'; DROP TABLE subscriber; --"
