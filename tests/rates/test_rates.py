"""From which share, and from how many, what came back is told of or holds."""

import pytest

from digest.rates import Level, Rate, What, beside, counts, harmless_from, worse


@pytest.mark.parametrize(
    ("what", "count", "accepted", "level"),
    [
        (What.COMPLAINTS, 1, 200, Level.FINE),
        (What.COMPLAINTS, 2, 2, Level.FINE),
        (What.COMPLAINTS, 3, 3_000, Level.WARN),
        (What.COMPLAINTS, 3, 3_001, Level.FINE),
        (What.COMPLAINTS, 4, 100, Level.WARN),
        (What.COMPLAINTS, 5, 1_666, Level.HOLD),
        (What.COMPLAINTS, 5, 1_667, Level.WARN),
        (What.BOUNCES, 9, 9, Level.FINE),
        (What.BOUNCES, 10, 200, Level.WARN),
        (What.BOUNCES, 10, 201, Level.FINE),
        (What.BOUNCES, 19, 19, Level.WARN),
        (What.BOUNCES, 20, 200, Level.HOLD),
        (What.BOUNCES, 20, 201, Level.WARN),
        (What.BOUNCES, 99_999, 1_000_000, Level.WARN),
        (What.BOUNCES, 100_000, 1_000_000, Level.HOLD),
        (What.BOUNCES, 50, 0, Level.FINE),
    ],
)
def test_a_share_and_a_number_are_needed(what: What, count: int, accepted: int, level: Level) -> None:
    assert Rate(what=what, count=count, accepted=accepted).level is level


@pytest.mark.parametrize("what", What)
@pytest.mark.parametrize("count", [3, 10, 21, 777])
def test_where_so_many_were_accepted_nothing_more_need_be_counted(what: What, count: int) -> None:
    enough = harmless_from(what, count)
    assert Rate(what=what, count=count, accepted=enough).level is Level.FINE
    if counts(what, count):
        assert Rate(what=what, count=count, accepted=enough - 2).level is not Level.FINE


def test_what_holds_comes_before_what_is_told_of() -> None:
    many = Rate(what=What.BOUNCES, count=19, accepted=20)
    held = Rate(what=What.COMPLAINTS, count=5, accepted=1_000, domain="gmail.com")
    assert max((many, held), key=worse) is held


def test_a_rate_says_itself() -> None:
    rate = Rate(what=What.COMPLAINTS, count=12, accepted=3_900, domain="gmail.com")
    assert str(rate) == "12 complaints of 3,900 accepted at gmail.com (0.31 %)"


@pytest.mark.parametrize(
    ("what", "of_all", "level"),
    [
        (What.BOUNCES, 1_000_000, Level.WARN),
        (What.BOUNCES, 401, Level.WARN),
        (What.BOUNCES, 400, Level.HOLD),
        (What.COMPLAINTS, 1_000_000, Level.HOLD),
    ],
)
def test_a_domain_that_is_dead_holds_only_where_too_many_bounce_at_all(
    what: What, of_all: int, level: Level
) -> None:
    domain = Rate(what=what, count=20, accepted=20, domain="closed.example")
    assert beside(domain, Rate(what=what, count=20, accepted=of_all)).level is level
