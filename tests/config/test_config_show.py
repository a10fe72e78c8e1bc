"""The settings shown: masked, as JSON and TOML; the template; the schema."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from digest.config import json_schema, load, show, template_text, toml_text
from digest.config.bounces import SECRETS

ROOT = Path(__file__).parents[2]

# Not in the template: what this version cannot do yet, and the secrets that are better kept elsewhere.
UNWRITTEN = {"smtp.password"} | {f"bounces.{key}" for key in SECRETS}
UNWRITTEN_SECTIONS = {"editors"}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def schema_keys() -> set[str]:
    schema = json_schema()
    keys: set[str] = set()
    for name, section in schema["properties"].items():
        shape = section.get("items") or section.get("additionalProperties") or section
        reference = shape.get("$ref", "")
        properties: dict[str, Any] = (
            schema["$defs"].get(reference.rpartition("/")[2], {}).get("properties", {})
        )
        if name not in UNWRITTEN_SECTIONS:
            keys |= {f"{name}.{key}" for key in properties}
    return keys


def in_the_template() -> dict[str, Any]:
    """Give the template's tables, those included that it only shows, behind a #."""
    return tomllib.loads(re.sub(r"^# (?=\[|[a-z_]+ = )", "", template_text(), flags=re.MULTILINE))


def test_the_template_loads_as_it_stands_and_rehearses_on_the_sample(tmp_path: Path) -> None:
    settings = load(written(tmp_path, template_text()), {})
    assert settings.is_rehearsal
    assert settings.site.feeds == ("sample:",)
    assert settings.web.public_url == "http://127.0.0.1:8025"


def test_the_template_names_every_key() -> None:
    tables = in_the_template()
    tables["newsletter"] = tables["newsletter"][0]
    tables["pace"] = tables["pace"]["gmail.com"]
    named = {f"{section}.{key}" for section, table in tables.items() for key in table}
    assert named == schema_keys() - UNWRITTEN


def test_what_the_template_only_shows_can_be_read(tmp_path: Path) -> None:
    settings = load(written(tmp_path, toml_text(in_the_template())), {})
    assert list(settings.smtp.relays) == ["second"]
    assert settings.pace["gmail.com"].connections == 5


def test_a_provider_named_in_the_template_brings_its_preset(tmp_path: Path) -> None:
    text = template_text().replace('provider = ""', 'provider = "ses"')
    assert load(written(tmp_path, text), {}).smtp.rate == 14


def test_the_template_says_the_defaults() -> None:
    tables = in_the_template()
    del tables["smtp"]["relays"]
    schema = json_schema()
    for name in ("delivery", "smtp", "dkim", "bounces", "alerts", "theme", "privacy", "database"):
        properties = schema["$defs"][name.capitalize()]["properties"]
        assert tables[name] == {key: properties[key]["default"] for key in tables[name]}


def test_every_key_of_the_template_has_its_comment() -> None:
    lines = [line for line in template_text().splitlines() if " = " in line and not line.startswith("#")]
    assert [line for line in lines if "  # " not in line and "   # " not in line] == []


def test_the_repositorys_own_config_is_the_template() -> None:
    assert (ROOT / "config.toml").read_text(encoding="utf-8") == template_text()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://news:hunter2@db.example/x",
        "postgres://news:hunter2@db.example/x",
        "postgresql://db.example/x?user=news&password=hunter2",
        "postgresql://news:hun@ter2:hunter2@db.example/x",
    ],
)
def test_passwords_are_shown_as_stars(url: str, tmp_path: Path) -> None:
    settings = load(
        written(tmp_path, template_text()),
        {
            "DIGEST_DATABASE__URL": url,
            "DIGEST_SMTP__PASSWORD": "hunter2",
            "DIGEST_SITE__FEEDS": "https://me:hunter2@ledger.example/feed",
        },
    )
    shown = show(settings)
    assert shown["smtp"]["password"] == "********"
    assert "ter2" not in json.dumps(shown) + toml_text(shown)
    assert "ter2" not in repr(settings.smtp) + repr(settings.database)
    assert shown["database"]["url"].startswith("postgresql+psycopg://")


def test_what_is_shown_is_in_force(tmp_path: Path) -> None:
    shown = show(load(written(tmp_path, template_text()), {"DIGEST_NEWSLETTER__0__TITLE": ""}))
    assert shown["newsletter"][0]["title"] == "The Harbour Ledger"
    assert shown["newsletter"][0]["timezone"] == "America/New_York"
    assert shown["mail"]["envelope"] == "news@ledger.example"
    assert list(shown)[:3] == ["site", "newsletter", "mail"]


def test_relays_and_paces_are_shown_as_tables_and_load_as_the_same(tmp_path: Path) -> None:
    text = """
[smtp.relays.second]
host = "relay.example"
provider = "ses"
[smtp.relays.third]
host = "other.example"
[pace."gmail.com"]
rate = 0.5
"""
    settings = load(written(tmp_path, template_text() + text), {})
    shown = toml_text(show(settings))
    for header in ("[smtp.relays.second]", "[smtp.relays.third]", '[pace."gmail.com"]'):
        assert header in shown.splitlines()
    assert "rate = 14" in shown.splitlines()
    assert tomllib.loads(shown) == show(settings)
    assert load(written(tmp_path, shown), {}) == settings


def test_a_further_relays_password_is_shown_as_stars(tmp_path: Path) -> None:
    text = '[smtp.relays.second]\nhost = "relay.example"\nusername = "u"\npassword = "hunter2"\n'
    settings = load(written(tmp_path, template_text() + text), {})
    assert show(settings)["smtp"]["relays"]["second"]["password"] == "********"
    assert "hunter2" not in json.dumps(show(settings)) + toml_text(show(settings)) + repr(settings)


def test_what_is_shown_without_secrets_loads_as_the_same(tmp_path: Path) -> None:
    headers = '{"X-Set": "\\"quoted\\" \\\\ text", "X.Y": "z"}'
    settings = load(
        written(tmp_path, template_text()),
        {"DIGEST_MAIL__HEADERS": headers, "DIGEST_SITE__NAME": 'Bücher "heute" \\ \u2028'.strip("\u2028")},
    )
    text = toml_text(show(settings))
    assert load(written(tmp_path, text), {}) == settings
    assert tomllib.loads(text) == show(settings)


def test_the_schema_describes_every_key_and_refuses_others() -> None:
    schema = json_schema()
    assert schema["required"] == ["site", "newsletter", "mail"]
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
        assert all(key.get("description") for key in definition["properties"].values())


def test_the_schema_writes_bounds_and_durations_as_the_file_does() -> None:
    newsletter = json_schema()["$defs"]["Newsletter"]["properties"]
    assert newsletter["max_age"]["default"] == "7d"
    assert newsletter["max_age"]["type"] == "string"
    assert (newsletter["max_articles"]["minimum"], newsletter["max_articles"]["maximum"]) == (1, 1000)
    assert "password" not in json.dumps(json_schema()["$defs"]["Newsletter"])
