"""Shares by weight: whoever has room gets his own, nobody waits for long, nobody catches up."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.weights import AHEAD, Offer, Weights


def offers(*rooms: int, unusable: Sequence[int] = ()) -> list[Offer]:
    """Give one offer a relay, all of which can be used but those at some places."""
    return [Offer(room=room, usable=place not in unusable) for place, room in enumerate(rooms)]


WEIGHTS = st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[int], list[tuple[list[Offer], int]]]:
    """Give weights, and what the relays offer in some rounds, each with how many messages there are."""
    weights = draw(WEIGHTS)
    offer = st.builds(Offer, room=st.integers(0, 9), usable=st.booleans())
    offered = st.lists(offer, min_size=len(weights), max_size=len(weights))
    return weights, draw(st.lists(st.tuples(offered, st.integers(0, 30)), max_size=30))


@given(courses())
def test_never_more_is_given_than_there_is_or_than_fits(
    course: tuple[list[int], list[tuple[list[Offer], int]]],
) -> None:
    weights, rounds = course
    shared = Weights(weights)
    for offered, count in rounds:
        given = Counter(shared.share(offered, count))
        assert given.total() <= count
        assert all(given[place] <= offer.room for place, offer in enumerate(offered))


@given(courses())
def test_who_stands_by_is_used_only_while_no_other_is_usable(
    course: tuple[list[int], list[tuple[list[Offer], int]]],
) -> None:
    weights, rounds = course
    shared = Weights(weights)
    for offered, count in rounds:
        used = set(shared.share(offered, count))
        if len(weights) > 1 and any(
            offer.usable and weight for offer, weight in zip(offered, weights, strict=True)
        ):
            assert all(weights[place] and offered[place].usable for place in used)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.lists(st.integers(1, 40), max_size=40))
def test_with_room_everywhere_each_gets_its_share_to_the_message(
    weights: list[int], counts: list[int]
) -> None:
    shared, got, total = Weights(weights), Counter[int](), 0
    for count in counts:
        got.update(shared.share(offers(*[40] * len(weights)), count))
        total += count
        for place, weight in enumerate(weights):
            # One may be ahead of another by one message of its own, at most.
            assert abs(got[place] - total * weight / sum(weights)) <= len(weights)


def test_three_to_one() -> None:
    shared = Weights([3, 1])
    assert Counter(shared.share(offers(400, 400), 400)) == {0: 300, 1: 100}


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.lists(st.lists(st.integers(0, 3), min_size=4)))
def test_nobody_who_has_room_now_and_then_is_starved(weights: list[int], rooms: list[list[int]]) -> None:
    shared, got = Weights(weights), Counter[int]()
    for room in rooms:
        got.update(shared.share(offers(*room[: len(weights)]), 100))
    # The clocks of those who race together never come apart by more than the room for getting ahead.
    clocks = [got[place] / weight for place, weight in enumerate(weights)]
    assert max(clocks) - min(clocks) <= (AHEAD + 1) / min(weights) + 1


def test_who_is_busy_is_waited_for_once_another_is_far_ahead() -> None:
    shared = Weights([1, 1])
    assert shared.share(offers(1000, 0), 1000) == [0] * (AHEAD + 1)
    assert shared.share(offers(1000, 0), 1000) == []
    # Its messages are kept for it.
    assert Counter(shared.share(offers(1000, 20), 30)) == {0: 10, 1: 20}


@pytest.mark.parametrize("gone", [0, 1])
def test_who_is_in_trouble_is_not_waited_for_and_does_not_catch_up(gone: int) -> None:
    shared, other = Weights([3, 1]), 1 - gone
    assert shared.share(offers(1000, 1000, unusable=[gone]), 1000) == [other] * 1000
    back = Counter(shared.share(offers(400, 400), 400))
    assert back[0] == pytest.approx(300, abs=2)
    assert back[1] == pytest.approx(100, abs=2)


def test_who_is_held_by_its_rate_does_not_catch_up() -> None:
    shared, got = Weights([3, 1]), Counter[int]()
    for permits in [0, 0, 0, 0, 2] * 100:
        got.update(shared.share(offers(permits, 10, unusable=[] if permits else [0]), 10))
    # What the slow one's rate allows is its own; the other has all the rest.
    assert got[0] == 200
    assert got[1] == 5000 - 200
    free = Counter(shared.share(offers(400, 400), 400))
    assert free[0] == pytest.approx(300, abs=AHEAD)


def test_who_comes_first_at_the_start_is_not_caught_up_with() -> None:
    shared = Weights([1, 1])
    assert shared.share(offers(50, 0, unusable=[1]), 50) == [0] * 50
    assert Counter(shared.share(offers(50, 50), 50)) == {0: 25, 1: 25}


def test_those_who_stand_by_are_used_as_far_as_they_have_room() -> None:
    shared = Weights([0, 2, 0])
    assert shared.share(offers(3, 9, 2, unusable=[1]), 99) == [0, 0, 0, 2, 2]
    assert shared.share(offers(3, 9, 2, unusable=[1]), 4) == [0, 0, 0, 2]
    assert shared.share(offers(3, 9, 2), 4) == [1, 1, 1, 1]


def test_a_relay_by_itself_takes_what_it_has_room_for() -> None:
    shared = Weights([5])
    assert shared.share(offers(3), 99) == [0, 0, 0]
    shared.unused([0, 0])
    assert shared.share(offers(3), 2) == [0, 0]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=3), st.lists(st.integers(0, 3), max_size=60))
def test_what_was_shared_for_nothing_counts_for_nobody(weights: list[int], used: list[int]) -> None:
    shared, got = Weights(weights), Counter[int]()
    for count in used:
        places = shared.share(offers(*[10] * len(weights)), 99)
        shared.unused(places[count:])
        got.update(places[:count])
    for place, weight in enumerate(weights):
        assert abs(got[place] - got.total() * weight / sum(weights)) <= len(weights)


def test_who_stands_by_has_nothing_to_give_back() -> None:
    shared = Weights([1, 0])
    shared.unused(shared.share(offers(1, 5, unusable=[0]), 5))
    assert shared.share(offers(1, 5, unusable=[0]), 5) == [1] * 5
