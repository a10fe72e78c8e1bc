"""What came back, in figures: by issue, by recipient domain, by reason; beside what was refused at once."""

from datetime import timedelta

from ledger_scene import NOW, claim_all, readers, sending, take, turn
from returned_scene import came_back

from digest.model import DeliveryState
from digest.store import received
from digest.store.database import Store
from digest.store.received import Domain, Reason, Received, Returns
from digest.store.tick import Result

DAY = timedelta(days=1)


def test_an_issue_counts_each_reader_once_a_column(store: Store) -> None:
    ids = readers(store, 4)
    issue = sending(store)
    with store.write() as session:
        came_back(session, NOW, [ids[0], ids[0], ids[1]], issue_id=issue.id)
        came_back(session, NOW, ids[1:3], issue_id=issue.id, verdict="soft", domain="other.example")
        came_back(session, NOW, ids[3:], issue_id=issue.id, verdict="ours")
        came_back(session, NOW, ids[:1], issue_id=issue.id, kind="complaint")
        came_back(session, NOW, ids, issue_id=issue.id, kind="delay")
        came_back(session, NOW, ids, issue_id=issue.id, kind="auto-reply")
        came_back(session, NOW, ids, issue_id=issue.id, proof="address")
    with store.read() as session:
        assert received.by_issue(session, [issue.id, 99]) == {
            issue.id: Received(hard=2, soft=2, ours=1, complained=1),
            99: Received(),
        }


def test_a_span_is_summed_up_by_domain_and_by_reason_with_what_was_refused(store: Store) -> None:
    ids = readers(store, 4)
    issue = sending(store)
    batch = take(store, issue)
    claim_all(store, batch)
    refused = [
        Result(subscriber_id=one, state=DeliveryState.REFUSED, code=550, kind="dead address", reply="550 no")
        for one in ids[:2]
    ]
    turn(store, batch, results=refused)
    with store.write() as session:
        came_back(session, NOW, ids[2:], issue_id=issue.id, domain="big.example")
        came_back(session, NOW, ids[2:3], issue_id=issue.id, domain="big.example", verdict="soft", reason="")
        came_back(session, NOW, ids[3:], kind="complaint", reason="abuse", domain="ledger.example", proof="")
        came_back(session, NOW, [None], domain="strange.example", proof="forged")
        came_back(session, NOW - DAY, ids, issue_id=issue.id, domain="early.example")
        came_back(session, NOW + DAY, ids, issue_id=issue.id, domain="late.example")
    with store.read() as session:
        all_of_it = received.returns(session, NOW, NOW + DAY)
        daily = received.returns(session, NOW, NOW + DAY, "daily")
        weekly = received.returns(session, NOW, NOW + DAY, "weekly")
    assert all_of_it.domains == (
        Domain(domain="big.example", refused=0, received=Received(hard=2, soft=1)),
        Domain(domain="ledger.example", refused=2, received=Received(complained=1)),
    )
    assert all_of_it.reasons == (
        Reason(what="hard", reason="no such address", count=2),
        Reason(what="refused", reason="dead address", count=2),
        Reason(what="complained", reason="abuse", count=1),
        Reason(what="soft", reason="", count=1),
    )
    assert [one.domain for one in daily.domains] == ["big.example", "ledger.example"]
    assert daily.domains[1].received == Received()
    assert weekly == Returns()
