"""The sender once more, on uvloop and SQLite."""

import contextlib
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import test_sender
import uvloop
from engine_ledger import START

from digest.store.database import Store
from digest.store.schema import upgrade

Case = Callable[[Store], Coroutine[Any, Any, None]]
CASES: list[Case] = [
    test
    for name, test in vars(test_sender).items()
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["store"]
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__[5:])
def test_a_sender_on_uvloop(case: Case, tmp_path: Path) -> None:
    with contextlib.closing(Store(f"sqlite:///{tmp_path}/subscribers.db")) as store:
        upgrade(store, START)
        uvloop.run(case(store))
