"""`digest alerts test`."""

from pathlib import Path

import pytest
from cli_site import Site
from smtp_server import Bad, SmtpServer, serving

TO = ("\nto = []", '\nto = ["ops@ledger.example"]')
COMMAND = ('\ncommand = ""', '\ncommand = "tee told.txt"')


def through(relay: SmtpServer) -> dict[str, str]:
    return {
        "DIGEST_SMTP__HOST": "127.0.0.1",
        "DIGEST_SMTP__PORT": str(relay.port),
        "DIGEST_SMTP__SECURITY": "none",
    }


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_without_any_way_it_is_misuse(site: Site) -> None:
    site.configure()
    said = site.digest("alerts", "test")
    assert said.code == 2
    assert "set [alerts] to, command or ping_url" in said.err


def test_every_way_is_tried_and_told_and_nothing_is_left_behind(site: Site) -> None:
    site.configure(TO, COMMAND)
    with serving(SmtpServer()) as relay:
        said = site.digest("alerts", "test", env=through(relay))
    assert said.code == 0, said.err
    rows = [line.split()[0] for line in said.out.splitlines()]
    assert rows == ["way", "mail", "command"]
    assert said.out.count("went well") == 2
    assert relay.recipients == ["ops@ledger.example"]
    assert sorted(path.name for path in site.folder.iterdir()) == ["config.toml", "told.txt"]


def test_a_way_that_fails_is_exit_1_with_the_reason(site: Site) -> None:
    site.configure(TO, COMMAND)
    with serving(SmtpServer(Bad(at="mail", how="550 5.7.1 sender not allowed"))) as relay:
        said = site.digest("alerts", "test", env=through(relay))
    assert said.code == 1
    assert "mail: 550 5.7.1 sender not allowed" in said.out
    assert "Not every way" in said.err


def test_mail_without_a_relay_is_no_way(site: Site) -> None:
    site.configure(TO, COMMAND)
    said = site.digest("alerts", "test")
    assert said.code == 1
    assert "[smtp] host is empty" in said.out
    assert (site.folder / "told.txt").exists()
