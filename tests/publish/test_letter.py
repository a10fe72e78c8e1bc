"""Words of the operator's own, in the site's mail."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from press import ON_SQLITE, Press, press

from digest.errors import UsageError
from digest.model import Rendering, slot_placeholder
from digest.publish.draft import verbatim
from digest.publish.letter import checked_subject, letter, paragraphs
from digest.render.templates import environment
from digest.store.database import Store

NONCE = "0123456789abcdef"
BODY = """\
We said the ferry was late.
It was not: see https://ledger.example/ferry?a=1&b=2.

Sorry, {{ captain }} & <crew>.
"""
UTF8 = st.text(st.characters(exclude_categories=["Cs"]))


def written(room: Press, body: str = BODY) -> Rendering:
    desk = room.desk()
    return letter(
        desk,
        desk.settings.newsletter[0],
        date(2026, 11, 24),
        subject="Correction: {{ ferry }}",
        body=body,
        nonce=NONCE,
    )


@ON_SQLITE
async def test_a_letter_is_the_sites_mail_with_paragraphs_and_links(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        made = written(room)
    assert made.subject == "Correction: {{ ferry }}"
    assert "We said the ferry was late. It was not" in made.html
    assert 'href="https://ledger.example/ferry?a=1&amp;b=2"' in made.html
    assert "Sorry, {{ captain }} &amp; &lt;crew&gt;." in made.html
    assert "\nSorry, {{ captain }} & <crew>.\n" in made.text
    for part in (made.html, made.text):
        assert "12 Quay Street, Port Averell" in part
        assert slot_placeholder(NONCE, "unsubscribe_url") in part
        assert "Tuesday, November 24, 2026" in part
    assert "The Daily Ledger" in made.html


@ON_SQLITE
async def test_a_site_whose_own_page_knows_no_letters_sends_them_all_the_same(
    store: Store, tmp_path: Path
) -> None:
    own = tmp_path / "templates" / "email"
    own.mkdir(parents=True)
    (own / "digest.html.j2").write_text(
        "<!DOCTYPE html><p>{{ reader.unsubscribe_url }}</p>", encoding="utf-8"
    )
    (own / "parts").mkdir()
    (own / "parts" / "masthead.html.j2").write_text("<tr><td>OUR OWN HEAD</td></tr>\n", encoding="utf-8")
    async with press(store, tmp_path) as room:
        made = written(room)
    assert "We said the ferry was late." in made.html
    assert "OUR OWN HEAD" in made.html


@ON_SQLITE
async def test_a_letter_that_says_nothing_is_refused(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        with pytest.raises(UsageError, match="empty"):
            written(room, " \n\n\t\n")


@given(UTF8)
def test_a_paragraph_is_one_line_without_control_characters(body: str) -> None:
    for paragraph in paragraphs(body):
        assert paragraph == " ".join(paragraph.split())
        assert paragraph
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in paragraph)


def test_paragraphs_stand_between_blank_lines_however_lines_end() -> None:
    assert paragraphs("\ufeffone\r\ntwo\r\n \t\r\nthree\r\n") == ["one two", "three"]


@given(UTF8)
def test_a_subject_is_taken_as_it_is_whatever_braces_are_in_it(text: str) -> None:
    assert environment(None).from_string(verbatim(text)).render() == text


@pytest.mark.parametrize(
    ("text", "problem"), [("", "empty"), (" \t", "empty"), ("a" * 201, "201 characters")]
)
def test_what_is_no_subject_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        checked_subject(text)


def test_a_subject_from_a_broken_terminal_is_refused() -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        checked_subject("caf\udce9")


def test_a_subject_is_one_line() -> None:
    assert checked_subject(" The\nferry\t is late ") == "The ferry is late"
