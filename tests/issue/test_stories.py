"""When two articles are one story, when one guid stands for two, and what has vanished."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from issue_articles import NOW, article, hours, many_articles

from digest.model import LedgerArticle
from digest.stories import Stories, is_another, other_scheme, same_story, vanished

DAY = timedelta(days=1)
OTHER = "https://other.example/feed/"


def test_a_moved_site_keeps_its_stories() -> None:
    here = article(1, title="Tides", link="https://old.example/2026/tides/")
    there = article(2, title="The tides", link="https://new.example/2026/tides")
    assert same_story(here, there)


def test_a_moved_site_keeps_a_story_that_was_given_a_new_title_and_date_meanwhile() -> None:
    here = article(1, title="Tides", link="https://old.example/tides/")
    there = article(2, title="High water", link="https://new.example/tides/", published=hours(30))
    assert same_story(here, there)


def test_one_slug_in_the_feeds_of_two_sites_is_two_stories() -> None:
    here = article(1, title="Rain in Averell", link="https://one.example/weather/")
    there = article(
        2, title="Sun in Brill", link="https://two.example/weather/", published=hours(30), feed=OTHER
    )
    assert not same_story(here, there)


def test_one_address_in_two_feeds_is_one_story_even_under_two_titles() -> None:
    here = article(1, title="Tides", link="https://ledger.example/tides/")
    there = article(2, title="Tides – The Ledger", link="http://ledger.example/tides", feed=OTHER)
    assert same_story(here, there)


def test_two_front_pages_are_not_one_story() -> None:
    here = article(1, title="One", link="https://old.example/")
    there = article(2, title="Two", link="https://new.example")
    assert not same_story(here, there)


def test_one_number_on_two_sites_is_not_one_story() -> None:
    here = article(1, title="One", link="https://old.example/?p=7")
    there = article(2, title="Two", link="https://new.example/?p=7")
    assert not same_story(here, there)
    again = article(3, title="Three", link="https://old.example/?p=7")
    assert same_story(here, again)


def test_one_title_within_minutes_is_one_story_and_a_day_later_another() -> None:
    first = article(1, title="Weather")
    twin = article(2, title="WEATHER", published=NOW + timedelta(minutes=9))
    next_day = article(3, title="Weather", published=NOW + DAY)
    assert same_story(first, twin)
    assert not same_story(first, next_day)


def test_two_untitled_notes_within_minutes_are_two_stories() -> None:
    one, other = (replace(article(number), title="") for number in (1, 2))
    assert not same_story(one, other)


def test_entries_of_one_page_that_a_feed_lists_side_by_side_are_so_many_stories() -> None:
    one, other = (
        article(number, title=f"Version {number}", link="https://ledger.example/changes.html", seen=NOW)
        for number in (1, 2)
    )
    assert not same_story(one, other)


def test_what_one_page_says_on_another_day_is_another_story() -> None:
    link = "https://ledger.example/quote/"
    one = article(1, title="Know thyself", link=link)
    other = article(2, title="Nothing in excess", link=link, published=hours(24))
    assert not same_story(one, other)


def test_anchors_of_one_page_are_so_many_stories() -> None:
    one, other = (
        article(number, title=f"Version {number}", link=f"https://ledger.example/changes#v{number}")
        for number in (1, 2)
    )
    assert not same_story(one, other)


@given(many_articles, st.data())
def test_stories_are_found_as_by_comparing_each(articles: list[LedgerArticle], data: st.DataObject) -> None:
    sought = data.draw(st.sampled_from(articles)) if articles else article(99)
    compared = {one.id for one in articles if one.id != sought.id and same_story(one, sought)}
    assert {one.id for one in Stories(articles).twins(sought)} == compared
    assert (Stories(articles).twin(sought) is not None) == bool(compared)


KNOWN = article(1, title="Storm over the harbour", link="https://ledger.example/2026/11/23/storm/")


@pytest.mark.parametrize(
    ("shown", "another"),
    [
        pytest.param({}, False, id="nothing differs"),
        pytest.param({"title": "Mayor resigns"}, False, id="a new title"),
        pytest.param({"link": "https://ledger.example/2026/11/24/storm/"}, False, id="a new date's folders"),
        pytest.param({"link": "https://ledger.example/2026/11/24/mayor/"}, False, id="a new slug"),
        pytest.param(
            {"title": "Storm: harbour closed", "link": "https://ledger.example/closed/"},
            False,
            id="a new slug, and a title that keeps its words",
        ),
        pytest.param(
            {"title": "Mayor resigns", "link": "https://ledger.example/mayor/"},
            True,
            id="another title under another slug",
        ),
        pytest.param(
            {"title": "Mayor resigns", "link": "https://ledger.example/show.php?id=8"},
            True,
            id="another title under another query",
        ),
    ],
)
def test_a_guid_stands_for_another_story_only_where_everything_differs(
    shown: dict[str, str], another: bool
) -> None:
    later = replace(KNOWN, published_at=NOW + DAY, **shown)  # type: ignore[arg-type] # title and link
    assert is_another(KNOWN, later) is another
    assert not is_another(KNOWN, replace(later, published_at=NOW))
    assert not is_another(KNOWN, replace(later, published_at=NOW - DAY))


def test_a_guid_that_took_to_https_is_known_by_its_former_scheme() -> None:
    assert other_scheme("https://ledger.example/?p=7") == "http://ledger.example/?p=7"
    assert other_scheme("http://ledger.example/?p=7") == "https://ledger.example/?p=7"
    assert other_scheme("tag:ledger.example,2026:7") == other_scheme("7") == ""


def test_an_empty_listing_drops_nothing() -> None:
    assert vanished([article(1)], []) == ()


def test_what_is_missing_above_an_older_article_has_vanished() -> None:
    known = [article(n, published=hours(n)) for n in (1, 2, 3)]
    listed = [("guid-1", hours(1)), ("guid-3", hours(3))]
    assert vanished(known, listed) == (2,)


def test_falling_off_the_end_of_a_feed_is_not_vanishing() -> None:
    known = [article(n, published=hours(n)) for n in (1, 2, 3)]
    listed = [("guid-1", hours(1)), ("guid-2", hours(2))]
    assert vanished(known, listed) == ()


def test_an_old_story_pinned_on_top_makes_nothing_vanish() -> None:
    known = [article(n, published=hours(n)) for n in (1, 2, 3, 500)]
    listed = [("guid-500", hours(500)), ("guid-1", hours(1)), ("guid-2", hours(2))]
    assert vanished(known, listed) == ()


def test_a_feed_that_is_in_no_order_of_time_makes_nothing_vanish() -> None:
    known = [article(n, published=hours(n)) for n in range(1, 9)]
    listed = [(f"guid-{n}", hours(n)) for n in (4, 3, 6, 2, 5, 8)]
    assert vanished(known, listed) == ()


@given(many_articles, st.integers(0, 30))
def test_a_feed_of_the_newest_few_never_loses_what_fell_off(
    articles: list[LedgerArticle], length: int
) -> None:
    newest = sorted(articles, key=lambda a: a.published_at, reverse=True)
    listed = [(a.guid, a.published_at) for a in newest[:length]]
    assert vanished(articles, listed) == ()


@given(many_articles, st.data())
def test_one_trashed_article_is_noticed_while_an_older_one_is_listed(
    articles: list[LedgerArticle], data: st.DataObject
) -> None:
    newest = sorted(articles, key=lambda a: a.published_at, reverse=True)
    if not newest:
        return
    trashed = data.draw(st.sampled_from(newest))
    listed: list[tuple[str, datetime]] = [(a.guid, a.published_at) for a in newest if a is not trashed]
    older = any(published < trashed.published_at for _, published in listed)
    assert vanished(articles, listed) == ((trashed.id,) if older else ())
