"""Our sentences in other languages: which are there, which is chosen, and what a site's own catalog does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import languages
from digest.errors import RenderError


def _write(folder: Path, language: str, *pairs: tuple[str, str]) -> Path:
    locale = folder / "locale"
    locale.mkdir(exist_ok=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    body = "".join(f'\nmsgid "{said}"\nmsgstr "{meant}"\n' for said, meant in pairs)
    (locale / f"{language}.po").write_text(head + body, encoding="utf-8")
    return folder


def test_a_site_adds_a_language_with_a_file(tmp_path: Path) -> None:
    site = _write(tmp_path, "nl", ("Unsubscribe", "Afmelden"))
    assert "nl" in languages.offered(site)
    assert languages.translations("nl", site).gettext("Unsubscribe") == "Afmelden"


def test_a_sentence_without_a_translation_stays_english(tmp_path: Path) -> None:
    site = _write(tmp_path, "nl", ("Unsubscribe", "Afmelden"))
    assert languages.translations("nl", site).gettext("Undo") == "Undo"


def test_a_country_falls_back_to_its_language(tmp_path: Path) -> None:
    site = _write(tmp_path, "nl", ("Unsubscribe", "Afmelden"))
    _write(tmp_path, "nl-BE", ("Undo", "Terugdraaien"))
    flemish = languages.translations("nl-BE", site)
    assert [flemish.gettext(said) for said in ("Undo", "Unsubscribe")] == ["Terugdraaien", "Afmelden"]


def test_a_catalog_that_was_changed_is_read_again(tmp_path: Path) -> None:
    site = _write(tmp_path, "nl", ("Undo", "Terug"))
    assert languages.translations("nl", site).gettext("Undo") == "Terug"
    _write(tmp_path, "nl", ("Undo", "Ongedaan maken"))
    assert languages.translations("nl", site).gettext("Undo") == "Ongedaan maken"


def test_a_broken_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "nl.po").write_bytes(b'msgid "Undo"\nmsgstr "\xff\xfe"\n')
    with pytest.raises(RenderError, match=r"nl\.po is no catalog"):
        languages.translations("nl", tmp_path)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["de"], "de"),
        (["de-AT"], "de"),
        (["DE"], "de"),
        (["", "fr"], "fr"),
        (["tlh", "fr-CA", "de"], "fr"),
        (["tlh"], "en"),
        ([], "en"),
    ],
)
def test_the_best_language_is_the_first_wanted_that_is_there(wanted: list[str], found: str) -> None:
    assert languages.best(wanted, ["en", "de", "fr"]) == found


def test_a_language_is_called_by_its_own_name() -> None:
    assert [languages.name(tag) for tag in ("de", "fr", "pt-BR", "tlh-x-none")][:2] == ["Deutsch", "Français"]
    assert languages.name("not a tag") == "not a tag"


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", ("fr-CH", "fr", "en", "de")),
        ("en;q=0.2,de", ("de", "en")),
        ("da;q=0, sv ; Q=0.5", ("sv",)),
        ("", ()),
        ("*", ()),
        ("de_DE, <b>, es;q=2, ;;, en;q=high, it", ("it",)),
    ],
)
def test_a_browser_says_which_languages_it_accepts(header: str, tags: tuple[str, ...]) -> None:
    assert languages.accepted(header) == tags


@given(st.text(alphabet="aZ-;q=01.,* \t\né"))
def test_whatever_a_browser_says_gives_tags(header: str) -> None:
    assert all(tag.replace("-", "").isalnum() for tag in languages.accepted(header))


def test_of_a_thousand_languages_few_are_heard() -> None:
    assert len(languages.accepted("en," * 1000)) == languages.MOST_ACCEPTED


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("en", "A, B, and C"),
        ("de", "A, B und C"),
        ("fr-CA", "A, B et C"),
        ("es", "A, B y C"),
        ("?", "A, B, and C"),
    ],
)
def test_a_list_is_said_as_a_language_says_it(language: str, phrase: str) -> None:
    assert languages.listed(language, ["A", "B", "C"]) == phrase


def test_hebrew_is_written_from_the_right() -> None:
    assert [languages.direction(tag) for tag in ("he", "de", "not a tag")] == ["rtl", "ltr", "ltr"]
