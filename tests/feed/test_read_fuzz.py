"""Feeds that nobody means to write, and feeds that somebody does: reading raises a FeedError or reads."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.errors import FeedError
from digest.feed.read import Reading, read

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://ledger.example/feed/"
DATA = Path(__file__).parents[1] / "feeds"
SEEDS = [
    (DATA / name).read_bytes()
    for name in ("t0.xml", "t0-atom.xml", "t0-page3.xml", "image-media.xml", "comments.xml", "empty.xml")
]
CHARSETS = [
    "",
    "utf-8",
    "iso-8859-1",
    "utf-16",
    "shift_jis",
    "iso-2022-jp",
    "base64",
    "rot13",
    "idna",
    "x" * 40,
]
INSERTED = [
    *(
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"<?php ",
        b"?>",
        b"<!DOCTYPE x [",
        b"]>",
        b"&",
        b"<",
        b">",
        b"\0",
    ),
    *(
        b"&#xD800;",
        b"&#99999999999;",
        b"&nbsp;",
        b"&lol;",
        b"</item>",
        b"<item>",
        b"</channel>",
        b"</rss>",
        b"<rss>",
    ),
    *(
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\x1b$B",
        b"\x85",
        b"\xe2\x80\xa8",
    ),
    *(
        b'<guid xml:base="http://[x">',
        b"<img srcset='",
        b"<svg>",
        b"<noscript>",
        b"[caption ",
        b"http://[",
        b"{{",
    ),
    *(
        b"<div>" * 300,
        b"<a><b>" * 200,
        b"x" * 5_000,
        b" " * 5_000,
        b"\n" * 5_000,
        b"&amp;" * 500,
        b"." * 5_000,
    ),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Spoil a real feed: cut it, repeat and swap its parts, turn bits, put nasty things in, recode it."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.sampled_from([0, 1, 7, 60, 500, 5_000])))
        what = draw(st.sampled_from(["cut", "drop", "repeat", "flip", "insert", "wrap"]))
        if what == "cut":
            body = body[:end]
        elif what == "drop":
            body = body[:start] + body[end:]
        elif what == "repeat":
            body = body[:end] + body[start:end] * draw(st.integers(1, 5)) + body[end:]
        elif what == "flip":
            turned = bytes(byte ^ (1 << draw(st.integers(0, 7))) for byte in body[start : start + 3])
            body = body[:start] + turned + body[start + 3 :]
        elif what == "insert":
            body = body[:start] + draw(st.sampled_from(INSERTED)) + body[start:]
        else:
            body = draw(st.sampled_from(INSERTED)) + body + draw(st.sampled_from(INSERTED))
    recoded = draw(
        st.sampled_from(["", "", "", "utf-16", "utf-16-be", "utf-32", "iso-8859-1", "utf-7", "cp037"])
    )
    return body.decode("utf-8", "replace").encode(recoded, "replace") if recoded else body


def tried(body: bytes, charset: str = "") -> Reading | None:
    """Read; give None where that is refused as it should be."""
    headers = {"content-type": "text/xml" + (f"; charset={charset}" if charset else "")}
    try:
        reading = read(body, headers, url=URL, now=NOW)
    except FeedError as exc:
        refused = str(exc)
    else:
        refused = ""
    if refused:
        assert refused.startswith("https://ledger.example/feed/: ")
        assert "\n" not in refused
        return None
    assert all("\n" not in complaint for complaint in reading.complaints)
    for article in reading.articles:
        assert article.guid
        assert article.title
        assert article.link.startswith(("http://", "https://"))
        assert article.published_at <= NOW
        for text in (article.guid, article.title, article.author, article.excerpt, *article.categories):
            assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
        repr(article).encode()  # it can be stored
    return reading


@given(mutated(), st.sampled_from(CHARSETS))
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)
def test_a_spoilt_feed_is_read_or_refused(body: bytes, charset: str) -> None:
    tried(body, charset)


def rss(item: str, head: str = "") -> bytes:
    return (
        f'{head}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:media="http://search.yahoo.com/mrss/"><channel><title>x</title>'
        f"<item><guid isPermaLink='false'>g</guid>{item}</item></channel></rss>"
    ).encode()


def html(markup: str) -> bytes:
    return rss(f"<description><![CDATA[{markup}]]></description>")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">\n' for n in range(10))
MANY = 30_000
BOMBS = {
    "entities that double": rss("<title>&l9;</title>", f'<?xml version="1.0"?>\n<!DOCTYPE x [\n{LAUGHS}]>\n'),
    "one large entity": rss(
        f"<title>{'&l;' * MANY}</title>", f'<!DOCTYPE x [\n<!ENTITY l "{"l" * MANY}">\n]>\n'
    ),
    "elements in elements": rss("<a>" * MANY),
    "elements in elements that end": rss("<a>" * MANY + "</a>" * MANY),
    "tags in tags": html("<div>" * MANY + "deep"),
    "styles in styles": html("<b><i><u>" * (MANY // 3)),
    "tables in tables": html("<table>" * 3_000 + "x"),
    "templates in noscripts": html("<noscript><template>" * 3_000),
    "attributes": html("<p " + " ".join(f"a{n}=1" for n in range(MANY // 3)) + ">x"),
    "a tag without an end": html("<a>" * 600 + "<" + "a" * MANY),
    "a word": rss(f"<title>{'a' * MANY}</title><dc:creator>{'a' * MANY}</dc:creator>"),
    "blanks in a date": rss(f"<pubDate>1{' ' * MANY}2</pubDate>"),
    "dots": html("." * MANY + "a"),
    "blanks": html(f"<p>{' ' * MANY}Read more{' ' * MANY}</p>"),
    "shortcodes": html("[aa a=a " * (MANY // 8)),
    "captions": html("[caption]" * (MANY // 9)),
    "a srcset": html(f"<img srcset='{'a' * MANY} x'>"),
    "a source": html(f"<img src='{'blank' * (MANY // 5)}'>"),
    "a style": html(f"<p style='{'width' * (MANY // 5)}'>x"),
    "a link": rss(f"<link>https://ledger.example/{'a/' * MANY}</link>"),
    "media without an end": rss("<media:description " * (MANY // 19)),
    "references": rss(f"<title>{'&#1;&amp;' * (MANY // 9)}</title>"),
    "ampersands": html("&" * MANY),
    "comments": rss("", "<!--" * (MANY // 4)),
    "blanks before the root": rss("", "<?xml version='1.0'?>" + "\n" * MANY),
    "a declaration without an end": rss("", "<?xml " + "encoding='a' " * (MANY // 13)),
    "categories": rss("<category>a</category>" * (MANY // 22)),
    "authors": rss("<dc:creator>a@b.example</dc:creator>" * (MANY // 36)),
    "JSON in JSON": b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * MANY,
    "a long number": b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": '
    + b"9" * MANY
    + b"}]}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_read_or_refused(bomb: str) -> None:
    reading = tried(BOMBS[bomb])
    assert reading is None or len(repr(reading)) < 10_000


def test_a_feed_opens_no_file() -> None:
    entity = '<!DOCTYPE x [\n<!ENTITY f SYSTEM "file:///etc/passwd">\n]>\n'
    reading = tried(rss("<title>&f;x</title><description>&f;</description>", entity))
    assert "root:" not in repr(reading)
