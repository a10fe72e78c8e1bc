"""The connections by themselves: what is idle, what is lost, how they end."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine_ledger import SENDER, START, job, message, until
from smtp_server import Bad, SmtpServer

from digest.delivery.breaker import Breaker
from digest.delivery.courier import Relay
from digest.delivery.wire import Wire
from digest.engine.job import OpenBatch, Order, Running
from digest.engine.lanes import Done, Lanes
from digest.model import Issue, IssueState, Phase, Recipient, Reply
from digest.store.ledger import Batch, Row


class Office:
    """Gives orders to lanes and keeps what comes of them."""

    def __init__(self, server: SmtpServer, *, connections: int = 3, messages: int = 500) -> None:
        issue = Issue(
            id=1,
            newsletter="daily",
            slot="2026-11-24T07:00",
            due_at=START,
            state=IssueState.SENDING,
            created_at=START,
        )
        batch = Batch(issue_id=1, newsletter="daily", seq=0, first_id=1, last_id=9, token=1)
        self._running = Running(job=job(issue), breaker=Breaker(audience=9))
        self._batch = OpenBatch(batch=batch, cutoff=0, queue=deque())
        self.replies: list[Reply] = []
        self.refused: list[Reply] = []
        self.wakes = 0
        relay = Relay(
            host="127.0.0.1",
            port=server.port,
            security="none",
            connections=connections,
            messages_per_connection=messages,
        )
        self.lanes = Lanes(relay, carry=self.carry, wake=self.wake, refused=self.refused.append)

    def wake(self) -> None:
        self.wakes += 1

    def carry(self, wire: Wire, order: Order, done: Done) -> None:
        def heard(reply: Reply) -> None:
            self.replies.append(reply)
            done(True)

        recipient = order.row.recipient
        wire.submit(SENDER, recipient.email, message(1, recipient), heard)

    def give(self, number: int = 1) -> bool:
        row = Row(recipient=Recipient(id=number, email=f"reader{number}@mail.example"))
        return self.lanes.give(Order(running=self._running, batch=self._batch, row=row))


@asynccontextmanager
async def office(server: SmtpServer, connections: int = 3, messages: int = 500) -> AsyncIterator[Office]:
    async with server:
        here = Office(server, connections=connections, messages=messages)
        try:
            yield here
        finally:
            await here.lanes.close(5)


async def test_as_many_connections_are_opened_as_there_are_orders_and_no_more_than_allowed() -> None:
    server = SmtpServer()
    async with office(server) as here:
        here.lanes.want(2)
        await until(lambda: here.lanes.idle == 2)
        here.lanes.want(99)
        await until(lambda: here.lanes.idle == 3)
    assert server.connections == 3
    assert server.commands["QUIT"] == 3


async def test_a_connection_that_is_lost_while_idle_takes_no_order_and_is_replaced() -> None:
    server = SmtpServer()
    async with office(server, connections=1) as here:
        here.lanes.want(1)
        await until(lambda: here.lanes.idle == 1)
        assert here.give()
        await until(lambda: here.lanes.idle == 1)
        for task in server._tasks:
            task.cancel()
        wakes = here.wakes
        await until(lambda: here.lanes.idle == 0)
        assert not here.give()
        await until(lambda: here.wakes > wakes)
        here.lanes.want(1)
        await until(lambda: here.lanes.idle == 1)
        assert here.give()
        await until(lambda: len(here.replies) == 2)
        # It had carried something, and so nothing is wrong with the relay.
        assert here.refused == []
    assert [reply.code for reply in here.replies] == [250, 250]


async def test_a_connection_that_is_lost_before_its_first_order_is_the_relays_trouble() -> None:
    async with office(SmtpServer(), connections=1) as here:
        server_said = "the relay closed the connection"
        here.lanes.want(1)
        await until(lambda: here.lanes.idle == 1)
        (connection,) = here.lanes._connections
        connection.wire.eof_received()
        await until(lambda: here.refused)
        assert here.refused == [Reply(phase=Phase.CONNECT, code=0, text=server_said)]


async def test_no_connection_is_opened_while_the_relay_rests() -> None:
    server = SmtpServer()
    async with office(server) as here:
        here.lanes.rest(0.2)
        assert here.lanes.resting
        here.lanes.want(3)
        await asyncio.sleep(0.1)
        assert server.connections == 0
        await until(lambda: here.lanes.idle == 3)
        assert not here.lanes.resting


async def test_closing_waits_neither_for_a_rest_nor_for_a_greeting() -> None:
    server = SmtpServer(Bad(at="banner", how="hang"))
    async with server, asyncio.timeout(5):
        greeted, resting = Office(server), Office(server)
        greeted.lanes.want(2)
        await until(lambda: server.connections == 2)
        resting.lanes.rest(60)
        resting.lanes.want(2)
        await asyncio.sleep(0)
        await greeted.lanes.close(30)
        await resting.lanes.close(30)


async def test_closing_hears_out_the_relay_and_no_longer_than_the_deadline() -> None:
    server = SmtpServer(Bad(at="dot", how="hang", times={2}), pause=0.05)
    async with server:
        here = Office(server, connections=2)
        here.lanes.want(2)
        await until(lambda: here.lanes.idle == 2)
        assert here.give(1)
        assert here.give(2)
        await until(lambda: server.commands["DATA"] == 2)
        await here.lanes.close(0.3)
    assert sorted(reply.code for reply in here.replies) == [0, 250]
    assert {reply.phase for reply in here.replies} == {Phase.BODY}
