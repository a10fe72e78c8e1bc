"""What came back, as it is shown: the latest, one whole, and what counts against an address."""

from datetime import timedelta

import pytest
from ledger_scene import NOW, claim_all, readers, sending, take, turn
from returned_scene import came_back

from digest.bounce.report import Kind, Verdict
from digest.marks import Proof
from digest.model import DeliveryState
from digest.store import bounces, erasure, returns, subscribers
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store
from digest.store.returns import Filter
from digest.store.tick import Result

HOUR = timedelta(hours=1)


def listed(store: Store, wanted: Filter, limit: int = 30) -> list[int]:
    with store.read() as session:
        return [one.id for one in returns.listing(session, wanted, limit)]


def test_the_latest_come_first_and_may_be_narrowed(store: Store) -> None:
    ids = readers(store, 2)
    daily = sending(store)
    readers(store, 1, newsletter="weekly", first=3)
    weekly = sending(store, newsletter="weekly")
    with store.write() as session:
        [hard] = came_back(session, NOW, ids[:1], issue_id=daily.id)
        [soft] = came_back(session, NOW + HOUR, ids[1:], issue_id=weekly.id, verdict="soft")
        [complaint] = came_back(session, NOW + HOUR, ids[:1], issue_id=daily.id, kind="complaint")
    assert listed(store, Filter()) == [complaint, soft, hard]
    assert listed(store, Filter(), limit=1) == [complaint]
    for wanted, found in (
        (Filter(kind=Kind.COMPLAINT), [complaint]),
        (Filter(verdict=Verdict.SOFT), [soft]),
        (Filter(since=NOW + HOUR), [complaint, soft]),
        (Filter(newsletter="weekly"), [soft]),
        (Filter(issue_id=daily.id, kind=Kind.BOUNCE), [hard]),
        (Filter(subscriber_id=ids[1]), [soft]),
    ):
        assert listed(store, wanted) == found


def test_one_is_shown_with_its_reader_its_issue_and_its_text(store: Store) -> None:
    [reader] = readers(store, 1)
    issue = sending(store)
    with store.write() as session:
        [kept] = came_back(session, NOW, [reader], issue_id=issue.id, effect="suppressed", raw=b"\xff raw")
        [stranger] = came_back(session, NOW, [None], proof="forged")
    with store.read() as session:
        one, other = returns.get(session, kept), returns.get(session, stranger)
        assert one is not None
        assert other is not None
        assert (returns.raw(session, kept), returns.raw(session, stranger)) == (b"\xff raw", None)
        assert returns.get(session, stranger + 1) is None
    [whom], [nobody] = one.recipients, other.recipients
    assert (whom.email, whom.newsletter, whom.slot) == ("reader1@ledger.example", "daily", issue.slot)
    assert (whom.proof, whom.effect, whom.verdict) == (Proof.VERP, "suppressed", Verdict.HARD)
    assert (one.is_kept, other.is_kept) == (True, False)
    assert (nobody.email, nobody.slot, nobody.domain) == ("", "", "mail.example")


def test_all_that_counts_against_an_address_is_told(store: Store) -> None:
    [reader, other] = readers(store, 2)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    full = Evidence(reason="mailbox full", text="452 4.2.2 full", issue_id=issue.id)
    later = Result(
        subscriber_id=reader,
        state=DeliveryState.PENDING,
        code=452,
        kind="soft",
        reply="452 4.2.2 full",
        next_at=int((NOW + HOUR).timestamp()),
    )
    turn(store, batch, results=[later])
    with store.write() as session:
        [back] = came_back(session, NOW, [reader], issue_id=issue.id, verdict="soft")
        came_back(session, NOW, [other], issue_id=issue.id)
        bounces.blame(session, reader, Effect.SOFT, full, NOW)
        bounces.blame(session, reader, Effect.DISABLED, full, NOW)
    with store.read() as session:
        case = returns.against(session, "reader1@ledger.example", reader)
    assert (case.suppression, case.soft_bounces, case.disabled_at) == (None, 1, NOW)
    assert [one.id for one in case.returned] == [back]
    [refusal] = case.refusals
    assert (refusal.state, refusal.slot, refusal.reply) == ("pending", issue.slot, "452 4.2.2 full")


@pytest.mark.parametrize("known", [True, False], ids=["a reader's", "erased"])
def test_a_suppression_is_found_by_the_address(store: Store, *, known: bool) -> None:
    [reader] = readers(store, 1)
    email = "reader1@ledger.example"
    with store.write() as session:
        subscribers.suppress(session, email, Evidence(reason="complaint", text="abuse"), NOW)
        if not known:
            found = subscribers.find(session, email)
            assert found is not None
            erasure.erase(session, found, NOW)
    with store.read() as session:
        suppression = returns.against(
            session, "Reader1@ledger.example", reader if known else None
        ).suppression
    assert suppression is not None
    assert (suppression.reason, suppression.evidence) == ("complaint", "abuse" if known else "")
