"""Says on what a benchmark ran: without that its figures mean nothing."""

import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = ("aiosmtplib", "uvloop", "SQLAlchemy", "sqlmodel", "cryptography")
FSYNCS = 300
PAGE = b"\0" * 4096
"""What SQLite writes at least for a transaction: one page of its log."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The computer, and what was installed on it."""

    cpu: str
    cores: int
    memory_mib: int
    filesystem: str
    fsync_median_ms: float
    fsync_p99_ms: float
    load: float
    """How many processes wanted a processor in the minute before: of ours there was none."""
    kernel: str
    python: str
    sqlite: str
    postfix: str
    packages: dict[str, str]
    revision: str


def look_at(folder: Path) -> Machine:
    """Describe this machine; its disk is measured where `folder` is. Takes a moment."""
    waits = sorted(_fsyncs(folder))
    return Machine(
        cpu=_field("/proc/cpuinfo", "model name") or platform.processor(),
        cores=os.cpu_count() or 1,
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        filesystem=filesystem(folder),
        fsync_median_ms=round(1000 * statistics.median(waits), 3),
        fsync_p99_ms=round(1000 * waits[len(waits) * 99 // 100], 3),
        load=round(os.getloadavg()[0], 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        postfix=_output("dpkg-query", "-W", "-f=${Version}", "postfix"),
        packages={name: _version(name) for name in PACKAGES},
        revision=_output("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
    )


def filesystem(folder: Path) -> str:
    """Give the kind of file system that a folder is on: ext4, tmpfs."""
    folder = folder.resolve()
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    over = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return max(over, key=lambda mount: len(mount[1]))[2] if over else "unknown"


def _fsyncs(folder: Path) -> list[float]:
    """Give the seconds that a page takes to the disk, as the end of a file that grows."""
    path = folder / "fsync"
    waits = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            started = time.perf_counter()
            file.write(PAGE)
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - started)
    path.unlink()
    return waits


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        return "unknown"
