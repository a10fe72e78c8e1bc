"""The archive's Atom feed, read by a feed reader's own library."""

from datetime import UTC, datetime

import feedparser
from archive_site import PUBLIC_URL, archive, put, rendering
from hypothesis import given
from hypothesis import strategies as st
from press import ON_SQLITE

from digest.store.database import Store
from digest.web.issue_feed import Entry, Feed, atom, tag

SLOT = "2026-11-24T07:00"


async def test_a_feed_reader_finds_every_issue(store: Store) -> None:
    put(store, "2026-11-23T07:00", made=rendering("Fog & frost"))
    put(store, SLOT, made=rendering("The ferry <late>"))
    put(store, "2026-11-24T09:12", extra="correction", newsletter="weekly")
    async with archive(store) as site:
        answer = await site.get("/archive/feed.xml")
        daily = await site.get("/archive/daily/feed.xml")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    read = feedparser.parse(answer.content)
    assert (read.bozo, read.version) == (False, "atom10")
    assert read.feed.id == f"{PUBLIC_URL}/archive/feed.xml"
    assert [(link.rel, link.href) for link in read.feed.links] == [
        ("self", f"{PUBLIC_URL}/archive/feed.xml"),
        ("alternate", f"{PUBLIC_URL}/archive"),
    ]
    assert [(one.id, one.link) for one in read.entries] == [
        ("tag:ledger.example,2026-11-24:weekly/2026-11-24T09:12", f"{PUBLIC_URL}/archive/weekly/correction"),
        (f"tag:ledger.example,2026-11-24:daily/{SLOT}", f"{PUBLIC_URL}/archive/daily/{SLOT}"),
        (
            "tag:ledger.example,2026-11-23:daily/2026-11-23T07:00",
            f"{PUBLIC_URL}/archive/daily/2026-11-23T07:00",
        ),
    ]
    assert read.entries[1].title_detail.value == "The ferry <late>"
    assert read.entries[1].updated == read.entries[1].published == "2026-11-24T07:00:00Z"
    assert read.feed.updated == "2026-11-24T09:12:00Z"
    assert len(feedparser.parse(daily.content).entries) == 2


@ON_SQLITE
async def test_an_empty_feed_is_a_feed(store: Store) -> None:
    async with archive(store) as site:
        answer = await site.get("/archive/daily/feed.xml")
        missing = await site.get("/archive/nothing/feed.xml")
    read = feedparser.parse(answer.content)
    assert (read.bozo, read.version, read.entries) == (False, "atom10", [])
    assert read.feed.title == "The Daily Ledger"
    assert missing.status_code == 404


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(title=st.text(), summary=st.text())
def test_whatever_stands_in_a_title_the_document_can_be_read(title: str, summary: str) -> None:
    entry = Entry(
        id=tag("ledger.example", "daily", SLOT),
        title=title,
        summary=summary,
        url=f"{PUBLIC_URL}/archive/daily/{SLOT}",
        published_at=NOW,
        updated_at=NOW,
    )
    feed = Feed(
        url=f"{PUBLIC_URL}/archive/feed.xml",
        title=title,
        author="The Harbour Ledger",
        page_url=f"{PUBLIC_URL}/archive",
        language="en",
        now=NOW,
        entries=[entry],
    )
    assert not feedparser.parse(atom(feed)).bozo
