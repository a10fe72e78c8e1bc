from functools import reduce

import pytest

from digest.delivery.breaker import CANARIES, DEAD_RUN, RUN, Breaker
from digest.delivery.outcome import Kind, Outcome, Whose

OK, OURS, POLICY, DEAD = Kind.ACCEPTED, Kind.REFUSED_OURS, Kind.REFUSED_POLICY, Kind.DEAD_ADDRESS


def after(kinds: list[Kind], audience: int = 1000) -> Breaker:
    outcomes = [Outcome(kind=kind, whose=Whose.NOBODY, evidence="550 no") for kind in kinds]
    return reduce(Breaker.record, outcomes, Breaker(audience=audience))


@pytest.mark.parametrize("kind", [OURS, POLICY, DEAD, Kind.DISABLED, Kind.UNRECOGNISED])
def test_the_first_ten_all_refused_alike_hold_the_issue(kind: Kind) -> None:
    assert after([kind] * (CANARIES - 1)).tripped is None
    assert after([kind] * CANARIES).tripped == (
        "all of the first 10 messages were refused alike, the last: 550 no"
    )


@pytest.mark.parametrize("other", [OK, DEAD])
def test_one_canary_that_fares_otherwise_lets_the_issue_go_on(other: Kind) -> None:
    assert after([other, *[OURS] * CANARIES]).tripped is None
    assert after([*[OURS] * (CANARIES - 1), other, OURS]).tripped is None


def test_a_small_audience_that_is_refused_whole_for_our_fault_holds_too() -> None:
    assert after([OURS] * 3, audience=3).tripped is not None
    assert after([OURS] * 2, audience=3).tripped is None


def test_a_small_audience_may_be_dead() -> None:
    assert after([DEAD] * 3, audience=3).tripped is None


def test_a_run_of_refusals_that_are_our_fault_holds_the_issue() -> None:
    assert after([OK, *[OURS, POLICY] * (RUN // 2 - 1), OURS]).tripped is None
    assert after([OK, *[OURS, POLICY] * (RUN // 2)]).tripped == (
        "20 refusals in a row blame us, the last: 550 no"
    )


def test_an_acceptance_ends_a_run() -> None:
    assert after([OK, *([OURS] * (RUN - 1) + [OK]) * 5]).tripped is None


def test_fifty_dead_addresses_in_a_row_are_rather_the_relays_mistake() -> None:
    assert after([OK, *[DEAD] * (DEAD_RUN - 1), OK, *[DEAD] * (DEAD_RUN - 1)]).tripped is None
    assert after([OK, *[DEAD] * DEAD_RUN]).tripped == (
        "50 addresses in a row do not exist, says the relay: 550 no"
    )


def test_dead_addresses_neither_make_nor_end_a_run_of_ours() -> None:
    assert after([OK, *[DEAD] * RUN]).tripped is None
    assert after([OK, *[OURS, DEAD] * RUN]).tripped is not None


@pytest.mark.parametrize("last", [OURS, DEAD])
def test_an_acceptance_need_not_be_recorded_where_it_ends_no_run(last: Kind) -> None:
    assert after([OK]).is_calm
    assert not after([OK, last]).is_calm
    assert after([OK, last, OK]).is_calm
    assert not after([last, OK]).is_calm


def test_what_is_deferred_says_nothing_yet() -> None:
    waiting = [Kind.GREYLISTED, Kind.TEMPORARY, Kind.SOFT, Kind.SLOW_DOWN, Kind.RELAY_TROUBLE, Kind.UNKNOWN]
    assert after(waiting * 20) == Breaker(audience=1000)


def test_a_tripped_breaker_stays_tripped_whatever_comes_off_the_wire() -> None:
    tripped = after([OURS] * CANARIES)
    later = tripped.record(Outcome(kind=OK, whose=Whose.NOBODY, evidence="250 Ok"))
    assert later.tripped == tripped.tripped
    assert later.accepted == 1


def test_a_relay_takes_mail_once_it_has_taken_one_or_there_is_but_one_to_ask() -> None:
    assert not after([DEAD] * 5).relay_takes
    assert after([DEAD, OK]).relay_takes
    assert after([], audience=1).relay_takes
