"""A service that looks, dies and comes back over weeks: each slot ends once."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from duties_plan import HOUR, at, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.duties import CHECKED, Act, Duty, Plan, duties
from digest.model import Issue, IssueState

MINUTES = st.sampled_from([1, 2, 7, 15, 29, 30, 31, 60, 61, 90, 180, 400, 720, 1440])
"""Between one look and the next; with a day the service was down."""
STARTS = st.sampled_from(
    [at("2026-03-07 12:00"), at("2026-10-31 12:00"), at("2026-04-23 12:00"), at("2026-11-24 12:00")]
)
PLANS = st.builds(
    plan,
    st.sampled_from(["0 7 * * *", "30 2 * * *", "*/30 * * * *", "0 0 * * 1-5", "15 1,2,13 * * *"]),
    st.sampled_from(["America/New_York", "Africa/Cairo", "UTC", "Australia/Lord_Howe"]),
    draft_before=st.sampled_from([timedelta(), HOUR, 5 * HOUR]),
    grace=st.sampled_from([timedelta(), HOUR, 6 * HOUR, 48 * HOUR]),
    needs_approval=st.booleans(),
)


class Ledger:
    """Does what is asked for as the ledger would, with whatever luck comes in."""

    def __init__(self) -> None:
        self.issues: dict[str, Issue] = {}
        self.published: Counter[str] = Counter()
        self.late: list[timedelta] = []

    def known(self) -> list[Issue]:
        latest = sorted(self.issues.values(), key=lambda issue: (issue.due_at, issue.id))[-30:]
        open_ones = [one for one in self.issues.values() if one.state not in {*ENDED}]
        return list({one.slot: one for one in (*latest, *open_ones)}.values())

    def do(self, duty: Duty, luck: str, now: datetime) -> None:
        slot = duty.slot
        issue = self.issues.get(slot.name) or Issue(
            id=len(self.issues) + 1,
            newsletter="daily",
            slot=slot.name,
            due_at=slot.instant,
            state=IssueState.DRAFT,
            created_at=now,
        )
        assert issue.state not in ENDED, "an issue that has ended is touched again"
        if duty.act is Act.SKIP:
            issue = replace(issue, state=IssueState.SKIPPED)
        elif duty.act is Act.PUBLISH and luck == "held":
            issue = replace(
                issue,
                state=IssueState.HELD,
                hold_code=min(CHECKED),
                held_from=issue.held_from or issue.state,
            )
        elif duty.act is Act.PUBLISH and luck == "good":
            self.published[slot.name] += 1
            self.late.append(now - slot.instant)
            issue = replace(issue, state=IssueState.SENT, held_from=None)
        elif duty.act in {Act.DRAFT, Act.AWAIT} and luck == "good" and issue.state is IssueState.DRAFT:
            # An editor looks in now and then.
            issue = replace(issue, state=IssueState.APPROVED)
        self.issues[slot.name] = issue


ENDED = (IssueState.SENT, IssueState.SKIPPED)


@settings(max_examples=150, deadline=None)
@given(
    asked=PLANS,
    start=STARTS,
    looks=st.lists(st.tuples(MINUTES, st.sampled_from(["good", "good", "feed down", "held"])), max_size=60),
)
def test_each_slot_is_published_or_skipped_exactly_once_whenever_the_service_looks(
    asked: Plan, start: datetime, looks: list[tuple[int, str]]
) -> None:
    ledger, now = Ledger(), start
    for minutes, luck in [(0, "good"), *looks]:
        now += timedelta(minutes=minutes)
        for duty in duties(asked, ledger.known(), seen_at=start, now=now):
            ledger.do(duty, luck, now)
    # Long after the last slot's grace it is looked at once more, and once again: nothing is left to do.
    slots = [slot.name for slot in asked.schedule.between(start - timedelta.resolution, now)]
    for _ in range(2):
        rest = duties(asked, ledger.known(), seen_at=start, now=now)
        for duty in rest:
            ledger.do(duty, "good", now)
    ended = {slot for slot, issue in ledger.issues.items() if issue.state in ENDED}
    latest = asked.schedule.latest(now)
    waiting = {latest.name} if asked.needs_approval and latest else set()
    assert set(slots) - waiting <= ended
    assert all(issue.due_at >= start for issue in ledger.issues.values()), "a slot from before it was seen"
    assert max(ledger.published.values(), default=1) == 1
    assert all(timedelta() <= late <= asked.grace for late in ledger.late)
