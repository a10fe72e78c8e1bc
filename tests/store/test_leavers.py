"""Those who stopped elsewhere, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from digest.model import SubscriberState
from digest.store import subscribers
from digest.store.database import Store
from digest.store.leavers import Departure, Leaver, depart, take_out
from digest.store.subscribers import Newcomer
from digest.store.tables import EventRow

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def leaver(email: str, reason: str = "") -> Leaver:
    return Leaver(email=email, newsletter="daily", reason=reason, evidence="imported from Elsewhere: gone")


def test_a_chunk_of_all_kinds_is_taken_in(store: Store) -> None:
    known = ["ada@x.example", "bob@x.example", "cyd@x.example"]
    with store.write() as session:
        subscribers.add(session, [Newcomer(email=one, newsletter="daily") for one in known], NOW)
    chunk = [
        leaver("ADA@x.example"),
        leaver("bob@x.example", "bounced"),
        leaver("new@x.example"),
        leaver("bad@x.example", "complained"),
        leaver("new@x.example"),
    ]
    with store.write() as session:
        assert take_out(session, chunk, NOW) == [
            Departure.UNSUBSCRIBED,
            Departure.SUPPRESSED,
            Departure.UNSUBSCRIBED,
            Departure.SUPPRESSED,
            Departure.UNCHANGED,
        ]
    with store.write() as session:
        assert set(take_out(session, chunk, NOW + timedelta(days=1))) == {Departure.UNCHANGED}
    with store.read() as session:
        assert {one.email: one.state for one in subscribers.everyone(session)} == {
            "ada@x.example": SubscriberState.UNSUBSCRIBED,
            "bob@x.example": SubscriberState.SUPPRESSED,
            "cyd@x.example": SubscriberState.ACTIVE,
            "new@x.example": SubscriberState.UNSUBSCRIBED,
        }
        ada = subscribers.find(session, "ada@x.example")
        assert ada is not None
        assert (ada.left_at, ada.newsletters) == (NOW, ())
        kinds = [row.kind for row in session.exec(select(EventRow)) if row.detail]
    assert sorted(kinds) == [
        "subscriber.left_elsewhere",
        "subscriber.left_elsewhere",
        "subscriber.suppressed_elsewhere",
    ]


@given(
    state=st.sampled_from([None, *SubscriberState]),
    member=st.sampled_from([None, True, False]),
    reason=st.sampled_from(["", "bounced"]),
    suppressed=st.booleans(),
)
def test_nobody_begins_to_get_mail_by_having_left(
    state: SubscriberState | None, *, member: bool | None, reason: str, suppressed: bool
) -> None:
    became = depart(
        leaver("a@x.example", reason), state=state, member=member, joined_at=None, suppressed=suppressed
    )
    if state is SubscriberState.ACTIVE and member and not suppressed:
        assert became is not Departure.UNCHANGED


@pytest.mark.parametrize(("days", "became"), [(-1, Departure.UNCHANGED), (1, Departure.UNSUBSCRIBED)])
def test_the_later_word_holds(days: int, became: Departure) -> None:
    one = Leaver(email="a@x.example", newsletter="daily", evidence="", at=NOW + timedelta(days=days))
    active = SubscriberState.ACTIVE
    assert depart(one, state=active, member=True, joined_at=NOW, suppressed=False) is became
