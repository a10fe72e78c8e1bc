"""The picture that an article's page names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.feed.page import picture
from digest.model import Picture

URL = "https://ledger.example/2026/11/ferry/"
FERRY = "https://ledger.example/wp-content/ferry.jpg"
OG = '<meta property="og:image" content="%s">'


def page(*lines: str, body: str = "") -> bytes:
    return f"<!DOCTYPE html><html><head>{''.join(lines)}</head><body>{body}</body></html>".encode()


def of(*lines: str, body: str = "") -> Picture | None:
    return picture(page(*lines, body=body), url=URL)


def url(*lines: str) -> str:
    found = of(*lines)
    return found.url if found else ""


def test_the_picture_comes_with_its_size_and_its_words() -> None:
    found = of(
        OG % FERRY,
        '<meta property="og:image:width" content="1600">',
        '<meta property="og:image:height" content="900" />',
        '<meta property="og:image:alt" content="The ferry &amp; the\n pier">',
    )
    assert found == Picture(url=FERRY, width=1600, height=900, alt="The ferry & the pier")


@pytest.mark.parametrize(
    "line",
    [
        '<meta name="og:image" content="/wp-content/ferry.jpg">',
        "<META PROPERTY='OG:Image' CONTENT='../../../wp-content/ferry.jpg'>",
        '<meta content="//ledger.example/wp-content/ferry.jpg" property="og:image:url">',
        '<meta name="twitter:image" content="/wp-content/ferry.jpg">',
        '<meta property="twitter:image:src" content="/wp-content/ferry.jpg">',
        '<link rel="image_src" href="/wp-content/ferry.jpg">',
        '<meta property="og:image" content="http://ledger.example/wp-content/ferry.jpg">',
    ],
)
def test_however_it_is_named_it_is_absolute_and_https(line: str) -> None:
    assert url(line) == FERRY


def test_og_goes_before_twitter_and_both_before_the_link() -> None:
    card = '<meta name="twitter:image" content="/card.jpg">'
    link = '<link rel="image_src" href="/link.jpg">'
    assert url(link, card, OG % FERRY) == FERRY
    assert url(link, card) == "https://ledger.example/card.jpg"


def test_of_several_the_first_that_can_be_shown_is_taken() -> None:
    small = OG % "/logo.png" + '<meta property="og:image:width" content="64">'
    small += '<meta property="og:image:height" content="64">'
    found = of(small, OG % FERRY, '<meta property="og:image:width" content="900">', OG % "/other.jpg")
    assert found is not None
    assert found.url == FERRY


def test_https_goes_before_http() -> None:
    lines = (
        OG % "http://cdn.example/ferry.jpg",
        '<meta property="og:image:secure_url" content="https://cdn.example/ferry.jpg">',
    )
    assert url(*lines) == "https://cdn.example/ferry.jpg"
    assert url(lines[0]) == "http://cdn.example/ferry.jpg"


def test_a_repeated_address_keeps_its_size() -> None:
    found = of(
        OG % FERRY,
        f'<meta property="og:image:url" content="{FERRY}">',
        '<meta property="og:image:width" content="1600"><meta property="og:image:height" content="900">',
    )
    assert found is not None
    assert (found.width, found.height) == (1600, 900)


@pytest.mark.parametrize(
    "target",
    [
        "",
        " ",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://",
        "http://[",
        "/logo.svg",
        "https://secure.gravatar.com/avatar/7",
        "https://s0.wp.com/i/blank.jpg",
        "/" + "x" * 3000,
    ],
)
def test_what_cannot_be_shown_is_none(target: str) -> None:
    assert url(OG % target) == ""


@pytest.mark.parametrize("size", ["auto", "100%", "0", "-5", "١٢٠٠", "1e9", "999999999"])
def test_a_size_that_is_none_is_not_known(size: str) -> None:
    found = of(OG % FERRY, f'<meta property="og:image:width" content="{size}">')
    assert found == Picture(url=FERRY)


def test_a_page_without_one_has_none() -> None:
    assert of('<meta name="description" content="News">') is None
    assert picture(b"", url=URL) is None


def test_what_stands_in_the_body_or_a_comment_is_not_the_pages_word() -> None:
    assert of(body=OG % FERRY) is None
    assert of(f"<!-- {OG % FERRY} -->") is None


def test_a_page_that_was_cut_is_read_as_far_as_it_goes() -> None:
    assert picture(b"<html><head>" + (OG % FERRY).encode() + b'<meta property="og:im', url=URL) is not None


def test_an_alt_is_read_in_the_pages_own_encoding() -> None:
    head = OG % FERRY + '<meta property="og:image:alt" content="Fähre">'
    for charset, declared, header in (
        ("iso-8859-1", "", "text/html; charset=ISO-8859-1"),
        ("windows-1252", '<meta charset="windows-1252">', "text/html"),
        ("utf-8", "", "text/html"),
        ("utf-8", "", "text/html; charset=nonsense"),
    ):
        found = picture(page(declared, head).decode().encode(charset), url=URL, content_type=header)
        assert found is not None
        assert found.alt == "Fähre"


ODD = st.one_of(
    st.binary(max_size=300), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
)


@given(ODD, st.text(max_size=30))
def test_no_page_makes_it_raise_and_what_it_gives_is_an_address(odd: bytes, header: str) -> None:
    for shown in (odd, page() + odd, b'<meta property="og:image" content="' + odd + b'">', b"<meta " + odd):
        found = picture(shown, url=URL, content_type=header)
        assert found is None or found.url.startswith(("https://", "http://"))


@pytest.mark.parametrize("piece", [b"<div>", b"<meta ", b'<meta content="', b"<!--", b"<link rel=x href=y>"])
def test_a_page_of_one_thing_over_and_over_is_no_trouble(piece: bytes) -> None:
    assert picture(piece * (1024 * 1024 // len(piece)), url=URL) is None


def test_a_page_names_no_charset_that_takes_for_ever() -> None:
    page = (
        b'<meta charset=punycode><meta property="og:image" content="https://ledger.example/a.jpg">-'
        + b"baba" * 50_000
    )
    found = picture(page, url="https://ledger.example/p")
    assert found is not None
    assert found.url == "https://ledger.example/a.jpg"
