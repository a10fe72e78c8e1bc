"""What the relay says about a message, and what the ledger has of it when the run is over."""

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from engine_ledger import (
    START,
    Clock,
    address,
    counts,
    delivery,
    doubtful,
    in_state,
    job,
    reread,
    sender,
    sending,
    state,
    subscribe,
)
from smtp_server import Bad, SmtpServer

from digest.engine.verdict import Policy
from digest.model import Counts, DeliveryState, IssueState, SubscriberState
from digest.store import ledger
from digest.store.database import Store
from digest.store.tables import DELIVERY_REPLY, SUBSCRIBER, SUPPRESSION


def subscriber(store: Store, number: int) -> sa.Row[tuple[object, ...]]:
    with store.read() as session:
        return session.connection().execute(sa.select(SUBSCRIBER).where(SUBSCRIBER.c.id == number)).one()


def reply(store: Store, number: int) -> str:
    with store.read() as session:
        query = sa.select(DELIVERY_REPLY.c.reply).where(DELIVERY_REPLY.c.subscriber_id == number)
        return str(session.connection().execute(query).scalar_one())


async def test_a_dead_address_is_refused_and_suppressed_with_the_evidence(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="rcpt", how="550 5.1.1 no such user", to=address(7))) as server:
        await sender(store, server).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=19, refused=1)
    assert state(store, issue) is IssueState.SENT
    assert subscriber(store, 7).state is SubscriberState.SUPPRESSED
    assert reply(store, 7) == "550 5.1.1 no such user"
    with store.read() as session:
        kept = session.connection().execute(sa.select(sa.func.count()).select_from(SUPPRESSION)).scalar_one()
    assert kept == 1


async def test_a_refusal_that_is_ours_blames_no_subscriber(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="554 5.7.1 looks like spam", to=address(7))) as server:
        await sender(store, server).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=19, refused=1)
    kept = subscriber(store, 7)
    assert (kept.state, kept.soft_bounces) == (SubscriberState.ACTIVE, 0)


async def test_a_deferred_reader_is_mailed_by_a_later_run(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    clock = Clock()
    bad = Bad(at="rcpt", how="451 4.7.1 greylisted, try again", to=address(3), times={1})
    async with SmtpServer(bad) as server:
        await sender(store, server, clock=clock).run([job(issue)])
        assert counts(store, issue) == Counts(accepted=9, pending=1)
        row = delivery(store, issue, 3)
        assert row.next_at >= clock.now.timestamp() + 300
        assert (row.attempts, row.losses, row.doubtful) == (0, 0, 0)
        with store.read() as session:
            due = ledger.next_due(session, issue.id)
        assert due is not None
        # A second too early nothing is done, then it is.
        clock.now = due - timedelta(seconds=1)
        await sender(store, server, clock=clock).run([job(issue)])
        assert (len(server.received), state(store, issue)) == (9, IssueState.SENDING)
        clock.now = due
        await sender(store, server, clock=clock).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 11))
    assert counts(store, issue) == Counts(accepted=10)


async def test_a_reader_who_is_deferred_for_too_long_expires(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    clock = Clock()
    async with SmtpServer(Bad(at="rcpt", how="451 4.3.0 later", to=address(3))) as server:
        for hours in (0, 5, 23, 25):
            clock.now = START + timedelta(hours=hours)
            await sender(store, server, clock=clock).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=9, expired=1)
    assert state(store, issue) is IssueState.SENT
    assert delivery(store, issue, 3).attempts == 4
    assert subscriber(store, 3).soft_bounces == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_loss_before_the_body_is_tried_again_in_the_same_run_and_blames_nobody(
    store: Store, how: str
) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="data", how=how, to=address(7), times={1})) as server:
        await sender(store, server).run([job(issue)])
    assert Counter(server.recipients) == Counter(address(number) for number in range(1, 21))
    assert counts(store, issue) == Counts(accepted=20)
    row = delivery(store, issue, 7)
    assert (row.attempts, row.losses, row.doubtful) == (1, 1, 0)
    assert subscriber(store, 7).soft_bounces == 0


async def test_what_may_have_arrived_is_sent_again_under_the_same_message_id(store: Store) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="close", to=address(7), times={1})) as server:
        await sender(store, server).run([job(issue)])
    copies = [message for message in server.received if message.recipient == address(7)]
    assert len(copies) == 2
    assert copies[0].data == copies[1].data
    assert len(server.received) == 21
    assert counts(store, issue) == Counts(accepted=20, doubtful=1)
    assert doubtful(store, issue) == {7}
    assert state(store, issue) is IssueState.SENT


async def test_where_the_operator_wants_to_be_asked_what_may_have_arrived_stays_unknown(
    store: Store,
) -> None:
    subscribe(store, 20)
    issue = sending(store)
    async with SmtpServer(Bad(at="dot", how="close", to=address(7), times={1})) as server:
        policy = Policy(on_unknown="ask")
        await sender(store, server, policy=policy).run([job(issue)])
        assert counts(store, issue) == Counts(accepted=19, unknown=1)
        assert state(store, issue) is IssueState.SENT
        await sender(store, server, policy=policy).run([job(issue)])
        assert len(server.received) == 20
        with store.write() as session:
            ledger.reopen(session, reread(store, issue), [DeliveryState.UNKNOWN], START)
        await sender(store, server, policy=policy).run([job(reread(store, issue))])
    assert counts(store, issue) == Counts(accepted=20, doubtful=1)
    assert server.recipients.count(address(7)) == 2


async def test_a_message_that_breaks_every_connection_is_put_off_while_the_others_pass(store: Store) -> None:
    subscribe(store, 12)
    issue = sending(store)
    async with SmtpServer(Bad(at="data", how="close", to=address(7))) as server:
        await sender(store, server).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=11, pending=1)
    row = delivery(store, issue, 7)
    assert (row.losses, row.attempts) == (3, 0)
    assert row.next_at > 0


async def test_a_connection_that_is_used_up_is_replaced_at_once(store: Store) -> None:
    subscribe(store, 40)
    issue = sending(store)
    used_up = "452 4.5.3 too many messages in this connection"
    async with SmtpServer(Bad(at="mail", how=used_up, times=range(5, 40, 5))) as server:
        await sender(store, server, connections=2).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=40)
    assert server.connections > 5


async def test_a_reader_who_leaves_in_mid_send_is_not_mailed(store: Store) -> None:
    subscribe(store, 60)
    issue = sending(store)
    left = False

    def leave(_: object) -> None:
        nonlocal left
        if not left:
            left = True
            with store.write() as session:
                session.connection().execute(
                    sa.update(SUBSCRIBER)
                    .where(SUBSCRIBER.c.id == 55)
                    .values(state=SubscriberState.UNSUBSCRIBED)
                )

    async with SmtpServer() as server:
        await sender(store, server, on_progress=leave).run([job(issue)])
    assert counts(store, issue) == Counts(accepted=59, withdrawn=1)
    assert in_state(store, issue, DeliveryState.WITHDRAWN) == {55}
    assert address(55) not in server.recipients


async def test_slowing_down_defers_the_reader_and_halves_the_rate(store: Store) -> None:
    subscribe(store, 10)
    issue = sending(store)
    clock = Clock()
    too_fast = "451 4.7.28 your sending rate is too high"
    async with SmtpServer(Bad(at="mail", how=too_fast, times={6})) as server:
        running = sender(store, server, connections=1, clock=clock, rate=1000)
        await running.run([job(issue)])
    assert counts(store, issue) == Counts(accepted=9, pending=1)
    assert running._carriers.all[0].pace.limit == 500
    assert sum(row.attempts for row in (delivery(store, issue, number) for number in range(1, 11))) == 9
