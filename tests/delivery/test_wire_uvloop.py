"""The wire and the courier once more, on uvloop."""

import contextlib
import inspect
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest
import test_courier
import test_wire
import uvloop
from smtp_server import Bad, SmtpServer

from digest.delivery.courier import ConnectError, Relay, connect
from digest.model import Reply

Case = Callable[..., Coroutine[Any, Any, None]]


def cases(module: ModuleType, *wanted: str) -> list[Case]:
    """Give a module's coroutine tests that take these arguments and no others."""
    return [
        test
        for name, test in vars(module).items()
        if name.startswith("test_")
        and inspect.iscoroutinefunction(test)
        and list(inspect.signature(test).parameters) == list(wanted)
    ]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in lock-step"])
@pytest.mark.parametrize("case", cases(test_wire, "pipelining"), ids=lambda case: case.__name__[5:])
def test_a_wire_on_uvloop(case: Case, pipelining: bool) -> None:
    uvloop.run(case(pipelining))


@pytest.mark.parametrize("case", cases(test_wire) + cases(test_courier), ids=lambda case: case.__name__[5:])
def test_a_courier_on_uvloop(case: Case) -> None:
    uvloop.run(case())


def test_a_silent_relay_is_given_its_time_on_uvloop_too() -> None:
    async def sent() -> Reply:
        async with SmtpServer(Bad(at="dot", how="hang")) as server:
            relay = Relay(host="127.0.0.1", port=server.port, security="none", timeout=0.2)
            while True:
                # A busy machine may be too slow for so little time.
                with contextlib.suppress(ConnectError):
                    wire = await connect(relay)
                    break
            return await wire.transact(test_wire.SENDER, test_wire.ADA, test_wire.MESSAGE)

    reply = uvloop.run(sent())
    assert (reply.code, reply.text) == (0, "no reply within 0.2 seconds")
