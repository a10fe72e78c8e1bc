"""What a page wears: its language, its lists, its direction and the site's logo."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from web_site import pages

from digest.config.archive import Archive
from digest.config.signup import Signup
from digest.store.database import Store
from digest.web.dress import PAGES, Dress
from digest.web.pages import Pages

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

LOGO = "https://files.ledger.example/logo.png"


@pytest.fixture
def site(store: Store) -> Pages:
    return pages(store)


def _text(clothes: Dress, page: str, language: str = "", **shown: object) -> str:
    example: Mapping[str, object] = PAGES[page]
    return bytes(clothes.page(page, {**example, **shown}, language=language).body).decode()


def _policy(clothes: Dress) -> str:
    return str(clothes.page("home", {}).headers["Content-Security-Policy"])


def test_a_page_speaks_the_readers_language_and_says_so(site: Pages) -> None:
    clothes = Dress(site)
    german = _text(clothes, "leave", "de-AT")
    assert '<html lang="de" dir="ltr">' in german
    assert ">Abbestellen</button>" in german
    assert ">Unsubscribe</button>" in _text(clothes, "leave", "pt")


def test_what_is_the_sites_own_keeps_the_sites_language(site: Pages) -> None:
    page = _text(Dress(site), "home", "de")
    assert '<p class="name" lang="en">' in page
    assert '<span class="title" lang="en" dir="auto">The Daily Ledger</span> und <span' in page


@pytest.mark.parametrize(
    ("titles", "sentence"),
    [
        (["A"], "A comes from here."),
        (["A", "B"], "A and B come from here."),
        (["A & Ä", "<b>", "C"], "A &amp; Ä, &lt;b&gt;, and C come from here."),
    ],
)
def test_newsletters_are_listed_as_a_language_does(site: Pages, titles: list[str], sentence: str) -> None:
    page = _text(Dress(replace(site, titles={str(number): one for number, one in enumerate(titles)})), "home")
    bare = page.replace('<span class="title" lang="en" dir="auto">', "").replace("</span>", "")
    assert f"<p>{sentence} The stories are at" in bare


@pytest.mark.parametrize(
    ("contact", "sentence"),
    [
        (
            "editor@ledger.example",
            'Write to <a href="mailto:editor@ledger.example">editor@ledger.example</a>: a person will',
        ),
        (
            "https://ledger.example/contact",
            '<a href="https://ledger.example/contact">Write to us: a person will see to it.</a>',
        ),
        ("", "Answer any of our mails: a person will see to it."),
    ],
)
def test_a_page_says_how_a_person_is_reached(site: Pages, contact: str, sentence: str) -> None:
    assert sentence in _text(Dress(replace(site, contact=contact)), "problem", problem="fault")


def test_a_language_from_the_right_turns_the_page(site: Pages, tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "he.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Undo"\nmsgstr "ביטול"\n',
        encoding="utf-8",
    )
    page = _text(Dress(replace(site, site_templates=tmp_path)), "left", "he")
    assert '<html lang="he" dir="rtl">' in page
    assert ">ביטול</button>" in page


@pytest.mark.parametrize(
    ("own", "accept", "chosen", "spoken"),
    [
        ("de", "", "", "de"),
        ("de", "en-GB,en;q=0.9,de;q=0.1", "", "de"),
        ("de", "fr-CA,en;q=0.9", "", "fr"),
        ("de", "pt-BR,pt;q=0.9", "", "de"),
        ("de", "de,en", "es", "es"),
        ("de", "fr", "tlh", "fr"),
        ("pt", "", "", "en"),
    ],
)
def test_a_page_speaks_the_sites_language_to_whoever_reads_it(
    site: Pages, own: str, accept: str, chosen: str, spoken: str
) -> None:
    assert Dress(replace(site, language=own)).language(accept, chosen) == spoken


def test_the_sites_logo_stands_for_its_name(site: Pages) -> None:
    clothes = Dress(replace(site, logo=LOGO))
    assert f'<img src="{LOGO}" alt="The Harbour Ledger" height="56">' in _text(clothes, "home")
    assert _policy(clothes).endswith("; img-src https://files.ledger.example")


@pytest.mark.parametrize("logo", ["", "https://cdn.example/logo.png", "https://notledger.example/logo.png"])
def test_no_third_party_is_asked_for_a_logo(site: Pages, logo: str) -> None:
    clothes = Dress(replace(site, logo=logo))
    assert "<img" not in _text(clothes, "home")
    assert "img-src" not in _policy(clothes)


def test_the_front_door_leads_where_there_is_something(site: Pages) -> None:
    assert 'href="/subscribe"' in _text(Dress(site), "home")
    assert 'href="/archive"' in _text(Dress(site), "home")
    closed = Dress(replace(site, signup=Signup(enabled=False), archive=Archive(public=False)))
    assert 'href="/subscribe"' not in _text(closed, "home")
    assert 'href="/archive"' not in _text(closed, "home")


def test_everything_that_a_page_needs_is_small(site: Pages) -> None:
    clothes = Dress(site)
    assert len(clothes.style) < 6_000
    assert all(len(_text(clothes, page)) < 8_000 for page in PAGES)
