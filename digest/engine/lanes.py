"""The connections of this process: each a task that asks for orders, carries them out, and connects anew.

Knows the wire and when the relay wants rest; not what an order means or what becomes of its reply.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from digest.delivery.courier import ConnectError, Relay, connect
from digest.delivery.wire import Wire
from digest.engine.job import Order
from digest.model import Reply

Handle = Callable[[Wire, Order], Awaitable[bool]]
"""Carries out an order on a connection; False where that connection should not be used again."""


class Lanes:
    """Up to `relay.connections` connections, opened as they are needed.

    `wake` is called whenever one becomes idle, `refused` with the reply that a connection failed with.
    """

    def __init__(
        self, relay: Relay, *, handle: Handle, wake: Callable[[], None], refused: Callable[[Reply], None]
    ) -> None:
        self._relay, self._handle, self._wake, self._refused = relay, handle, wake, refused
        self._waiting: deque[asyncio.Future[Order | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wires: set[Wire] = set()
        self._closing = asyncio.Event()
        self._rest_until = 0.0
        self.failure: BaseException | None = None
        """What ended a lane that should have gone on: a mistake of this program."""

    @property
    def idle(self) -> int:
        """How many connections wait for an order."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return sum(not future.done() for future in self._waiting)

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
            self._wake()

    def give(self, order: Order) -> None:
        """Hand an order to an idle connection. There must be one."""
        while (future := self._waiting.popleft()).done():
            pass
        future.set_result(order)

    def rest(self, seconds: float) -> None:
        """Open no connection for so long."""
        self._rest_until = max(self._rest_until, asyncio.get_running_loop().time() + seconds)

    async def close(self, deadline: float) -> None:
        """End all connections: those at work get `deadline` seconds to hear the relay out."""
        self._closing.set()
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
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
                wire = await connect(self._relay)
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

    async def _rested(self) -> bool:
        loop = asyncio.get_running_loop()
        while not self._closing.is_set():
            seconds = self._rest_until - loop.time()
            if seconds <= 0:
                return True
            try:
                await asyncio.wait_for(self._closing.wait(), seconds)
            except TimeoutError:
                continue
        return False

    async def _use(self, wire: Wire) -> bool:
        """Carry out orders on a connection; False where it was lost or dismissed while idle."""
        for _ in range(self._relay.messages_per_connection):
            order = await self._order(wire)
            if order is None:
                return False
            if not await self._handle(wire, order) or wire.lost:
                return True
        return True

    async def _order(self, wire: Wire) -> Order | None:
        if wire.lost or self._closing.is_set():
            return None
        future: asyncio.Future[Order | None] = asyncio.get_running_loop().create_future()

        def dismiss() -> None:
            if not future.done():
                future.set_result(None)
                self._wake()

        wire.on_lost = dismiss
        self._waiting.append(future)
        self._wake()
        return await future
