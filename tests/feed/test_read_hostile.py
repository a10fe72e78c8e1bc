"""A hostile feed, from its bytes to the message: nothing in it acts, whatever it holds."""

import unicodedata
from urllib.parse import urlsplit

import pytest
from hostile_feed import ACTING, FRAGMENTS, PIECES, STORIES, STORY, TRICKS, atom, json_feed, rss
from hypothesis import Phase, example, given, settings
from mail_judge import HARMLESS, NOW, URL, check_message, check_page, elements, message, part

from digest.feed.clean import clean
from digest.feed.read import read
from digest.feed.tree import names

# What the sanitiser leaves, written down a second time; the first three are those of any page.
BODY_TAGS = names(
    "html body div"
    " a abbr b blockquote br center cite code dd del dl dt em figcaption figure h1 h2 h3 h4 h5 h6"
    " hr i img ins li ol p pre q s small strong sub sup table tbody td tfoot th thead tr u ul"
)
# A message takes tenths of a second: what fails is shown as it is, without minutes of making it smaller.
MAILED = (Phase.explicit, Phase.reuse, Phase.generate)
# Messages in which all tricks together are tried.
BATCHES = 9
BODY_ATTRIBUTES = names("href title src alt width height colspan rowspan lang")


def check_line(text: str) -> None:
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


def check(body: bytes) -> None:
    reading = read(body, {"content-type": "text/xml"}, url=URL, now=NOW)
    articles = reading.articles
    for article in articles:
        for line in (article.title, article.author, article.excerpt, *article.categories, article.link):
            check_line(line)
        addresses = [article.link, *([article.picture.url] if article.picture else [])]
        assert all(address.startswith(("https://", "http://")) for address in addresses)
        assert not any(set(address) & set('"<>` \\') for address in addresses)
    if articles:
        check_message(message(*articles, *articles, site=reading.title or "x"))


WORST = dict.fromkeys(STORY, "".join(PIECES[:40]))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=15, phases=MAILED)
def test_nothing_in_a_careful_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(rss(story, raw=False))


@given(STORIES)
@settings(deadline=None, max_examples=8, phases=MAILED)
def test_nothing_in_a_careless_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(rss(story, raw=True))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=8, phases=MAILED)
def test_nothing_in_an_atom_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(atom(story))


@given(STORIES)
@example(WORST)
@settings(deadline=None, max_examples=8, phases=MAILED)
def test_nothing_in_a_json_feed_acts_in_a_mail(story: dict[str, str]) -> None:
    check(json_feed(story))


@given(FRAGMENTS)
@example("".join(PIECES[:40]))
@settings(deadline=None, max_examples=150)
def test_nothing_in_a_cleaned_body_acts(html: str) -> None:
    cleaned = clean(html, base="https://ledger.example/a/").html
    # A browser parses what a sanitiser wrote once more, and must find the same.
    for text in (cleaned, clean(cleaned, base="https://ledger.example/a/").html):
        for tag, attributes in elements(f"<div>{text}</div>"):
            assert tag in BODY_TAGS
            assert set(attributes) <= BODY_ATTRIBUTES
            for name in {"href", "src"} & set(attributes):
                assert urlsplit(attributes[name] or "").scheme in {"http", "https", "mailto", "tel"}


@pytest.mark.parametrize("first", range(BATCHES))
def test_a_trick_that_is_known_does_nothing_wherever_a_feed_puts_it(first: int) -> None:
    stories = [dict.fromkeys(STORY, trick) for trick in TRICKS[first::BATCHES]]
    check(rss(*stories, raw=False))


def test_no_address_that_acts_is_a_link_or_a_picture() -> None:
    check(rss(*(dict.fromkeys(STORY, address) for address in ACTING), raw=False))


@pytest.mark.parametrize(
    "acting",
    [
        *(*PIECES[:3], PIECES[9], PIECES[11], PIECES[14], "<p title='x'>", "<form>", "<!-- zqx -->"),
        *("<p onclick=zqx()>", "<link rel=stylesheet href=//x>", "<style>p{}</style>", "<p style=color:red>"),
        *(
            "<a href='java\tscript:zqx()'>",
            "<a href='https:javascript:zqx()'>",
            "<svg></svg>",
            "<base href=/>",
        ),
    ],
)
def test_what_acts_would_be_seen(acting: str) -> None:
    page = part(HARMLESS, "html")
    check_page(page)
    with pytest.raises(AssertionError):
        check_page(page.replace("It was dredged.", acting, 1))
