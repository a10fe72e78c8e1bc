"""The connections of this process: each a task that asks for orders, carries them out, and connects anew.

Knows the wire and when the relay wants rest; not what an order means or what becomes of its reply.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from digest.delivery.courier import ConnectError, Relay, connect
from digest.delivery.wire import Wire
from digest.engine.job import Order
from digest.model import Phase, Reply

Handle = Callable[[Wire, Order], Awaitable[bool]]
"""Carries out an order on a connection; False where that connection should not be used again."""

AGAIN_SECONDS = 0.05
"""After which a connection that is being made is told again that nobody wants it."""


class Lanes:
    """Up to `relay.connections` connections, opened as they are needed.

    `wake` is called whenever one becomes idle or ends, `refused` with the reply with which one failed.
    """

    def __init__(
        self, relay: Relay, *, handle: Handle, wake: Callable[[], None], refused: Callable[[Reply], None]
    ) -> None:
        self._relay, self._handle, self._wake, self._refused = relay, handle, wake, refused
        self._waiting: deque[asyncio.Future[Order | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._wires: set[Wire] = set()
        self._closing = asyncio.Event()
        self._time = asyncio.get_running_loop().time
        self._rest_until = 0.0
        self.failure: BaseException | None = None
        """What ended a lane that should have gone on: a mistake of this program."""

    @property
    def idle(self) -> int:
        """How many connections wait for an order."""
        return len(self._waiting)

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
        """Hand an order to an idle connection; False where the last of them has just been lost."""
        if not self._waiting:
            return False
        self._waiting.popleft().set_result(order)
        return True

    def rest(self, seconds: float) -> None:
        """Open no connection for so long."""
        self._rest_until = max(self._rest_until, self._time() + seconds)

    async def close(self, deadline: float) -> None:
        """End all connections: those at work get `deadline` seconds to hear the relay out."""
        self._closing.set()
        while self._waiting:
            self._waiting.popleft().set_result(None)
        while self._connecting:
            # More than once: asyncio.wait_for swallows a cancellation that meets its result (Python 3.11).
            for task in self._connecting:
                task.cancel()
            await asyncio.wait(tuple(self._connecting), timeout=AGAIN_SECONDS)
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=deadline)
            for wire in tuple(self._wires):
                wire.abort("this program stopped before the relay had answered")
            if late:
                await asyncio.wait(late)

    async def _lane(self) -> None:
        while await self._rested():
            try:
                wire = await self._connect()
            except ConnectError as error:
                self._refused(error.reply)
                continue
            self._wires.add(wire)
            try:
                if not await self._use(wire):
                    return
            finally:
                self._wires.discard(wire)
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

    async def _use(self, wire: Wire) -> bool:
        """Carry out orders on a connection; False where it was lost or dismissed while idle."""
        for carried in range(self._relay.messages_per_connection):
            order = await self._order(wire)
            if order is None:
                if wire.lost and not carried:
                    # A relay that greets and hangs up is in trouble: without a rest this would go round.
                    self._refused(Reply(phase=Phase.CONNECT, code=0, text=wire.lost))
                return False
            if not await self._handle(wire, order) or wire.lost:
                return True
        return True

    async def _order(self, wire: Wire) -> Order | None:
        if wire.lost or self._closing.is_set():
            return None
        future: asyncio.Future[Order | None] = asyncio.get_running_loop().create_future()

        def dismiss() -> None:
            if future in self._waiting:
                self._waiting.remove(future)
                future.set_result(None)

        wire.on_lost = dismiss
        self._waiting.append(future)
        self._wake()
        try:
            return await future
        except asyncio.CancelledError:
            if future in self._waiting:
                self._waiting.remove(future)
            raise
