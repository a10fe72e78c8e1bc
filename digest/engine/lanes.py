"""The connections of this process: each a task that asks for orders, carries them out, and connects anew.

Knows the wire and when the relay wants rest; not what an order means or what becomes of its reply.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from digest.delivery.courier import ConnectError, Relay, connect
from digest.delivery.wire import Wire
from digest.engine.job import Order
from digest.model import Phase, Reply

Done = Callable[[bool], None]
"""Called once when an order is carried out; False where its connection should not be used again."""
Carry = Callable[[Wire, Order, Done], None]
"""Begins to carry out an order on a connection."""

AT_ONCE = 100
"""Orders that are begun in one go."""

AGAIN_SECONDS = 0.05
"""After which a connection that is being made is told again that nobody wants it."""


class _Connection:
    """A connection that was made, and how its use ends."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.carried = 0
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether its lane should connect anew."""

    def end(self, *, again: bool) -> None:
        if not self.over.done():
            self.over.set_result(again)


class Lanes:
    """Up to `relay.connections` connections, opened as they are needed.

    `wake` is called whenever one becomes idle or ends, `refused` with the reply with which one failed.
    """

    def __init__(
        self, relay: Relay, *, carry: Carry, wake: Callable[[], None], refused: Callable[[Reply], None]
    ) -> None:
        self._relay, self._carry, self._wake, self._refused = relay, carry, wake, refused
        self._waiting: deque[_Connection] = deque()
        self._outbox: deque[tuple[_Connection, Order]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._closing = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._time, self._soon = loop.time, loop.call_soon
        self._rest_until = 0.0
        self.failure: BaseException | None = None
        """What ended a lane that should have gone on: a mistake of this program."""

    @property
    def idle(self) -> int:
        """How many connections wait for an order."""
        return len(self._waiting)

    @property
    def open(self) -> int:
        """How many connections there are, idle or not."""
        return len(self._connections)

    @property
    def resting(self) -> bool:
        """Whether no connection is opened now, because the relay is in trouble."""
        return self._time() < self._rest_until

    def want(self, count: int) -> None:
        """See to it that there are lanes for so many orders, as far as the relay allows connections."""
        for _ in range(min(count, self._relay.connections) - len(self._tasks)):
            task = asyncio.create_task(self._lane(), name=f"lane {len(self._tasks)}")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
        # Only now is there room for a new lane.
        self._wake()

    def give(self, order: Order) -> bool:
        """Have an order carried out by an idle connection; False where the last has just been lost."""
        if not self._waiting:
            return False
        if not self._outbox:
            self._soon(self._pump)
        self._outbox.append((self._waiting.popleft(), order))
        return True

    def _pump(self) -> None:
        """Begin with a few orders, and leave the loop to hear what has been answered meanwhile.

        A tick gives dozens at once: begun in one go, they would keep the ledger and the relay waiting.
        """
        for _ in range(min(AT_ONCE, len(self._outbox))):
            self._begin(*self._outbox.popleft())
        if self._outbox:
            self._soon(self._pump)

    def _begin(self, connection: _Connection, order: Order) -> None:
        def done(usable: bool) -> None:  # noqa: FBT001 - one answer, to one question
            self._take_back(connection, usable=usable)

        self._carry(connection.wire, order, done)

    def _take_back(self, connection: _Connection, *, usable: bool) -> None:
        connection.carried += 1
        if self._closing.is_set():
            connection.end(again=False)
        elif not usable or connection.wire.lost or connection.carried >= self._relay.messages_per_connection:
            connection.end(again=True)
        else:
            self._waiting.append(connection)
            self._wake()

    def rest(self, seconds: float) -> None:
        """Open no connection for so long."""
        self._rest_until = max(self._rest_until, self._time() + seconds)

    async def close(self, deadline: float) -> None:
        """End all connections: those at work get `deadline` seconds to hear the relay out."""
        self._closing.set()
        while self._outbox:
            connection, order = self._outbox.popleft()
            if not deadline:
                # On a connection that is over nothing of it leaves, and that is known.
                connection.wire.abort("this program stopped")
            self._begin(connection, order)
        while self._waiting:
            self._waiting.popleft().end(again=False)
        while self._connecting:
            # More than once: asyncio.wait_for swallows a cancellation that meets its result (Python 3.11).
            for task in self._connecting:
                task.cancel()
            await asyncio.wait(tuple(self._connecting), timeout=AGAIN_SECONDS)
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=deadline)
            for connection in tuple(self._connections):
                connection.wire.abort("this program stopped before the relay had answered")
            if late:
                await asyncio.wait(late)

    async def _lane(self) -> None:
        while await self._rested():
            try:
                wire = await self._connect()
            except ConnectError as error:
                self._refused(error.reply)
                continue
            connection = _Connection(wire)
            self._connections.add(connection)
            try:
                if not await self._use(connection):
                    return
            finally:
                self._connections.discard(connection)
                await wire.quit()

    async def _connect(self) -> Wire:
        """Connect; whoever closes meanwhile need not wait for it."""
        task = asyncio.current_task()
        assert task is not None
        self._connecting.add(task)
        try:
            return await connect(self._relay)
        finally:
            self._connecting.discard(task)

    async def _rested(self) -> bool:
        while not self._closing.is_set():
            seconds = self._rest_until - self._time()
            if seconds <= 0:
                return True
            try:
                await asyncio.wait_for(self._closing.wait(), seconds)
            except TimeoutError:
                continue
        return False

    async def _use(self, connection: _Connection) -> bool:
        """Let a connection be used until it is over; give whether to connect anew."""
        if self._closing.is_set():
            return False
        self._waiting.append(connection)
        connection.wire.on_lost = lambda: self._lost(connection)
        if connection.wire.lost:
            self._lost(connection)
        self._wake()
        try:
            return await connection.over
        finally:
            if connection in self._waiting:
                self._waiting.remove(connection)

    def _lost(self, connection: _Connection) -> None:
        """Take an idle connection out of use; one whose message is being made is over with that."""
        if connection not in self._waiting:
            return
        self._waiting.remove(connection)
        if not connection.carried:
            # A relay that greets and hangs up is in trouble: without a rest this would go round.
            self._refused(Reply(phase=Phase.CONNECT, code=0, text=connection.wire.lost))
        connection.end(again=False)
