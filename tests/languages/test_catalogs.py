"""The shipped languages: whole, without leftovers, and right where numbers, lists and values come in."""

import subprocess
import sys
from pathlib import Path

import pytest

from digest import languages

ROOT = Path(__file__).parents[2]
SHIPPED = languages.shipped()[1:]


def test_every_language_says_every_sentence_and_nothing_else() -> None:
    """`make words` adds what is new to the catalogs and takes out what nobody says any more."""
    checked = subprocess.run(
        [sys.executable, ROOT / "tools" / "words.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.stderr == ""
    assert checked.returncode == 0


def test_german_french_and_spanish_are_shipped() -> None:
    assert set(SHIPPED) >= {"de", "fr", "es"}


@pytest.mark.parametrize(
    ("language", "none", "one", "two"),
    [
        ("de", "0 Artikel", "1 Artikel", "2 Artikel"),
        # What is none, French has in the singular.
        ("fr", "0 article", "1 article", "2 articles"),
        ("es", "0 artículos", "1 artículo", "2 artículos"),
    ],
)
def test_numbers_are_said_as_a_language_says_them(language: str, none: str, one: str, two: str) -> None:
    said = languages.translations(language)
    phrases = [said.ngettext("%(count)s story", "%(count)s stories", count) for count in range(3)]
    assert [phrase % {"count": count} for count, phrase in enumerate(phrases)] == [none, one, two]


@pytest.mark.parametrize("language", SHIPPED)
def test_no_sentence_holds_markup(language: str) -> None:
    """A page takes a catalog's sentences as they are: a stray bracket would break it."""
    catalog = (ROOT / "templates" / "locale" / f"{language}.po").read_text("utf-8")
    assert not set("<>&") & set(catalog.partition("\n\n")[2])
