import json
import re
from pathlib import Path

import pytest
from cli_site import Site

from digest.store.schema import head


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_check_shows_each_newsletters_next_five_slots_with_their_offset(site: Site) -> None:
    site.configure()
    said = site.digest("config", "check")
    assert said.code == 0
    assert len(re.findall(r"  \w{3} \d{4}-\d\d-\d\dT07:00  -0[45]:00", said.out)) == 5
    assert "rehearsal" in said.out


def test_check_names_the_relay(site: Site) -> None:
    site.configure(('host = ""  ', 'host = "smtp.ledger.example"  '))
    assert "through smtp.ledger.example:587 (starttls)" in site.digest("config", "check").out


READ = {"DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example", "DIGEST_BOUNCES__PIPE": "true"}
VERP = READ | {"DIGEST_MAIL__ENVELOPE": "verp"}


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "to news@ledger.example, which is not read here"),
        (READ, "to bounces@ledger.example"),
        (VERP, "to bounces@ledger.example, an address of its own for each message"),
        (
            READ | {"DIGEST_MAIL__ENVELOPE": "b@x.example"},
            "to b@x.example, which is not read here; bounces@ledger.example is",
        ),
    ],
    ids=["nothing", "read", "verp", "elsewhere"],
)
def test_check_says_where_bounces_go(env: dict[str, str], says: str, site: Site) -> None:
    site.configure()
    said = site.digest("config", "check", env=env)
    assert re.search(rf"^Bounces +{re.escape(says)}$", said.out, re.MULTILINE)
    assert "Warning" not in said.err


def test_check_warns_of_a_provider_that_has_its_way_with_the_envelope(site: Site) -> None:
    site.configure()
    provider = {"DIGEST_SMTP__PROVIDER": "postmark"}
    assert "Postmark puts a return path of its own" in site.digest("config", "check", env=VERP | provider).err
    assert "Warning" not in site.digest("config", "check", env=READ | provider).err


def test_show_masks_what_is_secret(site: Site) -> None:
    site.configure()
    said = site.digest("config", "show", "--json", env={"DIGEST_SMTP__PASSWORD": "hunter2"})
    assert said.code == 0
    assert "hunter2" not in said.out
    assert json.loads(said.out)["site"]["name"] == "The Harbour Ledger"


def test_show_is_toml_that_can_be_read_again(site: Site) -> None:
    site.configure()
    shown = site.digest("config", "show").out
    site.config.write_text(shown)
    assert site.digest("config", "show").out == shown


def test_schema_needs_no_config(site: Site) -> None:
    said = site.digest("config", "schema")
    assert said.code == 0
    assert "newsletter" in json.loads(said.out)["properties"]


def test_upgrade_makes_the_database_and_takes_no_harm_twice(site: Site) -> None:
    site.configure()
    before = site.digest("db", "current")
    first, again = site.digest("db", "upgrade"), site.digest("db", "upgrade")
    assert [before.code, first.code, again.code] == [1, 0, 0]
    assert "made" in first.out
    assert "already" in again.out
    assert site.digest("db", "current").out == f"{head()}\n"


def test_a_database_in_no_folder_is_one_sentence(site: Site) -> None:
    site.configure(("sqlite:///subscribers.db", "sqlite:///nowhere/subscribers.db"))
    said = site.digest("db", "upgrade")
    assert said.code == 1
    assert said.err.startswith("digest: No database can be made at ")
