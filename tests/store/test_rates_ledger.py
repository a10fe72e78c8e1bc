"""Rates over the ledger: by issue and by domain, of what was accepted, as long as an issue is watched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, SLOT, accepted, claim_all, draft, readers, sending, take, turn
from returned_scene import came_back

from digest.model import Issue, IssueState, Slot
from digest.rates import RATES, WATCHED, Level, Rate, What
from digest.store import issues, ledger, rates
from digest.store.database import Store
from digest.store.known import KEPT, Known
from digest.store.rates import Standing
from digest.store.tables import SUBSCRIBER

DAY = timedelta(days=1)
LATER = NOW + timedelta(hours=1)


def mailed(store: Store, *, slot: Slot = SLOT, ends: bool = True) -> Issue:
    """An issue that everybody's relay accepted."""
    issue = sending(store, slot=slot)
    batch = take(store, issue)
    turn(store, batch, results=accepted(*claim_all(store, batch)))
    with store.write() as session:
        sent = ledger.finish(session, issue, NOW) if ends else issue
    assert sent is not None
    return sent


def found(store: Store, *, known: Known | None = None, after: timedelta = timedelta()) -> list[Standing]:
    now, known = NOW + after, known or Known()
    with store.read() as session:
        back = rates.came(session, rates.recent(session, now), now, known)
        return rates.standings(session, back, now, known)


def holding(store: Store) -> Standing | None:
    known = Known()
    with store.read() as session:
        among = rates.recent(session, LATER)
        back = rates.came(session, among, LATER, known)
        return rates.holding(session, among, rates.standings(session, back, LATER, known), LATER, known)


def complain(store: Store, issue: Issue, who: Sequence[int]) -> None:
    with store.write() as session:
        came_back(session, NOW, who, issue_id=issue.id, kind="complaint", domain="ledger.example")


def move_to(store: Store, domain: str, who: Sequence[int]) -> None:
    """Let readers have addresses at a domain."""
    there = "reader" + sa.cast(SUBSCRIBER.c.id, sa.String) + f"@{domain}"
    with store.write() as session:
        update = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id.in_(who))
        session.connection().execute(update.values(email=there, address_key=there))


@pytest.mark.parametrize("ends", [True, False], ids=["sent", "being sent"])
def test_each_reader_counts_once_over_what_was_accepted(store: Store, *, ends: bool) -> None:
    ids = readers(store, 40)
    issue = mailed(store, ends=ends)
    with store.write() as session:
        came_back(session, NOW, [*ids[:10], *ids[:10]], issue_id=issue.id, domain="ledger.example")
        came_back(session, NOW, ids[10:40], issue_id=issue.id, verdict="soft", domain="ledger.example")
        came_back(session, NOW, ids[10:40], issue_id=issue.id, verdict="ours", domain="ledger.example")
        came_back(session, NOW, ids[10:40], issue_id=issue.id, kind="auto-reply", domain="ledger.example")
    [standing] = found(store)
    assert standing.issue.id == issue.id
    # All at one domain: that is no further trouble.
    assert standing.rates == (Rate(what=What.BOUNCES, count=10, accepted=40),)
    assert standing.level is Level.WARN
    assert str(standing) == f"daily {SLOT.name}: 10 bounces of 40 accepted (25.00 %)"


@pytest.mark.parametrize("proof", ["address", "", "forged", "contradictory"])
def test_what_anybody_may_have_written_holds_nothing(store: Store, proof: str) -> None:
    ids = readers(store, 30)
    issue = mailed(store)
    with store.write() as session:
        came_back(session, NOW, ids, issue_id=issue.id, domain="ledger.example", proof=proof)
    assert found(store) == []


def test_a_domain_is_in_trouble_that_is_little_among_all(store: Store) -> None:
    ids = readers(store, 600)
    move_to(store, "we_ird.example", ids[:40])
    # An underscore stands for any character where it is not escaped.
    move_to(store, "weXird.example", ids[40:300])
    issue = mailed(store)
    with store.write() as session:
        came_back(session, NOW, ids[:20], issue_id=issue.id, domain="we_ird.example")
    [standing] = found(store)
    [rate] = standing.rates
    assert (rate.count, rate.accepted, rate.domain) == (20, 40, "we_ird.example")
    # Of all it is 3 %: a domain that is dead holds no newsletter.
    assert standing.level is Level.WARN


def test_a_domains_bounces_hold_where_too_much_bounces_at_all(store: Store) -> None:
    ids = readers(store, 300)
    move_to(store, "dead.example", ids[:20])
    issue = mailed(store)
    with store.write() as session:
        came_back(session, NOW, ids[:20], issue_id=issue.id, domain="dead.example")
    [standing] = found(store)
    assert [(rate.domain, rate.level) for rate in standing.rates] == [
        ("dead.example", Level.HOLD),
        ("", Level.WARN),
    ]


def test_after_a_week_an_issue_is_not_watched_any_more(store: Store) -> None:
    ids = readers(store, 10)
    issue = mailed(store)
    complain(store, issue, ids)
    assert [one.level for one in found(store, after=WATCHED)] == [Level.HOLD]
    assert found(store, after=WATCHED + timedelta(seconds=1)) == []


def test_an_issue_that_was_held_for_a_week_is_watched_once_it_is_sent(store: Store) -> None:
    ids = readers(store, 10)
    issue = mailed(store, ends=False)
    complain(store, issue, ids)
    late = WATCHED + DAY
    assert [one.level for one in found(store, after=late)] == [Level.HOLD]
    with store.write() as session:
        assert ledger.finish(session, issue, NOW + late) is not None
    assert [one.level for one in found(store, after=late + WATCHED)] == [Level.HOLD]
    assert found(store, after=late + WATCHED + timedelta(seconds=1)) == []


def test_of_a_great_domain_no_more_is_counted_than_decides(store: Store) -> None:
    ids = readers(store, 500)
    issue = mailed(store)
    known = Known()
    few = Rate(what=What.BOUNCES, count=10, accepted=0, domain="ledger.example")
    with store.read() as session:
        # Ten of 201 would be harmless: of five hundred no more than twice that are looked at.
        assert known.rate(session, issue, few, NOW, None).accepted == 402
        many = known.rate(session, issue, replace(few, count=60), NOW, None)
    assert (many.accepted, many.level) == (len(ids), Level.HOLD)


def test_while_an_issue_is_sent_a_count_is_kept_as_long_as_it_leads_to_nothing_new(store: Store) -> None:
    readers(store, 250)
    issue = sending(store)
    batch = take(store, issue)
    claimed = claim_all(store, batch)
    turn(store, batch, results=accepted(*claimed[:150]))
    known = Known()
    came = Rate(what=What.BOUNCES, count=14, accepted=0, domain="ledger.example")

    def rate(count: int, after: timedelta) -> Rate:
        with store.read() as session:
            return known.rate(session, issue, replace(came, count=count), NOW + after, None)

    assert rate(14, timedelta()).accepted == 150
    turn(store, batch, results=accepted(*claimed[150:240]))
    assert rate(14, KEPT / 2).accepted == 150
    # Twenty of 150 would hold.
    assert (rate(20, KEPT / 2).accepted, rate(20, KEPT / 2).level) == (240, Level.WARN)
    turn(store, batch, results=accepted(*claimed[240:]))
    assert rate(20, KEPT).accepted == 240
    assert rate(20, KEPT / 2 + KEPT).accepted == 250


def test_what_came_back_is_counted_where_more_has_come(store: Store) -> None:
    ids = readers(store, 10)
    issue = mailed(store)
    complain(store, issue, ids[:5])
    known = Known()
    asked: list[str] = []
    with store.read() as session:
        sa.event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _conn, _cursor, statement, *_more: asked.append(statement),
        )
        for _ in range(2):
            [counted] = known.came(session, [issue.id], NOW, None).values()
    assert counted["ledger.example"].complained == 5
    assert sum("returned_about" in one for one in asked) == 1
    complain(store, issue, ids[5:])
    with store.read() as session:
        [counted] = known.came(session, [issue.id], NOW, None).values()
    assert counted["ledger.example"].complained == 10


def test_an_operator_has_taken_note_of_what_came_back_so_far(store: Store) -> None:
    ids = readers(store, 20)
    issue = mailed(store)
    complain(store, issue, ids[:5])
    next_one = draft(store, slot=Slot(name="2026-11-25T07:00", instant=NOW + DAY))
    held = holding(store)
    assert held is not None
    with store.write() as session:
        there = issues.hold(session, next_one, RATES, "complaints", NOW)
        again = issues.resume(session, there, NOW + timedelta(minutes=1), confirm_audience=True)
    assert again.state is IssueState.DRAFT
    assert holding(store) is None
    with store.write() as session:
        came_back(session, LATER, ids[5:10], issue_id=issue.id, kind="complaint", domain="ledger.example")
    further = holding(store)
    assert further is not None
    assert further.rates[0].count == 5


@pytest.mark.parametrize(
    ("code", "by_hand"), [("audience", True), (RATES, False)], ids=["another hold", "a check that passed"]
)
def test_nobody_has_taken_note_by_anything_else(store: Store, code: str, *, by_hand: bool) -> None:
    ids = readers(store, 5)
    complain(store, mailed(store), ids)
    next_one = draft(store, slot=Slot(name="2026-11-25T07:00", instant=NOW + DAY))
    with store.write() as session:
        held = issues.hold(session, next_one, code, "why", NOW)
        issues.resume(session, held, NOW, confirm_audience=by_hand)
    assert holding(store) is not None


def test_what_is_our_own_fault_is_counted_with_where_it_came_from(store: Store) -> None:
    ids = readers(store, 5)
    issue = mailed(store)
    with store.write() as session:
        came_back(session, NOW, ids[:1], issue_id=issue.id, verdict="ours", domain="gmx.example")
        said = "550 5.7.1 blocked"
        came_back(
            session, NOW, ids[1:4], issue_id=issue.id, verdict="ours", domain="big.example", evidence=said
        )
        came_back(session, NOW, ids[4:], issue_id=issue.id, domain="big.example")
    with store.read() as session:
        [one] = rates.ours(session, rates.came(session, rates.recent(session, NOW), NOW, Known()))
    assert (one.count, one.domains, one.evidence) == (4, ("big.example", "gmx.example"), said)
