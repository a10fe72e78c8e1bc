"""How many sign-ups and one-click posts a second the pages take, alone and while an issue goes out.

The load comes from another process, at its own pace. What was answered is looked for in the ledger.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import sink
import sqlalchemy as sa
import stand
from steps import Steps

from digest.store.tables import metadata

HERE = Path(__file__).parent
SUBSCRIBERS = 200_000
QUICK_SUBSCRIBERS = 10_000
OCTETS = 30_000
CONNECTIONS = 50
SECONDS, QUICK_SECONDS = 20.0, 2.0
RATES = {"sign-up": 200, "one click": 500}
"""Posts a second that have to be taken without an error."""
MEANWHILE = {"nothing else": 0, "an issue goes out": OCTETS}

SIGNUP = "\n[signup]\nper_ip = 0\nper_network = 0\nin_all = 0\n"
"""Without limits, which would refuse what is to be measured."""


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a load."""
    subscribers, seconds = (QUICK_SUBSCRIBERS, QUICK_SECONDS) if quick else (SUBSCRIBERS, SECONDS)
    steps = Steps("web", len(RATES) * len(MEANWHILE))
    rows = []
    with sink.smtp_sink() as port:
        base, web = folder / "base", sink.free_port()
        stand.write_config(base, port=port, connections=CONNECTIONS, web=web)
        desk = stand.open_desk(base)
        stand.subscribe(desk, subscribers)
        desk.store.close()
        for meanwhile, octets in MEANWHILE.items():
            for way, rate in RATES.items():
                room = folder / "room"
                stand.copy(base, room, more=SIGNUP)
                # From the audience's end: nearly all leave before their message is claimed.
                first = subscribers - round(rate * seconds) + 1 if way == "one click" else 1
                load = {"way": way, "port": web, "first": first, "rate": rate, "seconds": seconds}
                row = _measure(room, octets, load)
                shutil.rmtree(room)
                name = f"{way}, {meanwhile}"
                rows.append({"way": way, "meanwhile": meanwhile, "asked_rate": rate, **row})
                steps.done(f"{name}: {row['errors']} errors, {row['lost']} lost, p99 {row['p99_ms']} ms")
                if row["errors"] or row["lost"]:
                    steps.failures.append(f"{name}: {row['errors']} errors, {row['lost']} lost")
                if octets and not row["lasted"] and not quick:
                    steps.failures.append(f"{name}: the issue was out before the load ended")
    return {"subscribers": subscribers, "seconds": seconds, "rows": rows, "failures": steps.failures}


def _measure(room: Path, octets: int, load: dict[str, Any]) -> dict[str, Any]:
    """Serve a folder to a load; give what came of it, and what the ledger has of it."""
    pages = [sys.executable, str(HERE / "pages.py"), json.dumps({"folder": str(room), "octets": octets})]
    visitors = [sys.executable, str(HERE / "visitors.py"), json.dumps({"folder": str(room), **load})]
    with subprocess.Popen(pages, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        if serving.stdout.readline() != "up\n":
            raise SystemExit("The pages did not come up.")
        came = json.loads(subprocess.run(visitors, stdout=subprocess.PIPE, text=True, check=True).stdout)
        told = json.loads(serving.communicate("")[0])
    kept = _kept(room, load["way"])
    return {
        **came,
        **told,
        "kept": kept,
        "lost": max(0, came["answered"] - kept),
        "cpu_us": round(1e6 * told["cpu_seconds"] / came["asked"]),
    }


def _kept(room: Path, way: str) -> int:
    """Count in the ledger what was answered: mails that ask, or readers who have left by one click."""
    desk = stand.open_desk(room)
    mail, event = metadata.tables["reader_mail"], metadata.tables["event"]
    counted = {
        "sign-up": sa.select(sa.func.count()).where(mail.c.kind == "confirm"),
        "one click": sa.select(sa.func.count(sa.distinct(event.c.subscriber_id))).where(
            event.c.kind == "subscriber.left"
        ),
    }
    with desk.store.read() as session:
        kept = int(session.connection().execute(counted[way]).scalar_one())
    desk.store.close()
    return kept
