"""The languages of our own sentences: gettext catalogs, read as they are written.

A site adds or corrects a language with `templates/locale/LANGUAGE.po`; nothing has to be compiled. Dates and
plurals come from babel. English is the source and needs no catalog.
"""

import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from digest import resources
from digest.errors import RenderError

SOURCE = "en"
"""The language in which our sentences are written."""

MOST_ACCEPTED = 20
"""How many languages a browser is heard to accept: people set a few, and anybody may send thousands."""

_RANGE = re.compile(
    r"(?P<tag>[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*[qQ]=(?P<weight>[01](?:\.[0-9]{0,3})?))?"
)


def shipped() -> tuple[str, ...]:
    """Give the languages that this program brings along, English first."""
    return (SOURCE, *sorted(file.stem for file in _shipped_folder().glob("*.po")))


def offered(site_templates: Path | None) -> tuple[str, ...]:
    """Give the languages that a reader can choose: the shipped ones, and those that the site has added."""
    own = _own_folder(site_templates)
    added = sorted(file.stem for file in own.glob("*.po")) if own else []
    return tuple(dict.fromkeys((*shipped(), *added)))


def name(language: str) -> str:
    """Give a language's own name for itself, as `Deutsch`; the tag where nobody knows it."""
    try:
        return (Locale.parse(language, sep="-").get_display_name() or language).capitalize()
    except (UnknownLocaleError, ValueError):
        return language


def best(wanted: Iterable[str], among: Sequence[str]) -> str:
    """Give the first wanted tag (BCP 47) that is there, itself or its language; else the first there."""
    return known(wanted, among) or among[0]


def known(wanted: Iterable[str], among: Sequence[str]) -> str:
    """Give the first wanted tag (BCP 47) that is there, itself or its language; else nothing."""
    by_tag = {tag.casefold(): tag for tag in among}
    for tag in wanted:
        for candidate in (tag.casefold(), tag.partition("-")[0].casefold()):
            if candidate in by_tag:
                return by_tag[candidate]
    return ""


def accepted(header: str) -> tuple[str, ...]:
    """Give the tags of an Accept-Language (RFC 9110, section 12.5.4), the most wanted first, without `*`.

    What cannot be read is passed over.
    """
    ranges = header.split(",", MOST_ACCEPTED)[:MOST_ACCEPTED]
    found = [match for one in ranges if (match := _RANGE.fullmatch(one.strip()))]
    weighed = [(float(match["weight"] or 1), match["tag"]) for match in found]
    return tuple(tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight)


def direction(language: str) -> str:
    """Give `rtl` for a language that is written from the right, else `ltr`."""
    return str(_locale(language).text_direction)


def listed(language: str, parts: Sequence[str]) -> str:
    """Give `A, B, and C` as a language says it."""
    return str(format_list(list(parts), locale=_locale(language)))


def translations(language: str, site_templates: Path | None = None) -> NullTranslations:
    """Give a language's sentences: the site's own before the shipped, English where neither has one.

    Raises RenderError for a catalog that cannot be read.
    """
    tags = tuple(dict.fromkeys((language, language.partition("-")[0])))
    own = _own_folder(site_templates)
    folders = [folder for folder in (own, _shipped_folder()) if folder is not None]
    found = [file for tag in tags for folder in folders if (file := folder / f"{tag}.po").is_file()]
    first: NullTranslations = NullTranslations()
    for file in reversed(found):
        read = _catalog(file, file.stat().st_mtime_ns)
        layer = GNUTranslations(io.BytesIO(read))
        layer.add_fallback(first)
        first = layer
    return first


@lru_cache(maxsize=32)
def _catalog(file: Path, _changed: int) -> bytes:
    """Compile a catalog in memory; once for each time that it was written."""
    try:
        catalog = read_po(
            io.BytesIO(file.read_bytes()), locale=file.stem.replace("-", "_"), abort_invalid=True
        )
    except (OSError, ValueError, PoFileError, UnknownLocaleError) as error:
        raise RenderError(f"{file} is no catalog of sentences: {error}: mend it, or take it away.") from error
    made = io.BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def _locale(language: str) -> Locale:
    """Give what babel knows of a language, and of English where it does not know that one."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(SOURCE)


def _shipped_folder() -> Path:
    return resources.templates() / "locale"


def _own_folder(site_templates: Path | None) -> Path | None:
    return site_templates / "locale" if site_templates is not None else None
