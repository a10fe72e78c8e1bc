"""What a site says of itself, as values that the settings take, whatever it says."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_site import DATA, FEED

from digest.config import values
from digest.config.addresses import line
from digest.feed.site import Told, of_feed, of_page, of_wordpress, tag, together, wordpress_index

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOME = "https://ledger.example/"
INDEX = "https://ledger.example/wp-json/"


def page(*head: str, html: str = "<html>") -> bytes:
    return f"<!DOCTYPE html>{html}<head>{''.join(head)}</head><body><p>News</p></body></html>".encode()


def atom(*dates: str) -> bytes:
    entries = "".join(
        f"<entry><id>{n}</id><published>{date}</published></entry>" for n, date in enumerate(dates)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de-AT">{entries}</feed>'.encode()


def test_a_page_tells_its_name_language_and_pictures() -> None:
    told = of_page(
        page(
            "<title>Home – The Harbour Ledger</title>",
            '<meta property="og:site_name" content="The Harbour Ledger &amp; Mercury">',
            '<meta property="og:image" content="https://cdn.example/card.png">',
            '<link rel="apple-touch-icon" sizes="180x180" href="/icon-180.png">',
            html='<html lang="en-us" class="no-js">',
        ),
        HOME,
    )
    assert told == Told(
        name="The Harbour Ledger & Mercury",
        title="Home – The Harbour Ledger",
        language="en-US",
        logo="https://ledger.example/icon-180.png",
        picture="https://cdn.example/card.png",
    )


def test_a_page_that_says_nothing_tells_nothing() -> None:
    assert of_page(b"", HOME) == of_page(page(), HOME) == Told()


def test_wordpress_feed_tells_its_name_link_and_language() -> None:
    told = of_feed(FEED, {}, "http://127.0.0.1/feed/")
    assert told == Told(name="The Harbour Ledger", link="http://127.0.0.1", language="en-US")


def test_an_atom_feed_tells_its_language() -> None:
    told = of_feed((DATA / "t0-atom.xml").read_bytes(), {}, "http://127.0.0.1/feed/atom/")
    assert (told.name, told.language) == ("The Harbour Ledger", "en-US")


def test_a_json_feed_tells_its_own_language_and_not_an_items() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Ledger",
        "home_page_url": HOME,
        "items": [{"id": "1", "language": "fr"}],
        "language": "de",
    }
    told = of_feed(json.dumps(feed).encode(), {}, HOME)
    assert told == Told(name="Ledger", link=HOME, language="de")


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ({"timezone_string": "America/New_York", "gmt_offset": -5}, "America/New_York"),
        ({"timezone_string": "", "gmt_offset": 5.75}, "Asia/Kathmandu"),
        ({"timezone_string": "", "gmt_offset": "5.75"}, "Asia/Kathmandu"),
        ({"timezone_string": "", "gmt_offset": -5}, ""),
        ({"timezone_string": "", "gmt_offset": 0}, ""),
        ({"timezone_string": "Mars/Olympus", "gmt_offset": 1e300}, ""),
        ({"timezone_string": "../etc/passwd", "gmt_offset": "nan"}, ""),
        ({"timezone_string": None, "gmt_offset": None}, ""),
        ({}, ""),
    ],
)
def test_wordpress_tells_its_zone_and_an_offset_where_only_one_zone_has_it(
    told: dict[str, object], zone: str
) -> None:
    assert of_wordpress(json.dumps(told).encode(), INDEX, NOW).timezone == zone


def test_wordpress_tells_its_name_without_references_and_its_icon() -> None:
    index = {"name": "Frost &#038; Fog", "site_icon_url": "https://ledger.example/icon-512.png"}
    told = of_wordpress(json.dumps(index).encode(), INDEX, NOW)
    assert (told.name, told.logo) == ("Frost & Fog", "https://ledger.example/icon-512.png")
    assert of_wordpress(b'{"name": 1, "site_icon_url": false}', INDEX, NOW) == Told()
    assert of_wordpress(b"[" * 5_000, INDEX, NOW) == of_wordpress(b"[]", INDEX, NOW) == Told()


@pytest.mark.parametrize(
    ("dates", "zone"),
    [
        (("2026-11-24T07:00:00+05:45",), "Asia/Kathmandu"),
        (("2026-01-24T07:00:00-03:30", "2026-07-24T07:00:00-02:30"), "America/St_Johns"),
        (("2026-11-24T07:00:00-05:00",), ""),
        (("2026-11-24T07:00:00Z",), ""),
        (("2026-11-24T07:00:00+05:45", "2026-11-24T07:00:00Z"), ""),
        (("0001-01-01T00:00:00+05:45",), ""),
        (("9999-12-31T23:59:59-11:00",), ""),
        (("2026-11-24T07:00:00",), ""),
        ((), ""),
    ],
)
def test_a_feeds_offsets_tell_a_zone_only_where_they_are_unambiguous(
    dates: tuple[str, ...], zone: str
) -> None:
    assert of_feed(atom(*dates), {}, HOME).timezone == zone


@pytest.mark.parametrize(
    ("link", "headers", "index"),
    [
        (f'<link rel="https://api.w.org/" href="{INDEX}">', {}, f"{INDEX}?_fields="),
        ("", {"link": f'<{INDEX}>; rel="https://api.w.org/", <x>; rel=shortlink'}, f"{INDEX}?_fields="),
        (
            '<link rel="https://api.w.org/" href="/index.php?rest_route=/">',
            {},
            f"{HOME}index.php?rest_route=/&_fields=",
        ),
        ("", {"link": f'<{INDEX}>; rel="shortlink"'}, ""),
        ('<link rel="https://api.w.org/" href="javascript:1">', {}, ""),
        ("", {}, ""),
    ],
)
def test_wordpress_interface_is_named_by_the_page_or_a_header(
    link: str, headers: dict[str, str], index: str
) -> None:
    found = wordpress_index(page(link), HOME, headers)
    assert found.startswith(index)
    assert bool(found) == bool(index)


def test_the_name_is_the_pages_then_wordpress_then_the_feeds_then_the_pages_title() -> None:
    sources = {"page": Told(name="A", title="D"), "wordpress": Told(name="B"), "feed": Told(name="C")}
    names = []
    for source in ("page", "wordpress", "feed"):
        names.append(together(**sources).name)
        sources[source] = Told(title=sources[source].title)
    assert [*names, together(**sources).name] == ["A", "B", "C", "D"]


def test_the_logo_is_wordpress_icon_then_the_pages_then_its_picture() -> None:
    page_told = Told(logo="https://a.example/icon.png", picture="https://a.example/card.png")
    icon = Told(logo="https://a.example/512.png")
    assert together(page=page_told, feed=Told(), wordpress=icon).logo == icon.logo
    assert together(page=page_told, feed=Told(), wordpress=Told()).logo == page_told.logo
    card = Told(picture=page_told.picture)
    assert together(page=card, feed=Told(), wordpress=Told()).logo == card.picture


@pytest.mark.parametrize(
    ("href", "url", "logo"),
    [
        ("http://ledger.example/i.png", HOME, "https://ledger.example/i.png"),
        ("http://elsewhere.example/i.png", HOME, ""),
        ("/i.png", "http://ledger.example/", ""),
        ("data:image/png;base64,AAAA", HOME, ""),
        ("/i.svg?v=2", HOME, ""),
        ("/" + "i" * 3_000, HOME, ""),
        ("/a b.png", HOME, "https://ledger.example/a%20b.png"),
    ],
)
def test_a_logo_is_an_https_picture_that_mail_programs_show_or_none(href: str, url: str, logo: str) -> None:
    assert of_page(page(f'<link rel="apple-touch-icon" href="{href}">'), url).logo == logo


@pytest.mark.parametrize(
    ("given_tag", "known"),
    [
        ("en", "en"),
        ("pt_br", "pt-BR"),
        ("de-DE-formal", "de-DE"),
        ("zh-CN", "zh-CN"),
        ("x-default", ""),
        ("tlh", ""),
        ("", ""),
        ("en; drop", ""),
    ],
)
def test_a_language_is_a_tag_that_is_known(given_tag: str, known: str) -> None:
    assert tag(given_tag) == known


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252"])
def test_a_page_in_another_charset_is_read(charset: str) -> None:
    declared = page(f'<meta charset="{charset}">', "<title>Café</title>").decode().encode("latin-1")
    assert of_page(declared, HOME).title == "Café"
    assert of_page(page("<title>Café</title>").decode().encode("latin-1"), HOME).title == "Café"


def settable(told: Told) -> None:
    """Each value is one that the settings take, or empty."""
    for text in (told.name, told.title):
        assert line(text) == text
    for check, text in (
        (values.language, told.language),
        (values.zone, told.timezone),
        (values.https, told.logo),
        (values.https, told.picture),
    ):
        assert not text or check(text) == text


HEADS = st.sampled_from(
    [
        '<meta property="og:site_name" content="{}">',
        "<title>{}</title>",
        '<link rel="apple-touch-icon" href="{}">',
        '<link rel="apple-touch-icon" href="//{}">',
        '<meta property="og:image" content="https://{}">',
        '<link rel="https://api.w.org/" href="{}">',
        '<base href="{}">',
        "{}",
    ]
)


@given(st.lists(st.tuples(HEADS, st.text(max_size=30)), max_size=5), st.text(max_size=12))
def test_whatever_a_page_says_the_settings_take_it(heads: list[tuple[str, str]], lang: str) -> None:
    written = page(*(form.format(text) for form, text in heads), html=f'<html lang="{lang}">')
    settable(of_page(written, HOME))
    wordpress_index(written, HOME, {})


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read(noise: bytes) -> None:
    settable(of_page(noise, HOME))
    settable(of_wordpress(noise, INDEX, NOW))


JSON: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just([]) | st.just({})
)


@given(
    st.dictionaries(st.sampled_from(["name", "timezone_string", "gmt_offset", "site_icon_url"]), JSON),
)
def test_whatever_wordpress_says_the_settings_take_it(told: dict[str, object]) -> None:
    settable(of_wordpress(json.dumps(told).encode(), INDEX, NOW))
