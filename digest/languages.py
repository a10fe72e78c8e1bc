"""The languages of our own sentences: gettext catalogs, read as they are written.

A site adds or corrects a language with `templates/locale/LANGUAGE.po`; nothing has to be compiled. Dates and
plurals come from babel. English is the source and needs no catalog.
"""

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from digest import resources
from digest.errors import RenderError

SOURCE = "en"
"""The language in which our sentences are written."""


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
    by_tag = {tag.casefold(): tag for tag in among}
    for tag in wanted:
        for candidate in (tag.casefold(), tag.partition("-")[0].casefold()):
            if candidate in by_tag:
                return by_tag[candidate]
    return among[0]


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


def _shipped_folder() -> Path:
    return resources.templates() / "locale"


def _own_folder(site_templates: Path | None) -> Path | None:
    return site_templates / "locale" if site_templates is not None else None
