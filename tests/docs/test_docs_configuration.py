"""The configuration's document lists exactly the keys that there are, with their defaults."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from docs_markdown import FENCE, ROOT, tables

from digest.config import json_schema, load
from digest.delivery.presets import PRESETS
from digest.errors import ConfigError

DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIRED = "*required*"
NOT_YET = "Not yet"


def known() -> dict[str, dict[str, str]]:
    """Give every key of config.toml by section, with its default as the document writes it."""
    schema = json_schema()
    found: dict[str, dict[str, str]] = {}
    for section, shape in schema["properties"].items():
        held = shape.get("items") or shape.get("additionalProperties") or shape
        reference = held.get("$ref")
        if reference is None:
            found[section] = {}
            continue
        of_section = schema["$defs"][reference.rpartition("/")[2]]
        required = of_section.get("required", [])
        keys = of_section["properties"].items()
        found[section] = {key: REQUIRED if key in required else _default(value) for key, value in keys}
    return found


def _default(shape: dict[str, Any]) -> str:
    # A table's default is made anew each time, so that the schema does not name it.
    return f"`{json.dumps(shape.get('default', {}))}`"


def documented() -> dict[str, dict[str, str]]:
    """Give what the document says; the keys of "Not yet" in their sections."""
    found = {title.strip("[]").partition(".")[0]: keys for title, keys in tables(DOCUMENT).items()}
    for key, default in found.pop(NOT_YET).items():
        section, _, inner = key.partition(".")
        found.setdefault(section, {}).update({inner: default} if inner else {})
    return found


def test_the_document_lists_exactly_the_known_keys_with_their_defaults() -> None:
    assert documented() == known()


def test_a_section_that_comes_more_than_once_stands_in_double_brackets() -> None:
    shapes = json_schema()["properties"]
    lists = {section for section, shape in shapes.items() if shape.get("type") == "array"}
    titles = [title for title in tables(DOCUMENT) if title != NOT_YET]
    assert {title[2:-2] for title in titles if title.startswith("[[")} == lists


def test_the_document_lists_each_providers_preset() -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (.*) \|$", DOCUMENT, re.MULTILINE)
    assert {name: (rate, connections, messages) for name, rate, connections, messages, _ in rows} == {
        name: (f"{preset.rate:g}" if preset.rate else "none", str(preset.connections), str(messages))
        for name, preset in PRESETS.items()
        if (messages := preset.messages_per_connection)
    }
    told = {name: text for name, *_, text in rows}
    for name, preset in PRESETS.items():
        assert all(header in told[name] for header, _ in preset.headers[:1])


def test_the_readme_names_no_key_that_is_not_there() -> None:
    keys = known()
    for section, key in re.findall(r"`\[+(\w+)\]+ (\w+)`", README):
        assert key in keys[section], f"[{section}] {key}"


def readme_toml() -> list[str]:
    return [block for language, block in FENCE.findall(README) if language == "toml"]


def test_the_readme_names_every_section() -> None:
    named = re.findall(r"^\| `\[+(\w+)\]+` \|", README, re.MULTILINE)
    assert named == [section for section, keys in known().items() if keys and section != "editors"]


def test_what_the_readme_says_to_change_is_a_whole_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(readme_toml()[0], encoding="utf-8")
    assert load(config, {}).is_rehearsal


@pytest.mark.parametrize("relay", readme_toml()[1:], ids=["ses", "postfix"])
def test_the_relays_of_the_readme_are_read(relay: str, tmp_path: Path) -> None:
    (tmp_path / "smtp.password").write_text("secret", encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(f"{readme_toml()[0]}\n{relay}", encoding="utf-8")
    assert not load(config, {}).is_rehearsal


UNAVAILABLE = {
    "editors.addresses": '[editors]\naddresses = ["editor@ledger.example"]',
}


def test_the_document_says_of_each_key_that_is_refused_that_it_is_not_available() -> None:
    rows = re.findall(r"^\| `(\w+)` .* Not available in this version", DOCUMENT, re.MULTILINE)
    assert {f"smtp.{key}" for key in rows} | set(tables(DOCUMENT)[NOT_YET]) == set(UNAVAILABLE)


@pytest.mark.parametrize("written", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_what_the_document_calls_not_available_is_refused(written: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"{readme_toml()[0]}\n{written}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not available in this version"):
        load(config, {})
