"""The memory of `digest run` while nothing is to be done, with its pages up and its feed read."""

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sink
import stand
from process import share_kib, status_kib
from steps import Steps

from digest.sample.site import SampleSite

SECONDS = 60
QUICK_SECONDS = 8
SUBSCRIBERS = 1000
DIGEST = Path(sys.executable).with_name("digest")


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give the memory after a minute."""
    return asyncio.run(_run(folder, QUICK_SECONDS if quick else SECONDS))


async def _run(folder: Path, seconds: float) -> dict[str, Any]:
    steps = Steps("idle", 1)
    with sink.smtp_sink() as port:
        async with SampleSite(now=datetime.now(UTC)) as site:
            config = stand.write_config(
                folder, port=port, connections=10, web=sink.free_port(), feed=site.feed_url
            )
            figures = await asyncio.to_thread(_observe, folder, config, seconds)
    if not figures:
        steps.failed("`digest run` ended by itself")
    else:
        steps.done(f"{figures['rss_mib']} MiB resident")
    return {**figures, "failures": steps.failures}


def _observe(folder: Path, config: Path, seconds: float) -> dict[str, Any]:
    """Let the service live for so long, and look at it; nothing where it ends before."""
    desk = stand.open_desk(folder)
    stand.subscribe(desk, SUBSCRIBERS)
    desk.store.close()
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen([DIGEST, "--config", config, "run"], stdout=log, stderr=log)
    try:
        time.sleep(seconds)
        if service.poll() is not None:
            print((folder / "log").read_text(encoding="utf-8"), file=sys.stderr)
            return {}
        resident, share = share_kib(service.pid)
        return {
            "seconds": seconds,
            "subscribers": SUBSCRIBERS,
            "rss_mib": round(resident / 1024, 1),
            "pss_mib": round(share / 1024, 1),
            "peak_mib": round(status_kib(service.pid, "VmHWM") / 1024, 1),
            "cpu_seconds": _cpu_seconds(service.pid),
        }
    finally:
        service.terminate()
        service.wait()


def _cpu_seconds(pid: int) -> float:
    """Give the processor time that a process has used, its start included."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    # utime and stime, fields 14 and 15 of proc(5), of which two are cut off here and counting is from 0.
    return round((int(stat[11]) + int(stat[12])) / 100, 2)
