"""The verifier that relays run says the same as ours."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from dkim_samples import ANN, HEADERS, both, rendering, signed, slot

from digest.dkim import record
from digest.model import IssueHeaders, Rendering

pytestmark = pytest.mark.system


def opendkim(folder: Path, message: bytes) -> list[str]:
    """Give opendkim's verdict on each signature, from the top; it reads the records from a file."""
    keys, config, mail = folder / "keys", folder / "opendkim.conf", folder / "message.eml"
    keys.write_text("".join(f"{key.record_name} {record(key)}\n" for key in both()))
    config.write_text(f"Mode v\nSyslog no\nTestPublicKeys {keys}\n")
    mail.write_bytes(message)
    said = subprocess.run(
        ["/usr/sbin/opendkim", "-x", config, "-vv", "-t", mail],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return re.findall(r"\bdkim=(\w+)", said.stdout)


@pytest.mark.parametrize(
    ("shown", "headers"),
    [
        (rendering(), HEADERS),
        (
            rendering(subject="Ähren im Wind " * 12, text=f".\n{slot('name')}\n \n\n", html=slot("email")),
            replace(HEADERS, sender_name="Bücher & Häfen, täglich"),
        ),
        (
            rendering(html=f"<p>{'Wörter  ' * 4000}{slot('since')}</p>\n\n\n"),
            replace(HEADERS, archive_url=f"https://a.example/{'a' * 850}", extra=(("X-Long", "y" * 990),)),
        ),
        (
            rendering(),
            replace(HEADERS, reply_to="", extra=(("List-Owner", "one  two"), ("list-owner", "three"))),
        ),
    ],
    ids=["plain", "not ASCII, dots, blanks", "long", "one name in two fields"],
)
def test_opendkim_verifies_both_signatures(shown: Rendering, headers: IssueHeaders, tmp_path: Path) -> None:
    assert opendkim(tmp_path, signed(shown, headers))[:2] == ["pass", "pass"]


def test_opendkim_verifies_what_ses_has_rewritten(tmp_path: Path) -> None:
    message = signed(unsigned=frozenset({"Message-ID", "Date"}))
    rewritten = re.sub(rb"(?m)^Message-ID: .*?\r\n", b"Message-ID: <0102@eu.ses.example>\r\n", message)
    assert opendkim(tmp_path, b"X-SES-Outgoing: 2026\r\n" + rewritten)[:2] == ["pass", "pass"]


@pytest.mark.parametrize(
    "message",
    [
        b"From: <thief@elsewhere.example>\r\n" + signed(),
        b"List-Unsubscribe: <https://elsewhere.example/>\r\n" + signed(),
        signed().replace(b"Hello=20", b"Goodbye=20"),
        signed(recipient=replace(ANN, name="Ben")).replace(b"To: ann@", b"To: ben@"),
    ],
    ids=["another From", "another List-Unsubscribe", "another body", "another To"],
)
def test_opendkim_sees_what_was_changed(message: bytes, tmp_path: Path) -> None:
    assert "pass" not in opendkim(tmp_path, message)
