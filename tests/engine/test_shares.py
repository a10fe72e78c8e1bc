"""How the connections are shared among issues, and what a tick is made of."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import pytest
from engine_ledger import START, job
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.breaker import Breaker
from digest.delivery.domains import Domains, Limit
from digest.engine.job import OpenBatch, Running
from digest.engine.shares import Claims, claims, forget, put_back, put_off, turns
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


def at(domains: dict[int, str], *queues: int) -> Running:
    """Give an issue under way whose rows of these ids are at other domains than `x.example`."""
    one = running(1, *queues)
    for batch in one.batches.values():
        batch.queue = deque(
            replace(row, recipient=replace(row.recipient, email=f"a@{domains[row.recipient.id]}"))
            if row.recipient.id in domains
            else row
            for row in batch.queue
        )
    return one


def spared(most: int = 1, rate: float = 0) -> Domains:
    return Domains({"s.example": Limit(connections=most, rate=rate)}, 0)


def waiting(one: Running) -> dict[str, list[int]]:
    return {domain: [row.recipient.id for _, row in parked] for domain, parked in one.parked.items()}


def test_a_row_whose_domain_has_enough_lets_those_behind_it_pass() -> None:
    domains = spared()
    one = at({1: "s.example", 2: "s.example", 4: "S.Example"}, 5)
    assert ids(claims([one], 3, domains, 0)) == {1: [1, 3, 5]}
    assert (one.queued, one.waiting, one.batches[0].parked) == (0, 2, 2)
    assert not one.batches[0].idle
    assert not one.idle
    assert claims([one], 3, domains, 0) == {}


def test_a_row_that_waited_is_the_first_once_its_domain_is_free() -> None:
    domains = spared()
    one = at({1: "s.example", 2: "s.example", 3: "s.example"}, 9)
    claims([one], 2, domains, 0)
    domains.returned("s.example")
    assert ids(claims([one], 2, domains, 0)) == {1: [2, 5]}
    assert waiting(one) == {"s.example": [3]}
    assert one.batches[0].parked == 1


def test_no_more_rows_are_looked_at_than_there_is_room_for() -> None:
    one = at({1: "s.example"}, 9)
    claims([one], 2, spared(), 0)
    assert one.queued == 7
    assert one.waiting == 0


def test_an_issue_in_which_all_wait_leaves_its_room_to_the_others() -> None:
    domains = spared()
    one, other = at(dict.fromkeys(range(1, 9), "s.example"), 8), running(2, 9)
    assert [len(mine) for mine in ids(claims([one, other], 6, domains, 0)).values()] == [1, 5]


def test_an_issue_that_has_stopped_waits_for_no_domain() -> None:
    one = at({1: "s.example", 2: "s.example"}, 2)
    domains = spared()
    chosen = claims([one], 2, domains, 0)
    turns([one], chosen)
    one.stop()
    domains.returned("s.example")
    assert one.waiting == 0
    assert one.idle
    assert claims([one], 2, domains, 0) == {}


def test_a_row_that_waited_stands_in_the_queue_again_when_its_tick_fails() -> None:
    domains = spared()
    one = at({1: "s.example", 2: "s.example"}, 4)
    claims([one], 4, domains, 0)
    domains.returned("s.example")
    mine = turns([one], claims([one], 4, domains, 0))
    assert [row.recipient.id for row in mine[1][0].claim] == [2]
    put_back(one, mine[1])
    assert [row.recipient.id for row in one.batches[0].queue] == [2]
    assert (one.batches[0].parked, one.waiting) == (0, 0)


def test_what_is_forgotten_of_a_batch_waits_no_longer() -> None:
    one = at(dict.fromkeys([1, 2, 1001, 1002], "s.example"), 3, 3)
    claims([one], 3, spared(), 0)
    assert waiting(one) == {"s.example": [2, 1001, 1002]}
    forget(one, one.batches[0])
    assert waiting(one) == {"s.example": [1001, 1002]}
    assert (one.batches[0].queue, one.batches[0].parked) == (deque(), 0)
    assert one.batches[1].parked == 2


def test_the_batch_in_which_most_rows_wait_makes_room_for_a_fresh_one() -> None:
    one = at(dict.fromkeys([1, 2, 1001, 1002, 1003, 2001], "s.example"), 2, 3, 1)
    claims([one], 9, spared(), 0)
    one.upcoming.append(3)
    # One of the first is on the wire.
    one.batches[0].on_wire = 1
    batch = put_off(one, 3)
    assert batch is not None
    assert batch.batch.seq == 1
    assert set(one.batches) == {0, 2}
    assert list(one.upcoming) == [3, 1]
    assert waiting(one) == {"s.example": [2, 2001]}
    # It has been tried once, and is no reason to put off another.
    one.upcoming.popleft()
    assert put_off(one, 2) is None


@pytest.mark.parametrize(
    "why", ["nothing upcoming", "room for more", "rows at hand", "nobody waits", "at work"]
)
def test_no_batch_is_put_off_without_need(why: str) -> None:
    one = at({} if why == "nobody waits" else dict.fromkeys([1, 2, 1001, 1002], "s.example"), 2, 2)
    claims([one], 1 if why == "rows at hand" else 9, spared(), 0)
    if why != "nothing upcoming":
        one.upcoming.append(2)
    if why == "at work":
        one.batches[0].on_wire = 1
        one.batches[1].results.append(Result(subscriber_id=99, state=DeliveryState.ACCEPTED))
    assert put_off(one, 3 if why == "room for more" else 2) is None
    assert set(one.batches) == {0, 1}


@given(
    st.lists(st.lists(st.sampled_from(["x.example", "s.example", "t.example"]), max_size=6), max_size=3),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=12),
)
def test_whatever_happens_every_row_is_somewhere_once_and_the_limits_hold(
    queues: list[list[str]], steps: list[tuple[int, int, bool]]
) -> None:
    where = {seq * 1000 + place + 1: name for seq, one in enumerate(queues) for place, name in enumerate(one)}
    one = at(where, *map(len, queues))
    domains = Domains({"s.example": Limit(connections=1), "t.example": Limit(connections=2)}, 0)
    wire: list[Row] = []
    for room, answered, fails in steps:
        for row in wire[:answered]:
            domains.returned(row.recipient.email.partition("@")[2])
        done, wire = wire[:answered], wire[answered:]
        where = {number: name for number, name in where.items() if number not in _ids(done)}
        mine = turns([one], claims([one], room, domains, 0)).get(1, [])
        rows = [row for turn in mine for row in turn.claim]
        assert len(rows) <= room
        if fails:
            put_back(one, mine)
            for row in rows:
                domains.returned(row.recipient.email.partition("@")[2])
        else:
            wire += rows
        on_wire = [row.recipient.email.partition("@")[2] for row in wire]
        assert on_wire.count("s.example") <= 1
        assert on_wire.count("t.example") <= 2
        queued = [row for batch in one.batches.values() for row in batch.queue]
        parked = [row for each in one.parked.values() for _, row in each]
        assert sorted(_ids([*queued, *parked, *wire])) == sorted(where)
        assert sum(batch.parked for batch in one.batches.values()) == len(parked) == one.waiting


def _ids(rows: Iterable[Row]) -> list[int]:
    return [row.recipient.id for row in rows]
