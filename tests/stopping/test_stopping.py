"""Signals: the first asks for a stop, the second ends the process, and afterwards all is as before."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from digest.stopping import SIGNALS, on_stop

PROGRAM = """
import asyncio
from digest.stopping import on_stop

async def main():
    stop = asyncio.Event()
    with on_stop(lambda: print("stopping", flush=True) or stop.set()):
        print("ready", flush=True)
        await stop.wait()
        {then}

asyncio.run(main())
print("done", flush=True)
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_a_signal_is_a_call_within_the_context(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    stop = asyncio.Event()
    with on_stop(stop.set):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
        assert [signal.getsignal(one) for one in SIGNALS] == before, "a second signal is not caught"
    assert [signal.getsignal(one) for one in SIGNALS] == before


async def test_without_a_signal_the_handlers_are_as_before_too() -> None:
    def mine(*_: object) -> None:
        pass

    first = signal.signal(signal.SIGTERM, mine)
    try:
        with on_stop(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is not mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, first)


def run(then: str) -> "subprocess.Popen[str]":
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_process_ends_well_after_its_first_signal(number: signal.Signals) -> None:
    with run("pass") as program:
        program.send_signal(number)
        out, _ = program.communicate(timeout=20)
    assert (program.returncode, out) == (0, "stopping\ndone\n")


def test_a_second_signal_ends_a_process_that_does_not_stop() -> None:
    with run("await asyncio.Event().wait()") as program:
        assert program.stdout is not None
        program.send_signal(signal.SIGTERM)
        assert program.stdout.readline() == "stopping\n"
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)
    assert program.returncode == -signal.SIGTERM
