"""The wire and the courier once more, on uvloop."""

import inspect
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest
import test_courier
import test_wire
import uvloop

Case = Callable[..., Coroutine[Any, Any, None]]


def cases(module: ModuleType, *wanted: str) -> list[Case]:
    """Give a module's coroutine tests that take these arguments and no others."""
    return [
        test
        for name, test in vars(module).items()
        if name.startswith("test_") and list(inspect.signature(test).parameters) == list(wanted)
    ]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in lock-step"])
@pytest.mark.parametrize("case", cases(test_wire, "pipelining"), ids=lambda case: case.__name__[5:])
def test_a_wire_on_uvloop(case: Case, pipelining: bool) -> None:
    uvloop.run(case(pipelining))


@pytest.mark.parametrize("case", cases(test_wire) + cases(test_courier), ids=lambda case: case.__name__[5:])
def test_a_courier_on_uvloop(case: Case) -> None:
    uvloop.run(case())
