"""`digest demo --kill` as a stranger runs it, and what its facts would find."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from demo_course import FIRST, READERS

from digest.demo.caught import Caught
from digest.demo.facts import facts_of_killing
from digest.demo.report import Killing, Reader
from digest.model import Counts

DIGEST = Path(sys.executable).with_name("digest")


def copy(reader: Reader, message_id: str = "") -> Caught:
    head = f"Subject: {FIRST.subject}\r\nMessage-ID: <{message_id or reader.email}>\r\n\r\n"
    return Caught(recipient=reader.email, head=head.encode())


KILLING = Killing(
    readers=READERS,
    connections=3,
    frozen=Counts(pending=6),
    killed=Counts(accepted=2, submitting=3, pending=1, doubtful=0),
    edition=replace(FIRST, counts=Counts(accepted=6, doubtful=3)),
    site_url="http://127.0.0.1:4711",
    caught=[copy(reader) for reader in (*READERS, *READERS[2:4])],
)


def untrue(killing: Killing) -> list[str]:
    return [fact.found for fact in facts_of_killing(killing) if not fact.holds]


def test_a_kill_after_which_all_is_well_proves_every_fact() -> None:
    assert untrue(KILLING) == []
    assert [fact.claim for fact in facts_of_killing(KILLING)][:2] == [
        "Lost: 0. Each of the 6 readers got the issue",
        "Mailed twice: 2, not more than the 3 that were on the wire",
    ]


def test_a_reader_who_was_lost_is_found() -> None:
    assert untrue(replace(KILLING, caught=KILLING.caught[1:])) == ["1 did not"]


def test_more_copies_than_messages_on_the_wire_are_found() -> None:
    caught = [copy(reader) for reader in (*READERS, *READERS[:4])]
    assert untrue(replace(KILLING, caught=caught)) == ["4 second copies, 3 connections"]


def test_a_second_copy_with_an_identity_of_its_own_is_found() -> None:
    caught = [*KILLING.caught[:6], copy(READERS[2], "another"), copy(READERS[3])]
    assert untrue(replace(KILLING, caught=caught)) == ["in 1 cases it is another"]


def test_a_ledger_that_does_not_know_who_is_in_doubt_is_found() -> None:
    edition = replace(KILLING.edition, counts=Counts(accepted=6, doubtful=1))
    assert untrue(replace(KILLING, edition=edition)) == ["it marked 1"]


def test_states_that_do_not_add_up_are_found() -> None:
    killed = Counts(accepted=2, submitting=3)
    (found,) = untrue(replace(KILLING, killed=killed))
    assert "accepted=2" in found


def test_the_demo_kills_its_sender_and_ends_with_nobody_lost(tmp_path: Path) -> None:
    # Settings of the operator's own must not lead the demo's sender to a real relay.
    environ = os.environ | {
        "TMPDIR": str(tmp_path),
        "PYTHONIOENCODING": "utf-8",
        "DIGEST_SMTP__HOST": "relay.invalid",
        "DIGEST_DELIVERY__ON_UNKNOWN": "ask",
    }
    done = subprocess.run(
        [DIGEST, "demo", "--kill", "--readers", "300"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("✓") == 6
    waiting, wire, accepted, audience = (
        int(figure) for figure in re.findall(r"after kill -9 +(\d+) +(\d+) +(\d+) +(\d+)", done.stdout)[0]
    )
    assert waiting + wire + accepted == audience == 300
    assert wire <= 10
    assert "Send, until kill -9: " in done.stderr
    (folder,) = tmp_path.glob("digest-demo-*")
    assert sorted(path.suffix for path in folder.iterdir()) == [".eml", ".html"]
