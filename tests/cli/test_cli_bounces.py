"""`digest bounces`."""

import json
from pathlib import Path

import pytest
from cli_site import Site

SAMPLES = Path(__file__).parent.parent / "bounce" / "samples"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_bounce_is_told_as_a_line_of_json_without_a_config(site: Site) -> None:
    sample = str(SAMPLES / "ovh-unknown.eml")
    said = site.digest("bounces", "read", sample, "--json")
    assert said.code == 0
    told = json.loads(said.out)
    assert (told["file"], told["kind"], told["delivery"]) == (sample, "bounce", "7.42")
    (one,) = told["recipients"]
    assert (one["address"], one["verdict"], one["status"]) == ("adele@ovh.example", "hard", "5.1.1")
    assert one["reason"] == "no such address"
    assert "User unknown in virtual mailbox table" in one["evidence"]


def test_a_person_gets_a_line_without_control_characters(site: Site) -> None:
    said = site.digest(
        "bounces", "read", "-", given=b"From: MAILER-DAEMON@x\n\n<a@b.example>: \x1b[2J unknown user\n"
    )
    assert said.code == 0
    assert said.out == "-: bounce: a@b.example hard (no such address): <a@b.example>: �[2J unknown user\n"


def test_a_maildir_is_read_through_in_order_but_for_what_is_being_written(site: Site) -> None:
    for name in ("new/2", "cur/1:2,S", "tmp/3", "new/.hidden"):
        path = site.folder / "Maildir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((SAMPLES / "dmarc-gzip.eml").read_bytes())
    said = site.digest("bounces", "read", str(site.folder / "Maildir"), "--json")
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [Path(one["file"]).name for one in told] == ["1:2,S", "2"]
    assert {one["kind"] for one in told} == {"none"}


def test_a_file_that_is_not_there_is_named(site: Site) -> None:
    said = site.digest("bounces", "read", str(site.folder / "none.eml"))
    assert said.code == 2
    assert said.err == f"digest: {site.folder / 'none.eml'} cannot be read: No such file or directory.\n"
