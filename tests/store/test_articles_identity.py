"""Who an article is as time goes on: under new guids, under one guid twice, in two feeds, gone and back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from article_scene import URL, decided, ids, known, make, many, read, send, shown, waiting
from ledger_scene import NOW, readers

from digest.model import Article, Decision, Verdict
from digest.store import articles
from digest.store.database import Store

HOUR = timedelta(hours=1)
OTHER = "https://other.example/feed/"


def moved(article: Article, host: str = "https://new.example") -> Article:
    """The same article as its site shows it from another domain."""
    link = article.link.replace("https://ledger.example", host)
    return replace(article, guid=f"{host}/?{article.guid}", link=link)


def story(store: Store, guid: str) -> list[str]:
    with store.read() as session:
        account = articles.why(session, ids(store)[guid])
    assert account is not None
    return account.lines


def verdict(store: Store, guid: str) -> Verdict:
    with store.read() as session:
        account = articles.why(session, ids(store)[guid])
    assert account is not None
    return account.verdicts["daily"]


def test_a_guid_that_takes_to_https_is_the_same_article(store: Store) -> None:
    known(store)
    readers(store, 1)
    first = read(store, shown("http://ledger.example/?p=7"))
    send(store, make(store))
    again = read(store, shown("https://ledger.example/?p=7", title="Edited"), now=NOW + HOUR)
    assert (again.new, [one.id for one in again.changed]) == ((), [first.new[0].id])
    assert list(ids(store)) == ["https://ledger.example/?p=7"]
    assert waiting(store) == {}


def test_both_schemes_in_one_listing_are_two_articles(store: Store) -> None:
    arrived = read(store, shown("http://ledger.example/?p=7"), shown("https://ledger.example/?p=7"))
    assert len(arrived.new) == 2
    again = read(store, shown("http://ledger.example/?p=7"), shown("https://ledger.example/?p=7"))
    assert (again.new, len(ids(store))) == ((), 2)


@pytest.mark.parametrize("fate", ["mailed", "baseline", "too old", "declined"])
def test_a_story_with_a_new_guid_is_recognised_whatever_became_of_it(store: Store, fate: str) -> None:
    known(store, since=NOW if fate == "baseline" else NOW - timedelta(days=60))
    readers(store, 1)
    hours = {"baseline": 30, "too old": 24 * 7 + 2}.get(fate, 1)
    old = shown("a", hours=hours)
    read(store, old, shown("other", hours=hours - 1))
    if fate == "mailed":
        send(store, make(store))
    waiting(store)
    if fate == "declined":
        with store.write() as session:
            session.connection().exec_driver_sql("UPDATE judgement SET verdict = 'in question'")
            number = articles.answer(session, "daily", [1, 2], NOW, news=False, by="ops")
        assert number == 2
    # Dated anew on its way, so that its date alone would let it in.
    read(store, replace(moved(old), published_at=NOW), now=NOW + HOUR)
    issue = make(store, 25)
    assert decided(store, issue)["https://new.example/?a"] is Decision.DUPLICATE
    assert "the same story as article 1, in https://ledger.example/feed/" in story(
        store, "https://new.example/?a"
    )


def test_a_story_that_waits_goes_out_once_when_its_site_moves(store: Store) -> None:
    known(store)
    readers(store, 1)
    listed = many(4)
    read(store, *listed)
    make(store)
    read(store, *map(moved, listed), now=NOW + HOUR)
    issue = make(store)
    included = [guid for guid, decision in decided(store, issue).items() if decision is Decision.INCLUDED]
    assert len(included) == 4
    send(store, issue)
    assert waiting(store) == {}


def test_a_reused_guid_is_a_new_article_and_the_old_one_keeps_its_story(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("1", title="Storm over the harbour", link="https://ledger.example/storm", hours=9))
    send(store, make(store))
    news = shown("1", title="Mayor resigns", link="https://ledger.example/mayor", hours=1)
    arrived = read(store, news, now=NOW + HOUR)
    assert [one.title for one in arrived.new] == ["Mayor resigns"]
    assert waiting(store) == {"1": False}
    send(store, make(store, 25))
    assert "included" in story(store, "1#former-1")[-1]
    assert read(store, news, now=NOW + 2 * HOUR).new == ()
    assert waiting(store) == {}


def test_an_answer_out_of_a_cache_does_not_bring_a_reused_guid_back(store: Store) -> None:
    known(store)
    storm = shown("1", title="Storm over the harbour", link="https://ledger.example/storm", hours=9)
    mayor = shown("1", title="Mayor resigns", link="https://ledger.example/mayor", hours=1)
    for hour, listed in enumerate((storm, mayor, storm, mayor, storm)):
        read(store, listed, now=NOW + hour * HOUR)
    assert ids(store).keys() == {"1", "1#former-1"}
    with store.read() as session:
        assert articles.recent(session, [URL], 2)[0].title == "Mayor resigns"


def test_edits_of_everything_but_the_guid_one_after_the_other_make_no_new_article(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("1", title="Storm", hours=9))
    send(store, make(store))
    for changes in (
        {"title": "Storm"},
        {"title": "Mayor resigns"},
        {"title": "Mayor resigns", "link": "https://ledger.example/mayor/"},
        {"title": "Mayor resigns", "link": "https://ledger.example/mayor/", "hours": -1},
    ):
        assert read(store, shown("1", **changes), now=NOW + 2 * HOUR).new == ()
    assert waiting(store, now=NOW + 2 * HOUR) == {}


@pytest.mark.parametrize("order", [(URL, OTHER), (OTHER, URL)])
@pytest.mark.parametrize("between", [False, True], ids=["in one issue", "a day later"])
def test_one_story_in_two_feeds_is_mailed_once(store: Store, order: tuple[str, str], between: bool) -> None:
    urls = (URL, OTHER)
    known(store, urls=urls)
    readers(store, 1)
    story = shown("tides", title="Tides")
    read(store, story, url=order[0])
    if between:
        send(store, make(store, urls=urls))
    copy = replace(story, guid="other-7", link="https://other.example/7")
    read(store, copy, url=order[1], now=NOW + HOUR)
    send(store, make(store, 25, urls=urls))
    with store.read() as session:
        told = [articles.standing(session, number)["daily"] for number in (1, 2)]
    assert sorted(phrase.partition(" ")[0] for phrase in told) == ["duplicate", "mailed"]
    assert waiting(store, urls=urls) == {}


def test_what_vanished_from_a_draft_is_recorded_by_the_issue_that_goes_out(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, *many(3))
    make(store)
    read(store, *[one for one in many(3) if one.guid != "n1"], now=NOW + HOUR)
    issue = make(store)
    assert decided(store, issue)["n1"] is Decision.VANISHED
    send(store, issue)
    following = make(store, 25)
    assert decided(store, following) == {}
    assert story(store, "n1")[-1].endswith("vanished, it is no longer on the site")
    read(store, *many(3), now=NOW + 2 * HOUR)
    assert waiting(store) == {"n1": False}


def test_what_comes_up_from_beneath_a_full_feed_is_no_news(store: Store) -> None:
    known(store, since=NOW)
    everything = many(12, hours=2, step=6)
    read(store, *everything[:10])
    read(store, *everything[2:], now=NOW + HOUR)
    assert set(waiting(store)) == {"n2", "n3"}
    assert verdict(store, "n11") is Verdict.BASELINE


# A reading of which nothing is known.


def test_a_sudden_feed_of_stories_that_nobody_knows_is_in_question(store: Store) -> None:
    known(store)
    read(store, shown("old", hours=3))
    waiting(store)
    read(store, *many(5, hours=2), now=NOW + HOUR)
    assert waiting(store) == {}
    with store.read() as session:
        assert len(articles.asked(session, "daily", [URL])) == 5
    assert story(store, "n0")[1].startswith("daily: in question")


def test_what_is_in_question_waits_for_its_answer(store: Store) -> None:
    known(store)
    read(store, shown("old", hours=3))
    waiting(store)
    read(store, *many(6, hours=2), now=NOW + HOUR)
    waiting(store)
    numbers = ids(store)
    with store.write() as session:
        accepted = [numbers["n0"], numbers["old"]]
        assert articles.answer(session, "daily", accepted, NOW, news=True, by="ops") == 1
        rest = [one.id for one in articles.asked(session, "daily", [URL])]
        assert articles.answer(session, "daily", rest, NOW, news=False, by="ops") == 5
        assert articles.answer(session, "daily", rest, NOW, news=True, by="ops") == 0
    assert set(waiting(store)) == {"n0"}
    assert verdict(store, "n1") is Verdict.DECLINED


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(many(4, hours=2), id="four are too few"),
        pytest.param(many(5, hours=0.1, step=0.1), id="all newer than what is known"),
        pytest.param([*many(5, hours=2), shown("old", hours=3)], id="one is known"),
    ],
)
def test_what_may_be_ordinary_news_is_no_question(store: Store, listed: list[Article]) -> None:
    known(store)
    read(store, shown("old", hours=3), shown("older", hours=40))
    waiting(store)
    read(store, *listed, now=NOW + HOUR)
    assert {one.guid for one in listed} - {"old"} <= waiting(store).keys()


def test_a_first_reading_is_no_question(store: Store) -> None:
    known(store)
    read(store, *many(9))
    assert len(waiting(store)) == 9


def test_old_stories_of_a_sudden_feed_are_recognised_and_not_asked_about(store: Store) -> None:
    known(store)
    readers(store, 1)
    old = many(8, hours=3)
    read(store, *old)
    send(store, make(store))
    read(store, shown("news", hours=1), *map(moved, old), now=NOW + HOUR)
    issue = make(store, 25)
    assert decided(store, issue)["news"] is Decision.INCLUDED
    assert list(decided(store, issue).values()).count(Decision.DUPLICATE) == 8


def test_each_newsletter_is_asked_for_itself(store: Store) -> None:
    known(store)
    read(store, shown("old", hours=3))
    waiting(store)
    read(store, *many(5, hours=2), now=NOW + HOUR)
    waiting(store)
    known(store, "weekly", since=NOW + 2 * HOUR)
    assert len(waiting(store, "weekly")) == 5
    with store.read() as session:
        assert articles.asked(session, "weekly", [URL]) == []
