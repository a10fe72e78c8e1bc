"""The relays that the benchmarks send to: other processes, on loopback alone."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
BACKLOG = 1000
START_SECONDS = 10.0
HERE = Path(__file__).parent


@contextlib.contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's `smtp-sink`, which takes all mail and throws it away; give its port."""
    port = free_port()
    # Started by root it insists on becoming somebody else.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _running([_program("smtp-sink"), "-4", *user, f"{HOST}:{port}", str(BACKLOG)], port):
        yield port


@contextlib.contextmanager
def slow_relay(delay_ms: float) -> Iterator[int]:
    """Run a relay that answers each group of commands after `delay_ms`; give its port."""
    port = free_port()
    with _running([sys.executable, str(HERE / "slow_relay.py"), str(port), str(delay_ms)], port):
        yield port


def smtp_source(port: int, *, messages: int, connections: int, message: Path) -> list[str]:
    """Give the command line of Postfix's load generator, over connections that stay open."""
    load = ["-s", str(connections), "-m", str(messages), "-F", str(message)]
    envelope = ["-f", "news@ledger.example", "-t", "reader@mail.example"]
    return [_program("smtp-source"), "-4", "-d", *load, *envelope, f"{HOST}:{port}"]


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    """Find a program of Postfix's: Debian keeps them where users do not look."""
    for folder in (*os.get_exec_path(), "/usr/sbin"):
        if os.access(path := f"{folder}/{name}", os.X_OK):
            return path
    raise SystemExit(f"{name} is missing: `tools/system-packages postfix` installs it.")


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command) as process:
        try:
            _await(port, process)
            yield
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody answers. Raises SystemExit where the relay has ended instead."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"{process.args!r} does not answer.")
