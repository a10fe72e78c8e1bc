"""`digest dkim`, as it is called."""

import contextlib
import json
import logging
import re
import stat
from pathlib import Path
from typing import Any

import dkim as dkimpy
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim_samples import key_file, pem, rsa
from typer.testing import CliRunner, Result

from digest.cli.program import program
from digest.config import template_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the settings of `digest init`."""
    (tmp_path / "config.toml").write_text(template_text())
    return tmp_path


def digest(folder: Path, *words: str, exits: int = 0, environ: dict[str, str] | None = None) -> Result:
    """Run the program in this process, in a folder."""
    runner = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"} | (environ or {}))
    with contextlib.chdir(folder):
        done = runner.invoke(program(), words, prog_name="digest")
    # The program sends log lines to its standard error, which is gone.
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()
    assert done.exit_code == exits, f"{done.output}{done.exception!r}"
    return done


def told(folder: Path, *words: str) -> Any:
    return json.loads(digest(folder, *words, "--json").stdout)


def configure(folder: Path, printed: str) -> None:
    """Put the lines that a command has printed into config.toml, in place of the empty ones."""
    text = (folder / "config.toml").read_text()
    for key, value in re.findall(r'^(\w+) = ("[^"]*")$', printed, re.MULTILINE):
        text, found = re.subn(rf"(?m)^(\[dkim\][^\[]*?^{key} = )\"\"", rf"\1{value}", text)
        assert found == 1, key
    (folder / "config.toml").write_text(text)


def test_a_new_key_is_its_owners_alone_and_of_2048_bits(folder: Path) -> None:
    said = digest(folder, "dkim", "new", "ledger.example", "news")
    path = folder / "dkim-news.key"
    assert str(path) in said.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_what_new_prints_makes_whole_settings_and_mail_that_verifies(folder: Path) -> None:
    digest(folder, "init")
    for words in (("news",), ("second", "--ed25519")):
        configure(folder, digest(folder, "dkim", "new", "ledger.example", *words).stdout)
    digest(folder, "config", "check")
    digest(folder, "preview", "--format", "eml", "--output", "message.eml")
    message = (folder / "message.eml").read_bytes()
    dns = {f"{one['name']}.".encode(): one["value"].encode() for one in told(folder, "dkim", "record")}
    signatures = dkimpy.DKIM(message)
    assert signatures.verify(0, lambda name, **_: dns[name])
    assert signatures.verify(1, lambda name, **_: dns[name])


def test_the_record_is_printed_for_a_form_and_for_a_zone_file(folder: Path) -> None:
    said = digest(folder, "dkim", "new", "ledger.example", "news").stdout.splitlines()
    [plain] = [line.strip() for line in said if line.strip().startswith("v=DKIM1")]
    [zone] = [line for line in said if " IN TXT " in line]
    assert "  news._domainkey.ledger.example" in said
    assert "".join(re.findall(r'"([^"]*)"', zone)) == plain


def test_a_script_gets_the_same(folder: Path) -> None:
    made = told(folder, "dkim", "new", "Bücher.example", "news", "--output", "keys.pem", "--bits", "3072")
    assert made["file"] == str(folder / "keys.pem")
    assert made["name"] == "news._domainkey.xn--bcher-kva.example"
    assert made["type"] == "TXT"
    assert made["config"] == {
        "dkim": {"domain": "xn--bcher-kva.example", "selector": "news", "key_file": "keys.pem"}
    }


def test_a_key_elsewhere_is_named_by_its_whole_path(folder: Path) -> None:
    (folder / "site").mkdir()
    made = told(
        folder, "--config", "site/config.toml", "dkim", "new", "a.example", "one", "--ed25519", "-o", "k.pem"
    )
    assert made["config"]["dkim"] == {
        "ed25519_selector": "one",
        "ed25519_key_file": str(folder / "k.pem"),
    }


def test_no_file_is_written_over(folder: Path) -> None:
    (folder / "dkim-news.key").write_text("mine")
    said = digest(folder, "dkim", "new", "ledger.example", "news", exits=2)
    assert (
        said.stderr == f"digest: {folder}/dkim-news.key is there already: name another file with --output.\n"
    )
    assert (folder / "dkim-news.key").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ledger", "news"), "'ledger' must be a domain"),
        (("a@ledger.example", "news"), "'a@ledger.example' must be a domain"),
        (("ledger.example", "a_b"), "'a_b' must be a name of letters, digits and hyphens"),
        (("ledger.example", "../news"), "'../news' must be a name"),
        (("", "news"), "a domain and a selector"),
        (("ledger.example", ""), "a domain and a selector"),
        (("ledger.example", "news", "--bits", "1024"), "2048"),
        (("ledger.example", "news", "--output", "no/such/folder"), "No such file or directory"),
    ],
)
def test_misuse_exits_with_2_and_makes_nothing(folder: Path, words: tuple[str, ...], expected: str) -> None:
    before = list(folder.iterdir())
    assert expected in digest(folder, "dkim", "new", *words, exits=2).stderr
    assert list(folder.iterdir()) == before


def test_without_a_key_there_is_no_record(folder: Path) -> None:
    assert "Nothing is signed here" in digest(folder, "dkim", "record", exits=2).stderr


def test_the_records_of_both_keys_are_printed(folder: Path) -> None:
    for words in (("news",), ("second", "--ed25519")):
        configure(folder, digest(folder, "dkim", "new", "ledger.example", *words).stdout)
    said = digest(folder, "dkim", "record").stdout
    assert [line.split()[0] for line in said.splitlines() if " IN TXT " in line] == [
        "news._domainkey.ledger.example.",
        "second._domainkey.ledger.example.",
    ]
    assert "PRIVATE" not in said


def test_a_key_of_few_bits_is_warned_of(folder: Path) -> None:
    digest(folder, "init")
    key_file(folder / "old.key", rsa(1024))
    chosen = {"DIGEST_DKIM__SELECTOR": "old", "DIGEST_DKIM__KEY_FILE": "old.key"}
    for words in (("dkim", "record"), ("stats",), ("config", "check")):
        said = digest(folder, *words, environ=chosen)
        assert said.stderr.startswith("Warning: the key of old._domainkey.ledger.example is shorter"), words
        assert pem(rsa(1024).private).decode() not in said.stdout
