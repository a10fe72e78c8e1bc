"""How many bounces a minute are read out of a Maildir and booked, and in what memory.

Half of the mails say that the mailbox is unknown, half that it is full. Each returns the message that it is
about, and went to an address that names its reader. The ledger is on a real disk.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import process
import stand
from process import FailedError, Measured, metered, tell
from steps import Steps

from digest import log
from digest.config import load
from digest.desk import Desk
from digest.inbox import maildir
from digest.links import parse_keys
from digest.model import DeliveryState
from digest.service.clerk import Clerk
from digest.store import installation
from digest.store.schema import open_store
from digest.store.tables import DELIVERY
from digest.verp import Mark, Marker, Purpose

MAILS = (1000, 10_000)
QUICK_MAILS = (100, 300)
OCTETS = 30_000
"""Of the message that is returned."""
WANTED = 1000
"""Mails a minute, at least."""
GROWTH = 1.2
"""How much more memory ten times as many mails may take."""

ADDRESS = "bounces@ledger.example"
SAID = ("550 5.1.1 User unknown", "452 4.2.2 Mailbox full")
MAIL = """\
Return-Path: <>
Delivered-To: {sent_to}
Received: from mx.example by mail.ledger.example with ESMTP; Tue, 24 Nov 2026 12:00:{number:02} +0000
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: {sent_to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

This is the mail system at host mx.example.

<{reader}>: host mail.example said: {said}

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {reader}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {said}

--b1
Content-Type: message/rfc822

From: The Harbour Ledger <news@ledger.example>
To: {reader}
Subject: The ferry runs again
Content-Type: text/plain; charset=utf-8

{text}
--b1--
"""


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give a row a number of mails."""
    counts = QUICK_MAILS if quick else MAILS
    steps = Steps("bounces", len(counts))
    rows: list[dict[str, Any]] = []
    for count in counts:
        room = folder / str(count)
        try:
            _install(room, count)
            measured = process.script("returned.py", "scan", folder=room)
        except FailedError as error:
            steps.failed(f"{count:,} mails: {error}")
            continue
        finally:
            shutil.rmtree(room)
        row = {
            "mails": count,
            "a_minute": round(60 * measured.rate),
            "cpu_ms": round(measured.cpu_us / 1000, 1),
            "peak_mib": round(measured.peak_kib / 1024, 1),
        }
        rows.append(row)
        steps.done(f"{count:,} mails: {row['a_minute']:,} a minute in {row['peak_mib']} MiB")
        if row["a_minute"] < WANTED:
            steps.failures.append(f"{count:,} mails: {row['a_minute']:,} a minute, under {WANTED:,}")
    if len(rows) == len(counts) and rows[-1]["peak_mib"] > GROWTH * rows[0]["peak_mib"]:
        steps.failures.append(f"memory grew from {rows[0]['peak_mib']} to {rows[-1]['peak_mib']} MiB")
    return {"octets": OCTETS, "rows": rows, "failures": steps.failures}


def _install(room: Path, count: int) -> None:
    """Make an installation that has mailed so many readers, and a Maildir with a bounce of each."""
    stand.write_config(room, port=25, connections=1)
    desk = stand.open_desk(room)
    stand.subscribe(desk, count)
    issue = asyncio.run(stand.frozen(desk, OCTETS))
    with desk.store.write() as session:
        accepted = {"state": DeliveryState.ACCEPTED.value, "code": 250, "at": int(desk.clock().timestamp())}
        session.connection().execute(DELIVERY.update().values(**accepted))
        marker = Marker(ADDRESS, "+", installation.permanent_key(session))
    for name in ("tmp", "new", "cur"):
        (room / "Maildir" / name).mkdir(parents=True)
    text = (stand.WORDS + "\n") * (OCTETS // len(stand.WORDS))
    for number in range(1, count + 1):
        said = SAID[number % len(SAID)]
        mail = MAIL.format(
            sent_to=marker(Mark(Purpose.BOUNCE, issue.id, number, 1)),
            reader=stand.address(number - 1),
            number=number % 60,
            said=said,
            status=said.split()[1],
            text=text,
        )
        (room / "Maildir" / "new" / str(number)).write_text(mail, encoding="utf-8")
    desk.store.close()


def scan(folder: str) -> Measured:
    """Read the Maildir, as `digest bounces scan` does."""
    settings = load(Path(folder) / "config.toml", {})
    keys = parse_keys(settings.secret_path.read_text(encoding="utf-8"))
    clerk = Clerk(Desk(settings=settings, store=open_store(settings.database_url), keys=keys), "maildir")
    with metered() as meter:
        maildir.scan(Path(folder) / "Maildir", clerk, lambda: False)
    if clerk.tally.unread or clerk.tally.effects.total() != clerk.tally.read:
        raise SystemExit(f"Not every mail did what it should: {clerk.tally}")
    return meter.measured(clerk.tally.read)


if __name__ == "__main__":
    log.configure()
    tell(scan(**json.loads(sys.argv[2])))
