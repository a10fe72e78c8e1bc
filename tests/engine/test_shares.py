"""How the connections are shared among issues, and what a tick is made of."""

from collections import deque

import pytest
from engine_ledger import START, job
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.breaker import Breaker
from digest.delivery.domains import Domains
from digest.engine.job import OpenBatch, Running
from digest.engine.shares import Claims, claims, put_back, turns
from digest.model import DeliveryState, Issue, IssueState, Recipient
from digest.store.ledger import Batch, Row
from digest.store.tick import Result


def running(issue_id: int, *queues: int, on_wire: int = 0) -> Running:
    """Give an issue under way, with so many rows in the queue of each batch."""
    issue = Issue(
        id=issue_id,
        newsletter="daily",
        slot="2026-11-24T07:00",
        due_at=START,
        state=IssueState.SENDING,
        created_at=START,
    )
    batches = {}
    for seq, count in enumerate(queues):
        first = seq * 1000 + 1
        batch = Batch(
            issue_id=issue_id, newsletter="daily", seq=seq, first_id=first, last_id=first + 999, token=1
        )
        rows = deque(Row(recipient=Recipient(id=first + n, email="a@x.example")) for n in range(count))
        batches[seq] = OpenBatch(batch=batch, cutoff=7, queue=rows)
    if batches:
        batches[0].on_wire = on_wire
    return Running(job=job(issue), breaker=Breaker(audience=sum(queues)), batches=batches)


ANYWHERE = Domains({}, 0)


def ids(chosen: Claims) -> dict[int, list[int]]:
    return {
        issue_id: [row.recipient.id for seq in sorted(batches) for row in batches[seq]]
        for issue_id, batches in chosen.items()
    }


def test_an_issues_batches_go_in_their_order() -> None:
    one = running(1, 2, 5)
    assert ids(claims([one], 4, ANYWHERE, 0)) == {1: [1, 2, 1001, 1002]}
    assert one.queued == 3


@pytest.mark.parametrize(("first", "gets"), [(9, 4), (1, 1)])
def test_two_issues_get_half_each_and_what_one_does_not_need_the_other_takes(first: int, gets: int) -> None:
    chosen = ids(claims([running(1, first), running(2, 9)], 7, ANYWHERE, 0))
    assert [len(chosen[1]), len(chosen[2])] == [gets, 7 - gets]


def test_over_one_connection_issues_take_turns() -> None:
    jobs = [running(1, 9), running(2, 9), running(3, 9)]
    assert [next(iter(claims(jobs, 1, ANYWHERE, 0))) for _ in range(6)] == [1, 2, 3, 1, 2, 3]


def test_the_issue_with_least_on_the_wire_is_first() -> None:
    assert list(claims([running(1, 9, on_wire=3), running(2, 9, on_wire=1)], 1, ANYWHERE, 0)) == [2]


@pytest.mark.parametrize("room", [0, 5])
def test_an_issue_that_has_stopped_claims_nothing(room: int) -> None:
    stopped = running(1, 9)
    stopped.stop()
    assert claims([stopped], room, ANYWHERE, 0) == {}
    assert stopped.idle


@given(st.lists(st.lists(st.integers(0, 8), max_size=3), max_size=4), st.integers(0, 30))
def test_as_much_is_claimed_as_fits_and_nothing_twice(queues: list[list[int]], room: int) -> None:
    jobs = [running(number, *mine) for number, mine in enumerate(queues)]
    waiting = sum(one.queued for one in jobs)
    chosen = ids(claims(jobs, room, ANYWHERE, 0))
    assert sum(map(len, chosen.values())) == min(room, waiting)
    assert sum(one.queued for one in jobs) == waiting - min(room, waiting)
    assert all(len(set(mine)) == len(mine) for mine in chosen.values())


def test_what_a_tick_could_not_do_is_as_it_was() -> None:
    one = running(1, 4, 4)
    was = [list(batch.queue) for batch in one.batches.values()]
    early = Result(subscriber_id=99, state=DeliveryState.ACCEPTED)
    one.batches[1].results.append(early)
    mine = turns([one], claims([one], 6, ANYWHERE, 0))
    assert [turn.cutoff for turn in mine[1]] == [7, 7]
    assert one.batches[1].results == []
    late = early._replace(subscriber_id=98)
    one.batches[1].results.append(late)
    put_back(one, mine[1])
    assert [list(batch.queue) for batch in one.batches.values()] == was
    assert one.batches[1].results == [early, late]


def test_a_batch_with_nothing_to_record_or_claim_has_no_part_in_a_tick() -> None:
    assert turns([running(1, 3)], {}) == {}
