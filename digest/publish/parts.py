"""A rendering's parts as a person edits them: `{{ reader.email }}` in place of a placeholder. Pure."""

import json
import re

from digest.errors import RenderError
from digest.model import SLOT_NAMES, SLOT_PATTERN, slot_placeholder

_WRITTEN = re.compile(r"\{\{ *reader\.(?P<name>\w+)(?:\.or_\((?P<fallback>\"(?:[^\"\\]|\\.)*\")\))? *\}\}")


def to_edit(text: str, nonce: str) -> str:
    """Give a part as a file for an editor."""

    def written(match: re.Match[str]) -> str:
        if match["nonce"] != nonce:
            return match[0]
        fallback = bytes.fromhex(match["fallback"] or "").decode()
        tail = f".or_({json.dumps(fallback, ensure_ascii=False)})" if fallback else ""
        return f"{{{{ reader.{match['name']}{tail} }}}}"

    return SLOT_PATTERN.sub(written, text)


def from_edit(text: str, nonce: str) -> str:
    """Give a part of an editor's file. Raises RenderError for a `reader.` that there is not."""

    def placeholder(match: re.Match[str]) -> str:
        if match["name"] not in SLOT_NAMES:
            known = ", ".join(f"reader.{known}" for known in SLOT_NAMES)
            raise RenderError(f"There is no reader.{match['name']}: a mail has {known}.")
        try:
            return slot_placeholder(nonce, match["name"], json.loads(match["fallback"] or '""'))
        except ValueError as error:
            raise RenderError(f"{match[0]}: the words in its quotes cannot be read.") from error

    return _WRITTEN.sub(placeholder, text.replace("\r\n", "\n").removeprefix("\ufeff"))
