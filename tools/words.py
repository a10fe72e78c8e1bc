#!/usr/bin/env python3
"""Keeps the catalogs of our sentences, `templates/locale/LANGUAGE.po`, in step with code and templates.

`tools/words.py` adds what is new, untranslated, and takes out what nobody says any more; `--check` changes
nothing, says what is missing, stale or marred, and fails. The languages are those that have a file.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "templates" / "locale"
PROJECT = "digest"

TEMPLATES = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
"""As the environments have it, or a sentence that is broken into lines would be another one there."""

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
WIDTH = 100
_VALUE = re.compile(r"%\((\w+)\)s|%[^%]")


def said() -> Catalog:
    """Give every sentence that code and templates say, in the order of their files."""
    catalog = Catalog(project=PROJECT, charset="utf-8")
    for folder, pattern, method, options in (
        ("templates", "**.j2", "jinja2", TEMPLATES),
        ("digest", "**.py", "python", {}),
    ):
        found = extract_from_dir(
            ROOT / folder, [(pattern, method)], {pattern: options}, KEYWORDS, directory_filter=_is_ours
        )
        for file, line, text, comments, context in sorted(found, key=lambda one: (one[0], one[1])):
            catalog.add(text, None, [(f"{folder}/{file}", line)], auto_comments=comments, context=context)
    return catalog


def _is_ours(folder: str) -> bool:
    return Path(folder).name not in ("locale", "__pycache__", "migrations")


def renewed(file: Path, sentences: Catalog) -> str:
    """Give a catalog's text with these sentences: its translations kept, its head as it was."""
    catalog = _read(file)
    head = file.read_text(encoding="utf-8").partition("\n\n")[0]
    catalog.update(sentences, no_fuzzy_matching=True)
    made = io.BytesIO()
    write_po(
        made,
        catalog,
        width=WIDTH,
        omit_header=True,
        include_lineno=False,
        ignore_obsolete=True,
        sort_by_file=True,
    )
    return f"{head}\n\n{made.getvalue().decode().strip()}\n"


def faults(file: Path, sentences: Catalog) -> Iterator[str]:
    """Say what a catalog lacks, has too much or gets wrong."""
    catalog = _read(file)
    yield from (f"misses {one.id!r}" for one in sentences if one.id and _of(catalog, one) is None)
    for one in catalog:
        if not one.id:
            continue
        if _of(sentences, one) is None:
            yield f"has {one.id!r}, which nobody says"
        elif not all(_forms(one.string)) or one.fuzzy:
            yield f"leaves {one.id!r} untranslated"
        elif len(_forms(one.string)) != (catalog.num_plurals if one.pluralizable else 1):
            yield f"has not one form for each number of {one.id!r}"
        elif not all(_values(form) <= _values(*_forms(one.id)) for form in _forms(one.string)):
            yield f"puts other values into {one.id!r}"
        elif _values(_forms(one.string)[-1]) != _values(_forms(one.id)[-1]):
            yield f"loses a value of {one.id!r}"


def _of(catalog: Catalog, message: Message) -> Message | None:
    """Give a catalog's own entry for a message, its plural included."""
    found = catalog.get(message.id, message.context)
    return found if found is not None and found.id == message.id else None


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def _values(*texts: str) -> set[str]:
    return {match[0] for text in texts for match in _VALUE.finditer(text)}


def _read(file: Path) -> Catalog:
    with file.open("rb") as lines:
        return read_po(lines, locale=file.stem.replace("-", "_"), abort_invalid=True)


def main(*, check: bool) -> int:
    """Renew or check every catalog; give the exit code."""
    sentences = said()
    bad = 0
    for file in sorted(LOCALE.glob("*.po")):
        if not check:
            file.write_text(renewed(file, sentences), encoding="utf-8")
        for fault in faults(file, sentences):
            bad += 1
            sys.stderr.write(f"{file.relative_to(ROOT)} {fault}\n")
    sys.stdout.write(f"{len(sentences)} sentences, {bad} to mend\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
