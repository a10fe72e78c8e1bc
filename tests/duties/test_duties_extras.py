"""Extras stand outside of the schedule: they neither fill a slot nor wait for one."""

import pytest
from duties_plan import HOUR, acts, at, issue, plan

from digest.duties import Act
from digest.model import IssueState

NINE = at("2026-11-24 14:00")
SEVEN = "2026-11-24T07:00"


@pytest.mark.parametrize("state", list(IssueState))
def test_an_extra_changes_nothing_about_the_slots(state: IssueState) -> None:
    extra = issue("2026-11-24T08:30", at("2026-11-24 13:30"), state, extra="correction", number=2)
    seen_at = at("2026-11-23 20:00")
    assert acts(plan(), NINE, [extra], seen_at=seen_at) == acts(plan(), NINE, seen_at=seen_at)
    assert acts(plan(), NINE, [extra], seen_at=seen_at) == [(Act.PUBLISH, SEVEN)]


def test_an_extra_that_a_quota_holds_is_resumed_after_its_pause() -> None:
    sent = issue(SEVEN, at("2026-11-24 12:00"), IssueState.SENT)
    for held_at, due in ((NINE - HOUR, True), (NINE - HOUR / 2, False)):
        extra = issue(
            "2026-11-24T08:30",
            at("2026-11-24 13:30"),
            IssueState.HELD,
            held_from=IssueState.SENDING,
            hold_code="quota",
            held_at=held_at,
            extra="correction",
        )
        assert acts(plan(), NINE, [sent, extra]) == ([(Act.RESUME, "2026-11-24T08:30")] if due else [])
