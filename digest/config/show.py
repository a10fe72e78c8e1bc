"""The settings for a person's eyes: masked, as tables, as TOML, and what may stand in them as JSON schema."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema

from digest.config.database import mask_url
from digest.config.kinds import duration_text
from digest.config.settings import Settings


class _Schema(GenerateJsonSchema):
    """Writes a duration's default as the file does."""

    def encode_default(self, dft: object) -> object:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def show(settings: Settings) -> dict[str, Any]:
    """Give the effective settings in the file's order, plain values of JSON and TOML, secrets as stars."""
    dumped = settings.model_dump(mode="json", by_alias=True)
    return cast("dict[str, Any]", _masked(dumped))


def toml_text(tables: Mapping[str, Any]) -> str:
    """Write what `show` gives as TOML."""
    blocks: list[str] = []
    for name, section in tables.items():
        if isinstance(section, list):
            blocks += ["\n".join([f"[[{name}]]", *_assignments(item)]) for item in section]
        else:
            blocks += _blocks(name, section)
    return "\n\n".join(blocks) + "\n"


def json_schema() -> dict[str, Any]:
    """Give the JSON schema of config.toml, for editors that complete and check it."""
    return Settings.model_json_schema(by_alias=True, schema_generator=_Schema)


def template_text() -> str:
    """Give the commented config.toml that `digest init` writes. It rehearses on the built-in sample."""
    return (Path(__file__).parent / "template.toml").read_text(encoding="utf-8")


def _blocks(header: str, section: Mapping[str, Any]) -> Iterator[str]:
    """Give a section, and each of the sections by name that it holds or consists of."""
    named = section if _holds_sections(section) else {}
    held = [key for key, value in section.items() if key in named or _holds_sections(value)]
    if not named:
        plain = {key: value for key, value in section.items() if key not in held}
        yield "\n".join([f"[{header}]", *_assignments(plain)])
    for key in held:
        yield from _blocks(f"{header}.{_name(key)}", section[key])


def _holds_sections(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(v, Mapping) for v in value.values())


def _assignments(section: Mapping[str, Any]) -> Iterator[str]:
    for key, value in section.items():
        yield f"{_name(key)} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_name(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped (TOML 1.0.0, "String").
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _name(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _value(key)


def _masked(value: object) -> object:
    """Take passwords out of URLs, wherever one stands."""
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return mask_url(value) if isinstance(value, str) else value
