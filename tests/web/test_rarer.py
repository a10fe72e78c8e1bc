from datetime import UTC, datetime

import pytest

from digest.slots import Schedule
from digest.web.rarer import rarer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def often(**expressions: str) -> dict[str, list[str]]:
    schedules = {name: Schedule.parse(said, "America/New_York") for name, said in expressions.items()}
    return {name: list(others) for name, others in rarer(schedules, NOW).items()}


def test_what_comes_less_often_is_told_the_most_frequent_first() -> None:
    told = often(monthly="0 7 1 * *", daily="0 7 * * *", weekly="0 7 * * 1")
    assert told == {"daily": ["weekly", "monthly"], "weekly": ["monthly"], "monthly": []}


@pytest.mark.parametrize("other", ["0 19 * * *", "0 7 * * 1-5", "30 6 * * *"])
def test_what_comes_about_as_often_is_no_rarer(other: str) -> None:
    assert often(daily="0 7 * * *", other=other) == {"daily": [], "other": []}


def test_twice_a_day_is_more_than_once_and_a_leap_day_is_the_rarest() -> None:
    told = often(twice="0 7,19 * * *", daily="0 7 * * *", leap="0 7 29 2 *", yearly="0 7 1 1 *")
    assert told["twice"] == ["daily", "yearly", "leap"]
    assert told["yearly"] == ["leap"]


def test_one_newsletter_alone_has_no_rarer_one() -> None:
    assert often(daily="* * * * *") == {"daily": []}
