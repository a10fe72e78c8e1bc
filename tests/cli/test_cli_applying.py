"""`digest bounces read --apply`, by hand and behind a mail server."""

import json
import sqlite3
from pathlib import Path

import pytest
from cli_site import READERS, Site

from digest.cli.applying import TRY_AGAIN
from digest.model import DeliveryState, SubscriberState
from digest.store import installation, subscribers
from digest.verp import Mark, Marker, Purpose

SAMPLES = Path(__file__).parent.parent / "bounce" / "samples"
BOUNCE = """\
From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered Mail Returned to Sender

<{address}>: host mail.example said: 550 5.1.1 <{address}>: user unknown
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path).begin()
    made.readers(*READERS)
    return made


def marked(site: Site, *, wish: bool = False) -> tuple[str, str]:
    """Mail an issue to everybody; give the first reader's address and the one that names that delivery."""
    issue = site.settle(site.frozen(), *[DeliveryState.ACCEPTED] * len(READERS))
    with site.write() as session:
        key = installation.permanent_key(session)
        found = subscribers.find(session, READERS[0])
    assert found is not None
    purpose = Purpose.UNSUBSCRIBE if wish else Purpose.BOUNCE
    return READERS[0], Marker("bounces@ledger.example", "+", key)(Mark(purpose, issue.id, found.id, 1))


def states(site: Site) -> list[SubscriberState]:
    with site.write() as session:
        return [one.state for one in subscribers.everyone(session)]


ACTIVE = SubscriberState.ACTIVE


def test_what_a_mail_server_pipes_suppresses_whose_envelope_it_was(site: Site) -> None:
    address, mark = marked(site)
    mail = BOUNCE.format(to="bounces@ledger.example", address=address)
    said = site.digest("bounces", "read", "-", "--apply", "--recipient", mark, given=mail)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(" -> suppressed\n")
    assert states(site) == [SubscriberState.SUPPRESSED, ACTIVE, ACTIVE]
    with sqlite3.connect(site.folder / "subscribers.db") as ledger:
        assert ledger.execute("SELECT source, raw FROM returned").fetchall() == [("pipe", mail.encode())]
    again = site.digest("bounces", "read", "-", "--apply", "--recipient", mark, given=mail)
    assert (again.code, again.out.endswith(" -> booked before\n")) == (0, True)


def test_a_file_is_booked_as_one_and_says_what_it_has_caused(site: Site) -> None:
    address, mark = marked(site)
    path = site.folder / "returned.eml"
    path.write_text(BOUNCE.format(to=mark, address=address))
    said = site.digest("bounces", "read", str(path), "--apply", "--json")
    told = json.loads(said.out)
    assert (told["effects"], told["known"], told["understood"]) == (["suppressed"], False, True)
    with sqlite3.connect(site.folder / "subscribers.db") as ledger:
        assert ledger.execute("SELECT source FROM returned").fetchall() == [("file",)]


def test_without_apply_nothing_is_booked(site: Site) -> None:
    address, mark = marked(site)
    said = site.digest("bounces", "read", "-", given=BOUNCE.format(to=mark, address=address))
    assert (said.code, states(site)) == (0, [ACTIVE] * 3)
    with sqlite3.connect(site.folder / "subscribers.db") as ledger:
        assert ledger.execute("SELECT count(*) FROM returned").fetchall() == [(0,)]


def test_what_is_not_understood_is_put_by_where_a_mail_server_would_forget_it(site: Site) -> None:
    letter = (SAMPLES / "letter-from-a-reader.eml").read_bytes()
    said = site.digest("bounces", "read", "-", "--apply", given=letter)
    assert (said.code, said.out.endswith(" -> not understood\n")) == (0, True)
    (kept,) = (site.folder / "digest-unread" / "new").iterdir()
    assert kept.read_bytes() == letter


def test_a_file_that_is_not_understood_stays_where_it_is_alone(site: Site) -> None:
    said = site.digest("bounces", "read", str(SAMPLES / "letter-from-a-reader.eml"), "--apply")
    assert (said.code, said.out.endswith(" -> not understood\n")) == (0, True)
    assert not (site.folder / "digest-unread").exists()


NOT_BOOKED = {
    "no config": lambda site: site.config.unlink(),
    "a mistake in the config": lambda site: site.config.write_text("[bounces]\nnonsense = 1\n"),
    "no ledger": lambda site: (site.folder / "subscribers.db").unlink(),
    "a ledger that cannot be written": lambda site: ledger(site, "DROP TABLE returned"),
    "no place for what is not understood": lambda site: (site.folder / "digest-unread").write_text(""),
}


def ledger(site: Site, change: str) -> None:
    with sqlite3.connect(site.folder / "subscribers.db") as here:
        here.execute(change)


@pytest.mark.parametrize("breaks", NOT_BOOKED.values(), ids=NOT_BOOKED)
def test_a_mail_that_was_not_booked_is_brought_again_by_the_mail_server(site: Site, breaks: object) -> None:
    assert callable(breaks)
    breaks(site)
    letter = (SAMPLES / "letter-from-a-reader.eml").read_bytes()
    said = site.digest("bounces", "read", "-", "--apply", given=letter)
    assert (said.code, said.err != "") == (TRY_AGAIN, True)


def test_by_hand_the_same_failure_ends_as_any_other(site: Site) -> None:
    site.config.unlink()
    said = site.digest("bounces", "read", str(SAMPLES / "letter-from-a-reader.eml"), "--apply")
    assert said.code == 2


def test_whoever_writes_a_long_mail_gets_rid_of_all_of_it(site: Site) -> None:
    running = site.process("bounces", "read", "-", "--apply", stdin=-1)
    out, err = running.communicate("From: a@b.example\n\n" + "x" * 3_000_000, timeout=60)
    assert (running.returncode, err) == (0, "")
    assert "not understood" in out


def test_standard_input_is_read_alone(site: Site) -> None:
    said = site.digest("bounces", "read", "-", "x.eml", "--apply")
    assert (said.code, "alone" in said.err) == (2, True)
