"""What the ledger records of a reply."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from engine_ledger import START, job

from digest.delivery.breaker import Breaker
from digest.delivery.outcome import Kind
from digest.engine.health import LASTING, Health
from digest.engine.job import Running
from digest.engine.verdict import Judged, Policy, judge, unsent
from digest.model import DeliveryState, Issue, IssueState, Phase, Recipient, Reply
from digest.store.bounces import Effect
from digest.store.ledger import Row, epoch

TAKEN = Reply(phase=Phase.BODY, code=250, text="2.0.0 taken")
ROW = Row(recipient=Recipient(id=7, email="ada@mail.example"))


@pytest.fixture
def running() -> Running:
    issue = Issue(
        id=1,
        newsletter="daily",
        slot="2026-11-24T07:00",
        due_at=START,
        state=IssueState.SENDING,
        created_at=START,
    )
    return Running(job=job(issue), breaker=Breaker(audience=100))


def judged(reply: Reply, running: Running, row: Row = ROW, now: datetime = START) -> Judged:
    return judge(reply, row, running, policy=Policy(), now=now, jitter=0, relay_failures=0)


def test_an_acceptance_is_the_same_whether_it_is_the_first_or_one_of_thousands(running: Running) -> None:
    first = judged(TAKEN, running)
    later = judged(TAKEN, running)
    assert (later.result, later.next, later.outcome.kind) == (first.result, first.next, first.outcome.kind)
    assert first.result.state is DeliveryState.ACCEPTED
    assert (first.result.code, first.result.attempt, first.result.reply) == (250, True, "")
    assert running.breaker.relay_takes


def test_an_acceptance_ends_a_run_of_refusals(running: Running) -> None:
    ours = Reply(phase=Phase.BODY, code=554, text="5.7.1 spam")
    judged(TAKEN, running)
    for _ in range(19):
        judged(ours, running)
    judged(TAKEN, running)
    assert judged(ours, running).outcome.kind is Kind.REFUSED_OURS
    assert (running.breaker.run, running.breaker.tripped) == (1, None)


def test_only_a_blemished_address_is_cleared_when_it_accepts(running: Running) -> None:
    assert judged(TAKEN, running).result.effect is Effect.NONE
    assert judged(TAKEN, running, replace(ROW, blemished=True)).result.effect is Effect.CLEAR


@pytest.mark.parametrize(
    ("reply", "state", "effect"),
    [
        ("550 5.1.1 no such user", DeliveryState.REFUSED, Effect.SUPPRESS),
        ("550 5.2.1 mailbox disabled", DeliveryState.REFUSED, Effect.DISABLED),
        ("452 4.2.2 mailbox full", DeliveryState.PENDING, Effect.SOFT),
        ("450 4.7.1 greylisted, try again", DeliveryState.PENDING, Effect.NONE),
        ("550 5.7.1 not by our policy", DeliveryState.REFUSED, Effect.NONE),
    ],
)
def test_a_refusal_of_the_recipient_is_recorded_with_its_effect(
    running: Running, reply: str, state: DeliveryState, effect: Effect
) -> None:
    judged(TAKEN, running)
    code, _, text = reply.partition(" ")
    told = judged(Reply(phase=Phase.RCPT, code=int(code), text=text), running)
    assert (told.result.state, told.result.effect, told.result.reply) == (state, effect, reply)
    assert told.result.asked == (None if effect is Effect.NONE else ROW.recipient)
    assert (told.result.next_at > epoch(START)) == (state is DeliveryState.PENDING)


@pytest.mark.parametrize("reached", [False, True])
def test_what_an_earlier_run_has_reached_shows_that_a_failure_is_the_rows_own(
    running: Running, reached: bool
) -> None:
    running.job = replace(running.job, issue=replace(running.job.issue, reached=reached))
    full = judged(Reply(phase=Phase.RCPT, code=452, text="4.2.2 mailbox full"), running)
    assert (full.result.effect is Effect.SOFT) is reached
    thrice = judged(Reply(phase=Phase.DATA, code=0, text="lost"), running, replace(ROW, losses=2))
    assert (thrice.result.next_at > 0) is reached


def test_expiry_runs_from_the_first_attempt(running: Running) -> None:
    later = Reply(phase=Phase.RCPT, code=451, text="4.3.0 later")
    tried = replace(ROW, first_at=epoch(START), attempts=9)
    assert judged(later, running, tried, START + timedelta(hours=23)).result.state is DeliveryState.PENDING
    assert judged(later, running, tried, START + timedelta(hours=24)).result.state is DeliveryState.EXPIRED


def test_a_row_of_which_nothing_has_left_has_made_no_attempt() -> None:
    result = unsent(ROW)
    assert (result.state, result.attempt, result.lost, result.doubtful, result.next_at) == (
        DeliveryState.PENDING,
        False,
        False,
        False,
        0,
    )


def test_trouble_lasts_from_its_first_failure_until_the_relay_answers() -> None:
    health = Health(patience=timedelta(minutes=2))
    assert not health.failed(START, again=True)
    assert not health.failed(START + timedelta(seconds=119), again=False)
    assert health.failed(START + timedelta(seconds=120), again=True)
    assert health.failures == 2
    assert not health.lasting(START + LASTING - timedelta(seconds=1))
    assert health.lasting(START + LASTING)
    health.answered()
    assert (health.failures, health.lasting(START + LASTING)) == (0, False)
    assert not health.failed(START + timedelta(hours=1), again=True)


def test_without_a_limit_patience_never_ends() -> None:
    health = Health()
    health.failed(START, again=True)
    assert not health.failed(START + timedelta(days=9), again=True)
