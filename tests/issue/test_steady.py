"""What of an address may change without an edit."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import steady
from digest.model import Article, Picture

CDN, SITE = "https://cdn.ledger.example", "https://ledger.example"
ARTICLE = Article(
    guid="a",
    link=f"{SITE}/?p=7",
    title="The ferry runs again",
    published_at=datetime(2026, 11, 24, tzinfo=UTC),
    picture=Picture(url=f"{CDN}/a.jpg", alt="The ferry"),
)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"{CDN}/a.jpg?X-Amz-Date=1&X-Amz-Signature=2", f"{CDN}/a.jpg"),
        (f"{CDN}/a.JPEG?w=1200", f"{CDN}/a.JPEG"),
        (f"{CDN}/a?id=7&Expires=1&Signature=2&Key-Pair-Id=3", f"{CDN}/a?id=7"),
        (f"{CDN}/a?sv=1&sr=b&se=2&sp=r&sig=3", f"{CDN}/a"),
        (f"{CDN}/image?src=b%2Fa.jpg&v=17", f"{CDN}/image?src=b%2Fa.jpg"),
        (f"{CDN}/image?src=b.jpg", f"{CDN}/image?src=b.jpg"),
    ],
)
def test_of_a_picture_remains_what_names_it(url: str, kept: str) -> None:
    assert steady.picture(url) == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"{SITE}/a/?utm_source=rss&utm_medium=feed&fbclid=x", f"{SITE}/a/"),
        (f"{SITE}/?p=7&PHPSESSID=8#more", f"{SITE}/?p=7#more"),
        (f"{SITE}/?p=7&token=8&v=9", f"{SITE}/?p=7&token=8&v=9"),
    ],
)
def test_of_a_link_remains_all_that_may_say_which_page_it_is(url: str, kept: str) -> None:
    assert steady.link(url) == kept


@given(st.text(max_size=60))
def test_no_text_makes_it_raise_and_twice_is_once(text: str) -> None:
    for url in (text, f"{SITE}/?{text}"):
        assert steady.link(steady.link(url)) == steady.link(url)
        assert steady.picture(steady.picture(url)) == steady.picture(url)


@pytest.mark.parametrize(
    "same",
    [{"link": f"{SITE}/?p=7&utm_campaign=1"}, {"picture": Picture(url=f"{CDN}/a.jpg?x=1", alt="The ferry")}],
)
def test_what_rotates_leaves_the_fingerprint_as_it_is(same: dict[str, object]) -> None:
    assert replace(ARTICLE, **same).fingerprint == ARTICLE.fingerprint  # type: ignore[arg-type] # as the test says


@pytest.mark.parametrize(
    "other",
    [
        {"link": f"{SITE}/?p=8"},
        {"picture": Picture(url=f"{CDN}/b.jpg", alt="The ferry")},
        {"picture": Picture(url=f"{CDN}/a.jpg", alt="The pier")},
        {"picture": None},
    ],
)
def test_what_an_editor_would_see_does_not(other: dict[str, object]) -> None:
    assert replace(ARTICLE, **other).fingerprint != ARTICLE.fingerprint  # type: ignore[arg-type] # as the test says
