"""Paging: where a feed goes on, where a page of it ends, and what is said of a gap."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.feed.paging import Further, Sort, further, gap, oldest, own_path
from digest.feed.read import read
from digest.feed.sniff import is_whole
from digest.model import Article

DATA = Path(__file__).parents[1] / "feeds"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HERE = "https://ledger.example/news.xml"
ATOM = b'<feed xmlns="http://www.w3.org/2005/Atom">%s<entry><title>One</title>%s</entry>%s</feed>'


def after(
    body: bytes, *, here: str = HERE, first: str = "", number: int = 1, next_url: str = ""
) -> Further | None:
    return further(body, here=here, first=first or here, number=number, next_url=next_url)


def named(url: str) -> Further:
    return Further(url=url, sort=Sort.NAMED)


def atom(head: str = "", entry: str = "", tail: str = "") -> bytes:
    return ATOM % (head.encode(), entry.encode(), tail.encode())


def articles(*hours_ago: float, links: Sequence[str] = ()) -> list[Article]:
    return [
        Article(
            guid=f"a{number}",
            link=links[number] if links else f"https://ledger.example/{number}/",
            title="News",
            published_at=NOW - timedelta(hours=hours),
        )
        for number, hours in enumerate(hours_ago)
    ]


# Where it goes on.


@pytest.mark.parametrize("file", ["t0.xml", "t0-page2.xml", "t0-atom.xml"])
def test_wordpress_has_its_next_page_under_its_number(file: str) -> None:
    where = "https://ledger.example/feed/"
    found = after((DATA / file).read_bytes(), here=f"{where}?paged=2", first=where, number=2)
    assert found == Further(url=f"{where}?paged=3", sort=Sort.WORDPRESS)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://ledger.example/?feed=rss2", "https://ledger.example/?feed=rss2&paged=2"),
        ("https://ledger.example/?cat=7&feed=atom", "https://ledger.example/?cat=7&feed=atom&paged=2"),
        ("https://ledger.example/news/feed/", "https://ledger.example/news/feed/?paged=2"),
        ("https://ledger.example/feed/atom/", "https://ledger.example/feed/atom/?paged=2"),
        ("https://ledger.example/feed?paged=1#top", "https://ledger.example/feed?paged=2"),
    ],
)
def test_a_site_that_hides_its_wordpress_is_known_by_its_feeds_address(first: str, second: str) -> None:
    assert after(atom(), here=first) == Further(url=second, sort=Sort.GUESSED)


def test_another_feed_without_a_further_page_has_none() -> None:
    assert after(atom('<link rel="self" href="/news.xml"/><link href="/"/>')) is None
    assert after(b"") is None


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="next" href="https://ledger.example/2.xml"/>',
        "<link href='/2.xml' rel='next' />",
        '<atom:link type="application/atom+xml" href="2.xml" rel="NEXT"></atom:link>',
        '<link rel="current next" href="/2.xml"/>',
    ],
)
@pytest.mark.parametrize("place", ["head", "tail"])
def test_a_page_that_the_feed_names_is_taken(link: str, place: str) -> None:
    assert after(atom(**{place: link})) == named("https://ledger.example/2.xml")


def test_an_archive_goes_before_a_page_and_both_before_a_guess() -> None:
    links = '<link rel="next" href="/?page=2"/><link rel="prev-archive" href="/2026-10.xml"/>'
    assert after(atom(links), here="https://ledger.example/feed/") == named(
        "https://ledger.example/2026-10.xml"
    )


def test_an_address_in_a_feed_is_decoded() -> None:
    found = after(atom('<link rel="next" href="/news.xml?a=1&amp;page=2"/>'))
    assert found == named("https://ledger.example/news.xml?a=1&page=2")


def test_a_feed_in_utf_16_is_read_like_another() -> None:
    body = atom('<link rel="next" href="/2.xml"/>').decode().encode("utf-16")
    assert after(body) == named("https://ledger.example/2.xml")


def test_what_an_item_names_or_quotes_is_not_the_feeds_word() -> None:
    link = '<link rel="next" href="/2.xml"/>'
    assert after(atom(entry=link)) is None
    assert after(atom(head=f"<!-- {link} --><subtitle><![CDATA[{link}]]></subtitle>")) is None
    assert after(atom(head=f"<subtitle><![CDATA[{link}")) is None


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "https://elsewhere.example/2.xml", "file:///etc/passwd", ""]
)
def test_a_feed_leads_to_no_other_host(target: str) -> None:
    assert after(atom(f'<link rel="next" href="{target}"/>')) is None


def test_a_json_feed_names_its_next_page() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1.1", "next_url": "/feed.json?page=2", "items": []}'
    reading = read(body, {}, url=HERE, now=NOW)
    assert after(body, next_url=reading.next_url) == named("https://ledger.example/feed.json?page=2")
    assert after(body, next_url="https://elsewhere.example/feed.json?page=2") is None
    assert after(body) is None


@pytest.mark.parametrize("target", ["7", '""', '"file:///etc/passwd"'])
def test_what_is_no_web_address_is_no_next_page_of_a_json_feed(target: str) -> None:
    body = b'{"version": "https://jsonfeed.org/version/1.1", "next_url": %s}' % target.encode()
    assert read(body, {}, url="file:///feed.json", now=NOW).next_url == ""


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    for shown in (body, atom() + body, b"<feed><link rel=" + body):
        found = after(shown, here="https://ledger.example/feed/")
        assert found is None or found.url.startswith("https://ledger.example/")
        is_whole(shown)


def test_a_head_of_comments_that_never_end_is_no_trouble() -> None:
    assert after(b"<feed>" + b"<!--" * 1_000_000) is None


# Where a page ends.


def test_a_page_ends_with_its_last_item() -> None:
    assert oldest(articles(1, 2, 3)).guid == "a2"
    assert oldest(articles(1)).guid == "a0"


def test_an_old_story_that_is_pinned_before_the_others_is_not_the_end() -> None:
    assert oldest(articles(900, 1, 2, 3)).guid == "a3"


def test_a_feed_in_another_order_ends_with_its_oldest() -> None:
    assert oldest(articles(3, 2, 1)).guid == "a0"
    assert oldest(articles(2, 5, 1, 4, 3)).guid == "a1"


def test_items_of_one_time_end_with_the_last() -> None:
    assert oldest(articles(1, 1, 1)).guid == "a2"


def test_a_path_is_an_articles_own_unless_two_share_it() -> None:
    shown = articles(
        1, 2, 3, 4, links=[f"https://ledger.example{path}" for path in ("/one/", "/x?p=1", "/x?p=2", "/")]
    )
    assert [own_path(article, shown) for article in shown] == ["/one", "", "", ""]


def test_a_page_is_whole_with_its_end() -> None:
    assert is_whole((DATA / "t0.xml").read_bytes())
    assert not is_whole((DATA / "broken-cut.xml").read_bytes())
    assert is_whole(b'{"items": []}')


# What is said.


def test_a_gap_says_from_when_to_when_and_why() -> None:
    said = gap(NOW - timedelta(hours=9), NOW, "the site was down.")
    assert said == (
        "What was published between 2026-11-23 18:00 and 2026-11-24 03:00 UTC may be missing: "
        "the site was down."
    )


@pytest.mark.parametrize("since", [None, NOW, NOW + timedelta(hours=1)])
def test_a_gap_whose_beginning_says_nothing_has_an_end_alone(since: datetime | None) -> None:
    assert gap(since, NOW, "so.") == "What was published before 2026-11-24 03:00 UTC may be missing: so."
