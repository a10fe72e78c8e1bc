"""Two ways to the same end: what a session does, and what many clicks at once do on the driver's cursor."""

from datetime import datetime

import pytest
from sqlmodel import col, select

from digest.model import Channel, SubscriberState
from digest.store import departures, subscribers
from digest.store.database import Store
from digest.store.departures import Act
from digest.store.subscribers import Newcomer
from digest.store.tables import EventRow

ROSA = "rosa@mail.example"


@pytest.fixture
def rosa(store: Store, now: datetime) -> int:
    with store.write() as session:
        for newsletter in ("daily", "weekly"):
            subscribers.add(session, [Newcomer(email=ROSA, newsletter=newsletter)], now)
        found = subscribers.find(session, ROSA)
    assert found is not None
    return found.id


def leave(store: Store, subscriber_id: int, now: datetime, *newsletters: str) -> list[str]:
    with store.bare() as hand:
        one = departures.person(hand, subscriber_id)
        assert one is not None
        act = Act(at=now, channel=Channel.ONE_CLICK, ip="192.0.2.7", agent="a" * 400)
        return sorted(departures.leave(hand, one, newsletters, act))


def test_who_leaves_the_last_newsletter_is_unsubscribed_and_every_call_is_an_event(
    store: Store, rosa: int, now: datetime
) -> None:
    assert leave(store, rosa, now, "daily") == ["daily"]
    assert leave(store, rosa, now, "daily", "weekly") == ["weekly"]
    assert leave(store, rosa, now, "weekly") == []
    with store.read() as session:
        found = subscribers.get(session, rosa)
        events = session.exec(select(EventRow).where(col(EventRow.channel) == Channel.ONE_CLICK)).all()
    assert found is not None
    assert (found.state, found.left_at, found.left_channel, found.newsletters) == (
        SubscriberState.UNSUBSCRIBED,
        now,
        Channel.ONE_CLICK,
        (),
    )
    assert [(event.kind.removeprefix("subscriber."), event.newsletter) for event in events] == [
        ("left", "daily"),
        ("left_again", "daily"),
        ("left", "weekly"),
        ("left_again", "weekly"),
    ]
    assert {(event.at, event.ip, event.agent) for event in events} == {(now, "192.0.2.7", "a" * 300)}


def test_one_who_is_not_there_leaves_nothing(store: Store) -> None:
    with store.bare() as hand:
        assert departures.person(hand, 4711) is None
        assert departures.newsletter_of(hand, 4711) is None
