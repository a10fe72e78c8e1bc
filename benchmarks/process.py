"""Runs what is measured in a process of its own, and reads what the kernel says about processes."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOOK_SECONDS = 0.02
"""How often the memory of somebody else's program is looked at: it tells nothing at its end."""


LAST_WORDS = 2000
"""How much of what a failed process said is shown, in characters."""


class FailedError(Exception):
    """A run failed, and measured nothing."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a run took. `more` is what its part of the benchmark adds, in numbers."""

    messages: int
    seconds: float
    cpu_seconds: float
    """User and system time of the sending process alone."""
    peak_kib: int
    more: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time a message."""
        return 1e6 * self.cpu_seconds / self.messages


@dataclass(kw_only=True)
class Meter:
    """A stopwatch for time and processor time of this process."""

    seconds: float = 0
    cpu_seconds: float = 0

    def measured(self, messages: int, **more: float) -> Measured:
        """Give what was measured, and this process's peak of memory."""
        peak = status_kib(os.getpid(), "VmHWM")
        return Measured(
            messages=messages,
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            peak_kib=peak,
            more=more,
        )


@contextlib.contextmanager
def metered() -> Iterator[Meter]:
    """Measure what stands in the block."""
    meter = Meter()
    cpu, started = _own_cpu(), time.perf_counter()
    yield meter
    meter.seconds = time.perf_counter() - started
    meter.cpu_seconds = _own_cpu() - cpu


def script(name: str, kind: str, **task: object) -> Measured:
    """Run a script of this folder in a fresh process. Raises FailedError with the end of what it said."""
    command = [sys.executable, str(HERE / name), kind, json.dumps(task, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-LAST_WORDS:], file=sys.stderr)
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise FailedError(f"{name} {kind} ended with {done.returncode}: {last[0]}")
    return Measured(**json.loads(done.stdout))


def tell(measured: Measured) -> None:
    """Give what was measured to the process that asked, by standard output."""
    print(json.dumps(asdict(measured)))


def program(command: list[str], messages: int) -> Measured:
    """Run a program that is not ours and measure the whole of it."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while True:
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        # A child's ru_maxrss would begin with what its parent had when it was started.
        with contextlib.suppress(OSError, LookupError):
            peak = max(peak, status_kib(process.pid, "VmHWM"))
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"{command[0]} ended with {process.returncode}.")
    return Measured(
        messages=messages, seconds=seconds, cpu_seconds=used.ru_utime + used.ru_stime, peak_kib=peak
    )


def status_kib(pid: int, name: str) -> int:
    """Give a field of a process's status in KiB: VmHWM is its peak, VmRSS what it has now."""
    return _kib(Path(f"/proc/{pid}/status"), name)


def share_kib(pid: int) -> tuple[int, int]:
    """Give a process's resident memory, and its share of it where others use the same pages, in KiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    return _kib(rollup, "Rss"), _kib(rollup, "Pss")


def _kib(path: Path, name: str) -> int:
    fields: dict[str, Any] = dict(
        line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line
    )
    return int(fields[name].split()[0])


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
