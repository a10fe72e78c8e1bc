"""Whatever a stranger types: settings, or one ConfigError."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.config import load, template_text
from digest.config.mistakes import dotted
from digest.config.where import key_lines
from digest.errors import ConfigError

LINES = template_text().splitlines()

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALUES = st.one_of(
    st.text(max_size=30).map(repr),
    st.text(max_size=30).map(lambda text: f'"{text}"'),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            "true",
            "[]",
            "{}",
            "[[]]",
            "1979-05-27",
            '["a"]',
            "[{a=1}]",
            "{ a = { b = 1 } }",
            '{ a = { rate = 1, host = "x" } }',
            '"\\u0000"',
        ]
    ),
)
KEYS = st.one_of(
    st.sampled_from([line.split(" = ")[0] for line in LINES if " = " in line]),
    st.text("abc._\"' -", max_size=8),
)
NAMES = st.lists(
    st.sampled_from(
        [
            "SITE",
            "SMTP",
            "NEWSLETTER",
            "ALERTS",
            "MAIL",
            "RELAYS",
            "PACE",
            "RATE",
            "TO",
            "0",
            "1",
            "NAME",
            "",
            "X",
        ]
    ),
    max_size=4,
).map(lambda parts: "DIGEST_" + "__".join(parts))
TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["[1]", '{"a":1}', "a,b"]
)


def is_settled(path: Path, raw: bytes, environ: dict[str, str]) -> bool:
    """Whether loading ends in settings or in a ConfigError that says where and what."""
    path.write_bytes(raw)
    try:
        load(path, environ)
    except ConfigError as error:
        found = error.mistakes
        return bool(found) and all(mistake.where and mistake.key and mistake.problem for mistake in found)
    return True


@FUZZ
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_error(raw: bytes, tmp_path: Path) -> None:
    assert is_settled(tmp_path / "config.toml", raw, {})


@FUZZ
@given(text=st.text(max_size=200), at=st.integers(0, len(LINES)))
def test_any_text_within_the_template_is_settings_or_a_config_error(
    text: str, at: int, tmp_path: Path
) -> None:
    raw = "\n".join([*LINES[:at], text, *LINES[at:]]).encode()
    assert is_settled(tmp_path / "config.toml", raw, {})


@FUZZ
@given(data=st.data())
def test_any_value_of_any_key_is_settings_or_a_config_error(data: st.DataObject, tmp_path: Path) -> None:
    at = data.draw(st.integers(0, len(LINES) - 1))
    line = f"{data.draw(KEYS)} = {data.draw(VALUES)}"
    raw = "\n".join([*LINES[:at], line, *LINES[at + 1 :]]).encode()
    assert is_settled(tmp_path / "config.toml", raw, {})


@FUZZ
@given(environ=st.dictionaries(NAMES, TEXTS, max_size=4))
def test_any_environment_gives_settings_or_a_config_error(environ: dict[str, str], tmp_path: Path) -> None:
    assert is_settled(tmp_path / "config.toml", template_text().encode(), environ)


@FUZZ
@given(data=st.data())
def test_every_line_that_is_told_holds_its_key(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(LINES)))
    text = "\n".join([*LINES[:at], f"{data.draw(KEYS)} = {data.draw(VALUES)}", *LINES[at:]])
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    lines = text.split("\n")
    for path, number in key_lines(text).items():
        if isinstance(path[-1], str) and path[-1].isidentifier():
            assert path[-1] in lines[number - 1], dotted(path)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "..", "/"])
def test_a_strange_path_is_a_config_error(name: str, tmp_path: Path) -> None:
    text = template_text().replace('password_file = ""', f'password_file = "{name}"'.replace("\0", "\\u0000"))
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError):
        load(tmp_path / "config.toml", {})
