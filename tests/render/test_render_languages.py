"""A mail in the site's language: its own sentences, with a reader's slots in them, numbers and dates."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from render_editions import EDITION, NONCE, STORIES, article, site_with

from digest import languages
from digest.model import slot_placeholder
from digest.render import render, words

OURS = re.compile(
    r"You get|Unsubscribe|Write to the editor|In brief|Read the story|Read it in|\bBy |minute read|stories"
)


@pytest.mark.parametrize("language", languages.shipped()[1:])
def test_no_english_of_ours_is_left(language: str) -> None:
    edition = replace(EDITION, language=language, archive_url="https://news.ledger.example/archive/a")
    rendering = render(edition, nonce=NONCE)
    assert OURS.findall(rendering.text) == []
    assert OURS.findall(rendering.html) == []


@pytest.mark.parametrize(
    ("language", "folio"),
    [
        ("en", "Tuesday, November 24, 2026 · 6 stories · a six-minute read"),
        ("de", "Dienstag, 24. November 2026 · 6 Artikel · 6 Minuten Lesezeit"),
        ("de-AT", "Dienstag, 24. November 2026 · 6 Artikel · 6 Minuten Lesezeit"),
        ("fr", "mardi 24 novembre 2026 · 6 articles · 6 minutes de lecture"),
        ("es", "martes, 24 de noviembre de 2026 · 6 artículos · 6 minutos de lectura"),
    ],
)
def test_date_count_and_reading_time_are_the_languages(language: str, folio: str) -> None:
    assert f"\n{folio}\n" in render(replace(EDITION, language=language), nonce=NONCE).text


def test_a_sentence_holds_the_readers_slots() -> None:
    rendering = render(replace(EDITION, language="de"), nonce=NONCE)
    email, since = (
        slot_placeholder(NONCE, "email"),
        slot_placeholder(NONCE, "since", "längerer Zeit"),
    )
    assert f"weil {email} bei ledger.example angemeldet ist (seit {since})." in rendering.html
    assert f"weil {email}\nbei ledger.example angemeldet ist (seit {since})." in rendering.text


def test_what_the_inbox_shows_is_the_languages() -> None:
    bare = (article(1, "Eins"), article(2, "Zwei"))
    assert render(replace(EDITION, language="de", articles=bare), nonce=NONCE).preheader == "Außerdem: Zwei"


def test_one_is_said_as_one() -> None:
    said = languages.translations("de")
    assert words.reading_time([article(1, "Eins", words=200)], said) == "eine Minute Lesezeit"
    assert words.comments(1, said) == "1 Kommentar"


def test_a_language_that_nobody_has_translated_says_it_in_english() -> None:
    text = render(replace(EDITION, language="pt-BR"), nonce=NONCE).text
    assert "terça-feira, 24 de novembro de 2026 · 6 stories · a six-minute read" in text


def test_a_site_says_a_sentence_of_its_own_in_its_own_way(tmp_path: Path) -> None:
    site = site_with(tmp_path)
    (site / "locale").mkdir()
    (site / "locale" / "en.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Write to the editor"\nmsgstr "Tell us"\n',
        encoding="utf-8",
    )
    html = render(replace(EDITION, site_templates=site), nonce=NONCE).html
    assert ">Tell us</a>" in html
    assert "Write to the editor" not in html


def test_an_author_cannot_mark_up_a_sentence() -> None:
    lead = replace(STORIES[0], author="<b>Eve</b> %(date)s")
    html = render(replace(EDITION, language="fr", articles=(lead,)), nonce=NONCE).html
    assert "Par &lt;b&gt;Eve&lt;/b&gt; %(date)s" in html


def test_a_sites_template_says_sentences_with_slots_too(tmp_path: Path) -> None:
    source = (
        "{% trans email=reader.email, count=articles|length %}{{ count }} for {{ email }}{% endtrans %} "
        "{{ ngettext('%(num)s story', '%(num)s stories', articles|length) }} {{ reader.unsubscribe_url }}"
    )
    site = site_with(tmp_path, digest_html_j2=f"<html><body>{source}</body></html>", digest_txt_j2=source)
    text = render(replace(EDITION, site_templates=site), nonce=NONCE).text
    assert text.startswith(f"6 for {slot_placeholder(NONCE, 'email')} 6 stories ")
