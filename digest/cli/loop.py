"""Runs a command's coroutine: on uvloop where it is installed, which costs less, else on asyncio's loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, and give what it gives."""
    try:
        import uvloop  # noqa: PLC0415 - the extra `fast`, which need not be there
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)
