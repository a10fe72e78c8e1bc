from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.outcome import Kind, Outcome, Whose
from digest.delivery.reply import classify
from digest.delivery.retry import (
    Attempts,
    Next,
    OnUnknown,
    decide,
    relay_backoff,
    row_backoff,
    suppress_after_disabled,
    suppress_after_soft,
)
from digest.model import DeliveryState, Phase, Reply

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
FRESH = Attempts()
TRIED_YESTERDAY = Attempts(attempts=20, first_attempt_at=NOW - DAY)
LOST_TWICE = Attempts(losses=2, first_attempt_at=NOW - timedelta(minutes=1))


def after(
    phase: Phase,
    code: int,
    text: str = "",
    *,
    state: Attempts = FRESH,
    on_unknown: OnUnknown = "resend",
    relay_takes: bool = True,
    relay_failures: int = 0,
    fresh: bool = False,
) -> Next:
    """Decide about a reply, without jitter."""
    return decide(
        classify(Reply(phase=phase, code=code, text=text)),
        state=state,
        now=NOW,
        expire_after=DAY,
        on_unknown=on_unknown,
        jitter=0,
        relay_takes=relay_takes,
        relay_failures=relay_failures,
        fresh=fresh,
    )


def minutes(decided: Next) -> float:
    assert decided.next_at is not None
    return (decided.next_at - NOW) / timedelta(minutes=1)


def test_an_accepted_message_is_done() -> None:
    assert after(Phase.BODY, 250, "Ok") == Next(state=DeliveryState.ACCEPTED, counts_attempt=True)


def test_a_loss_after_the_body_is_resent_at_once_and_marked_doubtful() -> None:
    decided = after(Phase.BODY, 0, "connection lost")
    assert (decided.state, decided.next_at, decided.doubtful) == (DeliveryState.PENDING, None, True)
    assert decided.close_connection
    assert decided.counts_loss


def test_a_loss_after_the_body_stays_unknown_where_the_operator_wants_to_be_asked() -> None:
    decided = after(Phase.BODY, 0, "connection lost", on_unknown="ask")
    assert (decided.state, decided.next_at, decided.doubtful) == (DeliveryState.UNKNOWN, None, False)
    assert decided.relay_backoff == timedelta(seconds=1)


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.BODY])
def test_the_third_loss_on_one_row_while_others_pass_defers_that_row(phase: Phase) -> None:
    assert minutes(after(phase, 0, "connection lost", state=LOST_TWICE)) == 5
    thrice = Attempts(losses=3, first_attempt_at=NOW - timedelta(minutes=6))
    assert minutes(after(phase, 0, "connection lost", state=thrice)) == 15


def test_losses_on_a_relay_that_takes_nothing_are_not_the_rows() -> None:
    assert after(Phase.BODY, 0, "connection lost", state=LOST_TWICE, relay_takes=False).next_at is None


def test_a_row_that_keeps_breaking_the_connection_expires_and_stays_doubtful() -> None:
    state = Attempts(losses=9, first_attempt_at=NOW - DAY)
    decided = after(Phase.BODY, 0, "connection lost", state=state)
    assert (decided.state, decided.doubtful) == (DeliveryState.EXPIRED, True)


@pytest.mark.parametrize(
    ("phase", "code"), [(Phase.CONNECT, 0), (Phase.MAIL, 421), (Phase.CONNECT, 554), (Phase.AUTH, 454)]
)
def test_a_relays_trouble_backs_off_the_relay_and_burns_nothing(phase: Phase, code: int) -> None:
    decided = after(phase, code, "trouble", state=TRIED_YESTERDAY, relay_failures=3)
    assert (decided.state, decided.next_at, decided.counts_attempt) == (DeliveryState.PENDING, None, False)
    assert decided.relay_backoff == timedelta(seconds=8)
    assert not decided.soft


def test_a_used_up_connection_is_closed_and_the_row_claimed_again_at_once() -> None:
    decided = after(Phase.MAIL, 450, "too many messages in this connection")
    assert decided == Next(state=DeliveryState.PENDING, close_connection=True)


def test_a_connection_that_is_used_up_before_any_use_for_the_third_time_puts_the_row_off() -> None:
    used_up = "4.5.3 too many recipients"
    second = after(Phase.RCPT, 452, used_up, state=Attempts(losses=1), fresh=True)
    assert second == Next(state=DeliveryState.PENDING, counts_loss=True, close_connection=True)
    third = after(Phase.RCPT, 452, used_up, state=LOST_TWICE, fresh=True)
    assert (minutes(third), third.counts_attempt, third.close_connection) == (5, False, True)
    # One that has carried others, or that a relay gives which takes nothing at all, says nothing of the row.
    assert after(Phase.RCPT, 452, used_up, state=LOST_TWICE).next_at is None
    assert after(Phase.RCPT, 452, used_up, state=LOST_TWICE, fresh=True, relay_takes=False).next_at is None


def test_a_relay_that_asks_for_it_gets_half_the_rate() -> None:
    decided = after(Phase.BODY, 454, "Throttling failure: Maximum sending rate exceeded.")
    assert decided.halve_rate
    assert (decided.state, decided.counts_attempt, minutes(decided)) == (DeliveryState.PENDING, False, 1)


def test_a_quota_holds_the_issue_until_it_renews() -> None:
    decided = after(Phase.BODY, 454, "Throttling failure: Daily message quota exceeded.")
    assert decided.state is DeliveryState.PENDING
    assert decided.hold is not None
    assert "Daily message quota exceeded" in decided.hold
    assert decided.hold_for == timedelta(hours=1)


def test_a_refused_password_holds_the_issue_and_touches_no_row() -> None:
    decided = after(Phase.AUTH, 535, "5.7.8 authentication failed", state=TRIED_YESTERDAY)
    assert (decided.state, decided.counts_attempt, decided.hold_for) == (DeliveryState.PENDING, False, None)
    assert decided.hold is not None
    assert "535 5.7.8 authentication failed" in decided.hold


@pytest.mark.parametrize(
    ("phase", "text"),
    [(Phase.MAIL, "5.1.8 Sender address rejected"), (Phase.BODY, "5.7.1 spam"), (Phase.RCPT, "5.7.1 policy")],
)
def test_a_refusal_of_ours_blames_no_subscriber(phase: Phase, text: str) -> None:
    assert after(phase, 550, text) == Next(state=DeliveryState.REFUSED, counts_attempt=True, breaker=True)


def test_a_dead_address_is_suppressed_now() -> None:
    decided = after(Phase.RCPT, 550, "5.1.1 User unknown")
    assert decided == Next(state=DeliveryState.REFUSED, counts_attempt=True, suppress=True)


@pytest.mark.parametrize(("days_ago", "suppressed"), [(None, False), (2, False), (3, True), (30, True)])
def test_a_disabled_mailbox_is_suppressed_at_the_second_in_three_days(
    days_ago: int | None, suppressed: bool
) -> None:
    since = None if days_ago is None else NOW - timedelta(days=days_ago)
    decided = after(Phase.RCPT, 550, "5.2.1 account disabled", state=Attempts(disabled_since=since))
    assert (decided.state, decided.suppress) == (DeliveryState.REFUSED, suppressed)
    assert suppress_after_disabled(since, NOW) is suppressed


def test_a_full_mailbox_counts_once_as_soft_and_is_tried_again() -> None:
    first = after(Phase.RCPT, 452, "4.2.2 over quota")
    assert (first.state, first.soft, first.counts_attempt) == (DeliveryState.PENDING, True, True)
    assert minutes(first) == 5
    assert not after(Phase.RCPT, 452, "4.2.2 over quota", state=Attempts(attempts=1, soft=True)).soft


def test_nothing_is_soft_while_the_relay_takes_nothing() -> None:
    assert not after(Phase.RCPT, 450, "mailbox unavailable", relay_takes=False).soft
    assert not after(Phase.RCPT, 550, "Rejected", relay_takes=False).soft


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        (Phase.MAIL, "4.3.0 try later"),
        (Phase.BODY, "4.3.0 queue file write error"),
        (Phase.RCPT, "4.7.1 helo"),
    ],
)
def test_a_4xx_that_is_not_the_subscribers_is_not_soft(phase: Phase, text: str) -> None:
    decided = after(phase, 451, text)
    assert decided.state is DeliveryState.PENDING
    assert not decided.soft


def test_greylisting_waits_five_minutes_and_counts_nothing() -> None:
    decided = after(Phase.RCPT, 450, "4.2.0 Greylisted", state=Attempts(attempts=3))
    assert minutes(decided) == 5
    assert not decided.counts_attempt
    assert not decided.soft


def test_a_temporary_refusal_is_tried_again_ever_later() -> None:
    delays = [minutes(after(Phase.RCPT, 450, "busy", state=Attempts(attempts=n))) for n in range(6)]
    assert delays == [5, 15, 30, 60, 60, 60]


@pytest.mark.parametrize(
    "text", [pytest.param("busy", id="temporary"), "4.2.0 Greylisted", "4.2.2 full", "4.7.28 slow down"]
)
def test_a_row_expires_a_day_after_its_first_attempt(text: str) -> None:
    decided = after(Phase.RCPT, 450, text, state=TRIED_YESTERDAY)
    assert (decided.state, decided.next_at) == (DeliveryState.EXPIRED, None)
    just_before = Attempts(first_attempt_at=NOW - DAY + timedelta(seconds=1))
    assert after(Phase.RCPT, 450, text, state=just_before).state is DeliveryState.PENDING


def test_a_reply_that_nobody_knows_is_soft_and_tried_again() -> None:
    decided = after(Phase.RCPT, 550, "Rejected")
    assert (decided.state, decided.soft, decided.suppress) == (DeliveryState.PENDING, True, False)


def test_a_relay_backs_off_by_doubling_up_to_a_minute() -> None:
    assert [relay_backoff(n, 0).total_seconds() for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert relay_backoff(10**6, 0) == timedelta(minutes=1)


@given(st.integers(0, 1000), st.floats(0, 1, exclude_max=True))
def test_jitter_only_lengthens_a_delay_and_by_a_quarter_at_most(attempts: int, jitter: float) -> None:
    plain = row_backoff(attempts, 0)
    assert plain <= row_backoff(attempts, jitter) <= plain * 1.25


@pytest.mark.parametrize(
    ("count", "days", "enough"),
    [(5, 14, True), (5, 13, False), (4, 30, False), (30, 1, False), (9, 20, True)],
)
def test_soft_bounces_suppress_after_five_over_a_fortnight(count: int, days: int, enough: bool) -> None:
    assert suppress_after_soft(count, NOW - timedelta(days=days), NOW) is enough


OUTCOMES = st.builds(
    classify,
    st.builds(
        Reply,
        phase=st.sampled_from(Phase),
        code=st.sampled_from([0, 250, 354, 421, 450, 451, 452, 454, 530, 535, 550, 552, 553, 554, 556]),
        text=st.sampled_from(
            ["", "5.1.1 User unknown", "5.7.1 spam", "4.7.1 try again", "sender rejected", "over quota"]
        )
        | st.text(max_size=30),
    ),
    lasting=st.booleans(),
) | st.builds(
    Outcome,
    kind=st.sampled_from(Kind),
    whose=st.sampled_from([Whose.OURS, Whose.RELAY, Whose.NOBODY]),
    evidence=st.just(""),
    closes=st.booleans(),
).filter(lambda outcome: outcome.kind not in {Kind.DEAD_ADDRESS, Kind.DISABLED})
PAST = st.integers(0, 3000).map(lambda m: NOW - timedelta(minutes=m))
STATES = st.builds(
    Attempts,
    attempts=st.integers(0, 100),
    first_attempt_at=st.none() | PAST,
    losses=st.integers(0, 10),
    soft=st.booleans(),
    disabled_since=st.none() | PAST,
)


@given(OUTCOMES, STATES, st.sampled_from(["resend", "ask"]), st.booleans(), st.floats(0, 1, exclude_max=True))
def test_whatever_happens_no_fault_of_ours_or_the_relays_is_held_against_a_subscriber(
    outcome: Outcome, state: Attempts, on_unknown: OnUnknown, relay_takes: bool, jitter: float
) -> None:
    decided = decide(
        outcome,
        state=state,
        now=NOW,
        expire_after=DAY,
        on_unknown=on_unknown,
        jitter=jitter,
        relay_takes=relay_takes,
    )
    if outcome.whose is not Whose.SUBSCRIBER:
        assert not decided.soft
        assert not decided.suppress
    if outcome.kind is not Kind.ACCEPTED:
        assert decided.state not in {DeliveryState.ACCEPTED, DeliveryState.SUBMITTING}
    if decided.next_at is not None:
        assert decided.state is DeliveryState.PENDING
        assert decided.next_at >= NOW + timedelta(minutes=1)
