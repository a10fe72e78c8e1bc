"""Every field of every article that a real WordPress wrote, and each way in which its feed can be broken.

What `data/wordpress.json` expects was taken from the XML by other means than ours, and read beside it.
"""

import gzip
import json
from dataclasses import asdict
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from digest.errors import FeedError
from digest.feed.read import Reading, read

DATA = Path(__file__).parents[1] / "feeds"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((DATA / "wordpress.json").read_text(encoding="utf-8"))
ARTICLES = [(name, number) for name, articles in EXPECTED.items() for number in range(len(articles))]
T0 = EXPECTED["t0.xml"]


def headers(name: str) -> dict[str, str]:
    """The headers of the recorded answer, below its request and status."""
    recorded = (DATA / f"{name}.headers").read_bytes()
    return dict(message_from_bytes(recorded.split(b"\n", 2)[2]).items())


def recorded(name: str) -> Reading:
    body = (DATA / name).read_bytes()
    body = gzip.decompress(body) if name.endswith(".gz") else body
    return read(body, headers(name), url="http://127.0.0.1/feed/", now=NOW)


def told(reading: Reading) -> list[dict[str, Any]]:
    plain = [asdict(article) for article in reading.articles]
    return [
        each | {"published_at": each["published_at"].isoformat(), "categories": list(each["categories"])}
        for each in plain
    ]


@pytest.mark.parametrize(("name", "number"), ARTICLES, ids=str)
def test_all_fields_of_an_article_are_right(name: str, number: int) -> None:
    assert told(recorded(name))[number] == EXPECTED[name][number]


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_is_left_out_or_added_or_complained_about(name: str) -> None:
    reading = recorded(name)
    assert [article.guid for article in reading.articles] == [article["guid"] for article in EXPECTED[name]]
    assert reading.complaints == ()
    assert reading.title.endswith("The Harbour Ledger")


def test_a_page_past_the_end_is_a_feed_without_items() -> None:
    assert recorded("t0-page5-past-end.xml").articles == ()


@pytest.mark.parametrize("name", ["gzip-nginx.xml.gz", "gzip-apache.xml.gz"])
def test_a_compressed_feed_says_the_same(name: str) -> None:
    assert told(recorded(name)) == T0


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("broken-blankline.xml", "White space stands before the feed, often a blank line in a theme's"),
        ("broken-control.xml", "It holds control characters that XML forbids"),
        ("broken-warning.xml", "A PHP warning stands in the feed's head; see the site's error log."),
    ],
)
def test_a_broken_feed_that_is_whole_is_read_whole_and_reported(name: str, complaint: str) -> None:
    reading = recorded(name)
    assert told(reading) == T0
    assert len(reading.complaints) == 1
    assert reading.complaints[0].startswith(complaint)


def test_of_a_feed_that_was_cut_the_whole_items_are_read_and_the_loss_is_reported() -> None:
    reading = recorded("broken-cut.xml")
    assert told(reading) == T0[:5]
    assert [complaint.split(" in line")[0].split(";")[0] for complaint in reading.complaints] == [
        "It is malformed",
        "Its end is missing",
    ]


def test_an_error_page_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        FeedError, match=r"^http://127\.0\.0\.1/feed/: What came is a web page and no feed; give"
    ):
        recorded("broken-500.xml")
