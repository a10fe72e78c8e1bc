"""The systemd unit and the Caddyfile are what the documents say they are."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from docs_markdown import ROOT

from digest.config import template_text

UNIT = ROOT / "docs" / "deploy" / "digest.service"
CADDYFILE = ROOT / "docs" / "deploy" / "Caddyfile"

LONGEST_STOP = 64
"""Seconds: half a minute each for the sender's loop and for its connections, four for the pages."""


def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    # systemd's keys have capitals.
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # configparser's documented way
    unit.read(UNIT, encoding="utf-8")
    return unit["Service"]


def test_the_unit_stops_with_the_signal_that_the_service_knows_and_waits_for_it() -> None:
    found = service()
    assert found["KillSignal"] == "SIGTERM"
    assert int(found["TimeoutStopSec"]) > LONGEST_STOP


def test_the_unit_comes_back_after_a_failure_but_not_after_a_mistake_in_the_settings() -> None:
    found = service()
    assert (found["Restart"], found["RestartPreventExitStatus"]) == ("on-failure", "2")


def test_the_unit_lets_the_service_write_into_its_state_folder_alone() -> None:
    found = service()
    assert found["ProtectSystem"] == "strict"
    assert found["WorkingDirectory"] == f"/var/lib/{found['StateDirectory']}"
    assert f"--config {found['WorkingDirectory']}/config.toml" in found["ExecStart"]
    assert "ReadWritePaths" not in found
    assert found["User"] != "root"


def test_the_proxy_passes_on_to_the_port_that_is_the_default() -> None:
    address = "127.0.0.1:8025"
    assert f"reverse_proxy {address}" in CADDYFILE.read_text(encoding="utf-8")
    assert f"http://{address}" in template_text()


@pytest.mark.system
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    # It looks for the program too, which stands elsewhere here.
    here = tmp_path / UNIT.name
    installed = service()["ExecStart"].split()[0]
    here.write_text(
        UNIT.read_text(encoding="utf-8").replace(f"={installed}", f"={sys.executable}"), encoding="utf-8"
    )
    found = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
