"""What adding an address comes to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.model import SubscriberState
from digest.subscription import Arrival, arrive

ACTIVE, PENDING = SubscriberState.ACTIVE, SubscriberState.PENDING


def decide(
    *,
    state: SubscriberState | None = ACTIVE,
    subscribed: bool = True,
    left: bool = False,
    suppressed: bool = False,
    same_name: bool = True,
    confirmed: bool = True,
) -> Arrival:
    return arrive(
        state=state,
        subscribed=subscribed,
        left=left,
        suppressed=suppressed,
        same_name=same_name,
        confirmed=confirmed,
    )[0]


def test_an_unknown_address_is_added() -> None:
    assert decide(state=None, subscribed=False) is Arrival.ADDED


def test_an_unknown_address_that_is_suppressed_is_refused() -> None:
    assert decide(state=None, subscribed=False, suppressed=True) is Arrival.REFUSED


def test_a_subscriber_who_has_all_of_it_is_unchanged() -> None:
    assert decide() is Arrival.UNCHANGED


@pytest.mark.parametrize(
    ("case", "arrival"),
    [
        (decide(subscribed=False), Arrival.UPDATED),
        (decide(same_name=False), Arrival.UPDATED),
        (decide(state=PENDING), Arrival.UPDATED),
        (decide(state=PENDING, confirmed=False), Arrival.UNCHANGED),
    ],
    ids=["another newsletter", "another name", "consent vouched for", "no consent vouched for"],
)
def test_what_differs_updates(case: Arrival, arrival: Arrival) -> None:
    assert case is arrival


_circumstances = st.fixed_dictionaries(
    {
        "state": st.sampled_from([None, *SubscriberState]),
        "subscribed": st.booleans(),
        "left": st.booleans(),
        "suppressed": st.booleans(),
        "same_name": st.booleans(),
        "confirmed": st.booleans(),
    }
)


@given(_circumstances)
def test_nobody_who_left_or_is_suppressed_is_revived(circumstances: dict[str, Any]) -> None:
    arrival, reason = arrive(**circumstances)
    gone = (
        circumstances["suppressed"]
        or circumstances["left"]
        or circumstances["state"] in (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED)
    )
    assert (arrival is Arrival.REFUSED) == gone
    assert bool(reason) == gone
