"""`digest bounces scan` dies by kill -9 at random instants: no mail is lost, and none counts twice."""

import signal
import time
from functools import partial
from pathlib import Path
from random import Random

import sqlalchemy as sa
from torture_relay import Relay
from torture_site import Process, Scene, digest, scene, until

from digest.model import SubscriberState
from digest.store import installation
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.tables import EVENT, SUBSCRIBER
from digest.verp import Mark, Marker, Purpose

BOUNCES = "bounces@ledger.example"
READERS = 300
KILLS = 6
SEED = 20261124
SAID = ("550 5.1.1 user unknown", "452 4.2.2 mailbox full")
HARD, SOFT, LETTER = 0, 1, 2
"""What comes back from a reader, by the remainder of the number."""


def mail(number: int, sent_to: str, reader: str) -> bytes:
    """A hard bounce, a soft one, or a letter that nobody understands."""
    if number % 3 == LETTER:
        return f"From: {reader}\nTo: {BOUNCES}\nSubject: Hello\n\nIs ferry {number} back?\n".encode()
    said = SAID[number % 3]
    return (
        f"Delivered-To: {sent_to}\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n'
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; {reader}\nAction: failed\nStatus: {said.split()[1]}\n"
        f"Diagnostic-Code: smtp; {said}\n--b--\n"
    ).encode()


def fill(stage: Scene, box: Path) -> None:
    for name in ("tmp", "new", "cur"):
        (box / name).mkdir(parents=True)
    with stage.ledger.store.read() as session:
        marker = Marker(BOUNCES, "+", installation.permanent_key(session))
    for number, reader in enumerate(stage.readers, 1):
        sent_to = marker(Mark(Purpose.BOUNCE, stage.ledger.issue.id, number, 1))
        (box / "new" / str(number)).write_bytes(mail(number, sent_to, reader))


def count(stage: Scene, what: sa.FromClause, *where: sa.ColumnElement[bool]) -> int:
    with stage.ledger.store.read() as session:
        query = sa.select(sa.func.count()).select_from(what).where(*where)
        return int(session.connection().execute(query).scalar_one())


def has_booked(stage: Scene, wanted: int) -> bool:
    return count(stage, RETURNED) >= wanted


def scan(stage: Scene) -> Process:
    settings = {"DIGEST_BOUNCES__ADDRESS": BOUNCES, "DIGEST_BOUNCES__MAILDIR": "Maildir"}
    return stage.start(digest, "bounces", "scan", **settings)


def test_no_mail_is_lost_and_none_counts_twice_however_often_a_scan_is_killed(
    tmp_path: Path, database: str
) -> None:
    random = Random(SEED)
    box = tmp_path / "Maildir"
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        stage.sends()
        fill(stage, box)
        killed = 0
        for left in range(KILLS, 0, -1):
            wanted = READERS - (READERS - count(stage, RETURNED)) * left // (left + 1)
            scanning = scan(stage)
            until(partial(has_booked, stage, wanted))
            time.sleep(random.uniform(0, 0.01))
            scanning.signal(signal.SIGKILL)
            # On a busy machine it may have come to its end meanwhile.
            killed += scanning.ends() == -signal.SIGKILL
        assert killed, "it never was in the middle"
        # The rest by two at once.
        both = [scan(stage), scan(stage)]
        assert [one.ends() for one in both] == [0, 0], [one.told for one in both]
        third = READERS // 3
        assert count(stage, RETURNED) == READERS
        assert count(stage, RETURNED_ABOUT, RETURNED_ABOUT.c.effect == "suppressed") == third
        assert count(stage, RETURNED_ABOUT, RETURNED_ABOUT.c.effect == "soft") == third
        assert count(stage, EVENT, EVENT.c.kind == "bounce.hard") == third
        assert count(stage, EVENT, EVENT.c.kind == "bounce.soft") == third
        suppressed = SUBSCRIBER.c.state == SubscriberState.SUPPRESSED
        assert count(stage, SUBSCRIBER, suppressed, SUBSCRIBER.c.id % 3 == HARD) == third
        assert count(stage, SUBSCRIBER, suppressed) == third
        assert count(stage, SUBSCRIBER, SUBSCRIBER.c.soft_bounces == 1, SUBSCRIBER.c.id % 3 == SOFT) == third
    kept = {int(path.name) for path in (box / ".digest-unread" / "new").iterdir()}
    assert kept == {number for number in range(1, READERS + 1) if number % 3 == LETTER}
    assert not list((box / "new").iterdir())
