"""`digest bounces scan`."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from cli_site import READERS, Site

from digest.model import DeliveryState, SubscriberState
from digest.store import installation
from digest.store.returned_tables import RETURNED
from digest.store.tables import SUBSCRIBER
from digest.verp import Mark, Marker, Purpose

BOUNCES = "bounces@ledger.example"
UNKNOWN = "550 5.1.1 user unknown"
FULL = "452 4.2.2 mailbox full"


MAILDIR = {"DIGEST_BOUNCES__ADDRESS": BOUNCES, "DIGEST_BOUNCES__MAILDIR": "Maildir"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Readers who were all mailed an issue, and a Maildir to which bounces come."""
    site = Site(tmp_path).begin()
    for name in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    site.readers(*READERS)
    site.settle(site.frozen(), *[DeliveryState.ACCEPTED] * len(READERS))
    return site


def marked(site: Site, reader: int, purpose: Purpose = Purpose.BOUNCE) -> str:
    with site.store() as store, store.read() as session:
        key = installation.permanent_key(session)
    return Marker(BOUNCES, "+", key)(Mark(purpose, 1, reader, 1))


def deliver(site: Site, name: str, mail: str) -> None:
    (site.folder / "Maildir" / "new" / name).write_text(mail)


def dsn(sent_to: str, about: str, said: str) -> str:
    return (
        f"Delivered-To: {sent_to}\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n'
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; {about}\nAction: failed\nStatus: {said.split()[1]}\n"
        f"Diagnostic-Code: smtp; {said}\n--b--\n"
    )


def states(site: Site) -> list[SubscriberState]:
    with site.store() as store, store.read() as session:
        query = sa.select(SUBSCRIBER.c.state).order_by(SUBSCRIBER.c.id)
        return list(session.connection().execute(query).scalars())


def booked(site: Site) -> int:
    with site.store() as store, store.read() as session:
        return session.connection().execute(sa.select(sa.func.count()).select_from(RETURNED)).scalar_one()


def fill(site: Site) -> None:
    """One bounce of each sort, a vacation note, a mailed wish, and what nobody understands."""
    deliver(site, "1", dsn(marked(site, 1), READERS[0], UNKNOWN))
    deliver(site, "2", dsn(marked(site, 2), READERS[1], FULL))
    deliver(
        site, "3", f"Delivered-To: {marked(site, 2)}\nAuto-Submitted: auto-replied\nSubject: Away\n\nAway.\n"
    )
    deliver(
        site,
        "4",
        f"Delivered-To: {marked(site, 3, Purpose.UNSUBSCRIBE)}\nFrom: {READERS[2]}\nSubject: unsubscribe\n\n",
    )
    deliver(
        site, "5", f"From: a stranger <x@y.example>\nTo: {BOUNCES}\nSubject: Hello\n\nIs the ferry back?\n"
    )


SAID = (
    "{box}: 5 read: 2 bounces, 1 automatic reply, 1 wish to leave, 1 other; 1 left, 1 soft, 1 suppressed; "
    "1 not understood: it is in {box}/.digest-unread.\n"
)


def test_what_waits_is_read_once_and_told_in_a_line(site: Site) -> None:
    fill(site)
    box = site.folder / "Maildir"
    said = site.digest("bounces", "scan", env=MAILDIR)
    assert (said.code, said.out, said.err) == (0, SAID.format(box=box), "")
    assert states(site) == [
        SubscriberState.SUPPRESSED,
        SubscriberState.ACTIVE,
        SubscriberState.UNSUBSCRIBED,
    ]
    assert sorted(path.name for path in (box / ".digest-unread" / "new").iterdir()) == ["5"]
    said = site.digest("bounces", "scan", env=MAILDIR)
    assert (said.code, said.out) == (0, f"{box}: nothing waits.\n")
    assert booked(site) == 5


def test_a_mail_that_was_booked_before_a_crash_is_found_to_be_booked(site: Site) -> None:
    mail = dsn(marked(site, 1), READERS[0], FULL)
    deliver(site, "1", mail)
    site.digest("bounces", "scan", env=MAILDIR)
    deliver(site, "1", mail)
    said = site.digest("bounces", "scan", env=MAILDIR)
    assert said.out == f"{site.folder / 'Maildir'}: 1 read: 1 booked before.\n"
    assert booked(site) == 1


def test_without_a_place_that_could_be_scanned_it_is_misused(site: Site) -> None:
    said = site.digest("bounces", "scan")
    assert said.code == 2
    assert "set [bounces] maildir or imap" in said.err


def test_what_was_read_is_told_before_what_went_wrong(site: Site) -> None:
    fill(site)
    (site.folder / "Maildir" / ".digest-unread").write_text("no folder")
    said = site.digest("bounces", "scan", env=MAILDIR)
    assert said.code == 1
    assert " read: " in said.out
    assert "cannot be moved: " in said.err
    assert list((site.folder / "Maildir" / "new").iterdir())


def test_an_imap_server_that_is_away_keeps_no_maildir_from_being_read(site: Site) -> None:
    fill(site)
    away = {"DIGEST_BOUNCES__IMAP": "imap://u@127.0.0.1:1", "DIGEST_BOUNCES__IMAP_PASSWORD": "tidewater"}
    said = site.digest("bounces", "scan", env=MAILDIR | away)
    assert (said.code, said.out) == (1, SAID.format(box=site.folder / "Maildir"))
    assert said.err == "digest: The IMAP server 127.0.0.1:1 is in trouble: Connection refused.\n"
