import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

import feedparser
import pytest
from PIL import Image

from digest.resources import PACKAGE
from digest.sample import feed, stories
from digest.sample.stories import DAY

NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
SITE = "http://127.0.0.1:8999"
AUTHORS = {"Maeve O’Callahan", "Tomás Quintanar", "Ines Varga", "Bartholomew Okonjo-Reyes"}


@pytest.fixture(scope="module")
def parsed() -> Any:
    # Unsanitised, as the feed is read in earnest: the troubles are to be seen.
    return feedparser.parse(BytesIO(feed.feed(NOW, SITE)), sanitize_html=False)


@pytest.fixture(scope="module")
def entries(parsed: Any) -> dict[str, Any]:
    return {entry.link.removeprefix(f"{SITE}/").strip("/"): entry for entry in parsed.entries}


def body(entry: Any) -> str:
    text: str = entry.content[0].value
    return text


def published(entry: Any) -> datetime:
    return parsedate_to_datetime(entry.published)


def test_the_feed_is_well_formed_rss_of_the_harbour_ledger(parsed: Any) -> None:
    assert not parsed.bozo
    assert (parsed.version, parsed.feed.title, parsed.feed.link) == ("rss20", "The Harbour Ledger", SITE)


def test_it_holds_sixteen_stories_and_a_protected_one_by_four_authors(parsed: Any) -> None:
    titles = [entry.title for entry in parsed.entries]
    assert len(titles) == 17
    assert [title for title in titles if title.startswith("Protected: ")] == [
        "Protected: Editorial rota for the holidays"
    ]
    assert {entry.author for entry in parsed.entries} == AUTHORS
    assert min(Counter(entry.author for entry in parsed.entries).values()) >= 3


def test_its_dates_are_told_from_now_over_three_days(parsed: Any) -> None:
    ages = [NOW - published(entry) for entry in parsed.entries]
    assert ages == sorted(ages)
    assert timedelta(minutes=38) < ages[0] < timedelta(minutes=42)
    assert [len([age for age in ages if age // DAY == day]) for day in range(4)] == [7, 5, 5, 0]


def test_the_zone_of_now_changes_nothing() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert feed.feed(there, SITE) == feed.feed(NOW, SITE)


def test_a_final_slash_of_the_sites_address_changes_nothing() -> None:
    assert feed.feed(NOW, f"{SITE}/") == feed.feed(NOW, SITE)


def test_guids_are_wordpress_ones_and_each_is_there_once(parsed: Any) -> None:
    guids = [entry.id for entry in parsed.entries]
    assert len(set(guids)) == len(guids)
    assert all(guid.startswith(f"{SITE}/?p=") for guid in guids)
    assert not any(entry.guidislink for entry in parsed.entries)


def test_comments_are_counted_from_none_to_many(parsed: Any) -> None:
    counts = {int(entry.slash_comments) for entry in parsed.entries}
    assert {0, 1, 25} <= counts
    assert max(counts) > 100


def test_every_story_has_categories(parsed: Any) -> None:
    assert all(entry.tags for entry in parsed.entries)


def test_nothing_points_at_the_made_up_site() -> None:
    assert stories.SITE not in feed.feed(NOW, SITE).decode()


def test_a_title_and_an_excerpt_are_escaped_twice(entries: dict[str, Any]) -> None:
    entry = entries["heron-banned-from-the-fish-market"]
    assert entry.title.startswith("Fish &amp; chips")
    assert "&amp;quot;It was the lemons" in entry.summary


def test_numeric_entities_stand_in_titles_and_excerpts(entries: dict[str, Any]) -> None:
    assert b"market&amp;#8217;s" in feed.feed(NOW, SITE)
    assert b"that isn&#8217;t there" in feed.later(NOW, SITE)
    assert "&#36;445.30&#8230;" in entries["library-book-returned-after-61-years"].summary


def test_emoji_come_as_characters_and_as_pictures(entries: dict[str, Any]) -> None:
    entry = entries["robot-takes-the-cup"]
    assert entry.title.endswith("🤖🏆")
    assert body(entry).count('src="https://s.w.org/images/core/emoji/') == 3


def test_a_video_is_embedded(entries: dict[str, Any]) -> None:
    assert "<iframe" in body(entries["robot-takes-the-cup"])


def test_pictures_are_lazy_in_three_ways(entries: dict[str, Any]) -> None:
    heron = body(entries["heron-banned-from-the-fish-market"])
    assert 'src="data:image/gif' in heron
    assert f'data-src="{SITE}/wp-content/uploads/fish-market-heron.jpg"' in heron
    assert "<noscript>" in heron
    assert "data-lazy-src=" in body(entries["tug-patience-retires"])
    assert "1200w" in body(entries["the-last-keeper-of-averell-light"])


def test_one_story_is_a_long_read_with_footnotes(entries: dict[str, Any]) -> None:
    text = body(entries["the-last-keeper-of-averell-light"])
    assert len(re.sub(r"<[^>]+>", " ", text).split()) > 1400
    assert 'href="#fn1"' in text
    assert 'id="fn1"' in text


def test_one_story_has_no_title(entries: dict[str, Any]) -> None:
    assert entries["in-brief-tide-tables"].title == ""


def test_the_protected_story_shows_a_form_and_none_of_its_text(entries: dict[str, Any]) -> None:
    text = body(entries["editorial-rota"])
    assert 'class="post-password-form"' in text
    assert "biscuit" not in text + entries["editorial-rota"].summary + feed.page("editorial-rota")


def test_every_item_ends_with_where_it_first_appeared(parsed: Any) -> None:
    assert all(
        re.search(r"appeared first on .*</p>$", text)
        for entry in parsed.entries
        for text in (body(entry), entry.summary)
    )


def test_a_tracking_pixel_waits_in_one(entries: dict[str, Any]) -> None:
    assert "pixel.gif" in body(entries["choir-in-the-dry-dock"])


def test_an_excerpt_that_nobody_wrote_is_cut_off(entries: dict[str, Any]) -> None:
    assert " [&hellip;]</p>" in entries["two-bakeries-one-bun"].summary


def test_links_and_a_picture_are_relative() -> None:
    raw = feed.feed(NOW, SITE).decode()
    assert 'href="../frostbite-regatta/"' in raw
    assert 'src="/wp-content/uploads/snow-on-the-long-pier.jpg"' in raw


def test_pictures_come_by_every_way_and_by_none(entries: dict[str, Any]) -> None:
    assert entries["ferry-waits-for-a-bride"].media_content[0]["width"] == "1200"
    assert entries["night-market-returns"].media_thumbnail[0]["height"] == "600"
    enclosure = entries["crane-four-to-be-painted"].enclosures[0]
    assert int(enclosure.length) == len(feed.picture("crane-row-sunrise.jpg"))
    assert "<img" not in body(entries["the-clock-is-four-minutes-slow"])
    without = [slug for slug in entries if not stories.story(slug).picture]
    assert set(without) >= {"in-brief-tide-tables", "fog-with-outbreaks-of-fog"}


def test_a_page_names_the_picture_that_the_feed_leaves_out() -> None:
    page = feed.page("the-clock-is-four-minutes-slow", SITE)
    assert f'<meta property="og:image" content="{SITE}/wp-content/uploads/exchange-clock.jpg">' in page
    assert "<h1>The Exchange clock is four minutes slow." in page


def test_a_page_without_a_picture_names_none() -> None:
    assert "og:image" not in feed.page("fog-with-outbreaks-of-fog", SITE)


def test_every_story_has_a_page() -> None:
    for story in (*stories.first(), *stories.later()):
        assert f"<p>By {story.author}</p>" in feed.page(story.slug, SITE)


def test_an_unknown_page_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        feed.page("no-such-story", SITE)


def test_a_day_later_four_new_stories_stand_on_top_and_the_old_keep_their_dates(parsed: Any) -> None:
    after = feedparser.parse(BytesIO(feed.later(NOW + DAY, SITE)), sanitize_html=False)
    assert not after.bozo
    new, old = after.entries[:4], after.entries[4:]
    assert all(NOW < published(entry) < NOW + DAY for entry in new)
    assert [(entry.id, entry.published) for entry in old] == [
        (entry.id, entry.published) for entry in parsed.entries
    ]
    assert not {entry.id for entry in new} & {entry.id for entry in parsed.entries}


@pytest.mark.parametrize("path", sorted((PACKAGE / "sample" / "pictures").iterdir()), ids=lambda p: p.stem)
def test_a_picture_is_small_in_bytes_and_large_enough_in_pixels(path: Any) -> None:
    data = feed.picture(path.name)
    assert len(data) <= 40_000
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size) in {("JPEG", (1200, 600)), ("JPEG", (800, 600))}


def test_every_picture_that_a_story_shows_is_there_in_the_size_it_says() -> None:
    for story in (*stories.first(), *stories.later()):
        for name in re.findall(rf"{stories.UPLOADS}([\w-]+\.jpg)", story.body):
            assert feed.picture(name)
        for shown in (story.media, story.thumbnail):
            if shown:
                with Image.open(BytesIO(feed.picture(shown.picture))) as image:
                    assert image.size == (shown.width, shown.height)
        if story.picture:
            assert feed.picture(story.picture)


@pytest.mark.parametrize("name", ["", "no.jpg", "../feed.py", "..%2ffeed.py", "/etc/passwd"])
def test_a_picture_that_is_not_ours_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        feed.picture(name)
