"""Articles in the ledger: what comes in, what is judged, what the next issue may hold."""

from datetime import timedelta

import pytest
from article_scene import URL, WEEK, decided, known, make, read, send, shown, waiting
from ledger_scene import NOW, readers

from digest.model import Decision, IssueState, Picture
from digest.store import articles, issues
from digest.store.database import Store


def test_an_article_is_known_by_its_guid_within_its_feed(store: Store) -> None:
    picture = Picture(url="https://ledger.example/p.jpg", alt="the quay", width=800, height=600)
    first = read(
        store, shown("a", picture=picture, categories=("news",), author="Ada", words=300, comments=2)
    )
    assert (len(first.new), first.listed, first.first) == (1, 1, True)
    again = read(store, shown("a", picture=picture, categories=("news",), author="Ada"), now=NOW + WEEK)
    assert (again.new, again.changed, again.first) == ((), (), False)
    with store.write() as session:
        other = articles.feed(session, "https://other.example/feed/")
        assert len(articles.upsert(session, other.id, [shown("a")], NOW).new) == 1
        (kept,) = articles.recent(session, [URL], 10)
    assert (kept.picture, kept.categories, kept.author) == (picture, ("news",), "Ada")
    assert (kept.first_seen_at, kept.feed_url) == (NOW, URL)


def test_an_edit_is_taken_in_and_told(store: Store) -> None:
    read(store, shown("a", title="Tides"))
    edited = read(store, shown("a", title="High tides"))
    assert [article.title for article in edited.changed] == ["High tides"]
    assert read(store, shown("a", title="High tides")).changed == ()


def test_an_article_without_a_date_keeps_the_time_at_which_it_was_first_seen(store: Store) -> None:
    """What has no date of its own is read as published now, whenever that is."""
    read(store, shown("a"))
    later = NOW + timedelta(hours=3)
    read(store, shown("a", hours=-3), now=later)
    bumped = later + timedelta(hours=3)
    with store.read() as session:
        assert articles.recent(session, [URL], 1)[0].published_at == NOW
    read(store, shown("a", hours=-5), now=bumped)
    with store.read() as session:
        assert articles.recent(session, [URL], 1)[0].published_at == NOW + timedelta(hours=5)


def test_comments_are_counted_without_being_an_edit(store: Store) -> None:
    read(store, shown("a", comments=1))
    assert read(store, shown("a", comments=7)).changed == ()
    with store.read() as session:
        assert articles.recent(session, [URL], 1)[0].comments == 7


def test_a_guid_that_stands_twice_in_a_feed_is_one_article(store: Store) -> None:
    arrived = read(store, shown("a", title="First"), shown("a", title="Second"))
    assert ([article.title for article in arrived.new], arrived.changed) == (["Second"], ())


def test_a_trashed_article_is_no_candidate_until_it_reappears(store: Store) -> None:
    known(store)
    read(store, shown("a", hours=1), shown("b", hours=2), shown("c", hours=3))
    gone = read(store, shown("a", hours=1), shown("c", hours=3))
    assert gone.vanished == 1
    assert set(waiting(store)) == {"a", "c"}
    read(store, shown("a", hours=1), shown("b", hours=2), shown("c", hours=3))
    assert set(waiting(store)) == {"a", "b", "c"}


def test_an_empty_feed_makes_nothing_vanish(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    assert read(store).vanished == 0
    assert set(waiting(store)) == {"a"}


def test_what_stood_in_the_feed_before_the_first_look_is_not_mailed(store: Store) -> None:
    known(store, since=NOW)
    read(store, shown("fresh", hours=5), shown("old", hours=30))
    assert set(waiting(store)) == {"fresh"}


def test_an_article_is_judged_once_and_never_grows_too_old(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    assert set(waiting(store)) == {"a"}
    assert set(waiting(store, now=NOW + 10 * WEEK)) == {"a"}


def test_what_is_too_old_at_first_sight_stays_out_for_good(store: Store) -> None:
    known(store)
    read(store, shown("archive", hours=24 * 8))
    assert waiting(store) == {}
    read(store, shown("archive", hours=1))
    assert waiting(store) == {}


def test_a_second_newsletter_judges_for_itself(store: Store) -> None:
    known(store)
    read(store, shown("a", hours=50))
    known(store, "weekly", since=NOW)
    assert set(waiting(store)) == {"a"}
    assert waiting(store, "weekly") == {}


def test_an_article_that_reached_somebody_is_spent(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("a"))
    send(store, make(store))
    read(store, shown("a"), shown("b"))
    assert set(waiting(store)) == {"b"}


@pytest.mark.parametrize("moved", ["approved", "frozen", "held"])
def test_an_article_on_its_way_is_not_taken_by_the_next_issue(store: Store, moved: str) -> None:
    known(store)
    read(store, shown("a"))
    issue = make(store)
    assert set(waiting(store)) == {"a"}
    with store.write() as session:
        issues.move(session, issue, IssueState(moved), NOW, allowed=(IssueState.DRAFT,))
    assert waiting(store) == {}
    assert set(waiting(store, but_issue=issue.id)) == {"a"}


@pytest.mark.parametrize("ended", ["cancelled", "skipped"])
def test_the_articles_of_an_issue_that_reached_nobody_return(store: Store, ended: str) -> None:
    known(store)
    read(store, shown("a"))
    issue = make(store)
    with store.write() as session:
        issues.move(session, issue, IssueState(ended), NOW, allowed=(IssueState.DRAFT,))
    assert set(waiting(store)) == {"a"}


def test_the_articles_of_a_sent_issue_without_readers_return(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    send(store, make(store))
    assert set(waiting(store)) == {"a"}


def test_what_an_issue_had_no_room_for_is_carried_into_the_next(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("a", hours=1), shown("b", hours=2), shown("c", hours=3))
    send(store, make(store, room=1))
    read(store, shown("new"), shown("a", hours=1), shown("b", hours=2), shown("c", hours=3))
    assert waiting(store) == {"b": True, "c": True, "new": False}
    following = make(store, 25, room=2)
    assert list(decided(store, following).items()) == [
        ("b", Decision.INCLUDED),
        ("c", Decision.INCLUDED),
        ("new", Decision.CARRIED),
    ]


def test_a_story_that_returns_under_another_guid_is_a_duplicate_for_good(store: Store) -> None:
    known(store)
    readers(store, 2)
    read(store, shown("a", link="https://old.example/tides/"))
    send(store, make(store))
    again = shown("b", title="Tides again", link="https://new.example/tides/")
    read(store, again, shown("c"), now=NOW + timedelta(hours=1))
    issue = make(store, 25)
    assert decided(store, issue) == {"c": Decision.INCLUDED, "b": Decision.DUPLICATE}
    send(store, issue)
    assert waiting(store) == {}


def test_a_schedule_counts_as_seen_from_when_it_changed(store: Store) -> None:
    with store.write() as session:
        assert articles.see_newsletter(session, "daily", "0 7 * * *", "UTC", NOW) == NOW
        assert articles.see_newsletter(session, "daily", "0 7 * * *", "UTC", NOW + WEEK) == NOW
        assert articles.see_newsletter(session, "daily", "0 8 * * *", "UTC", NOW + WEEK) == NOW + WEEK
        assert articles.see_newsletter(session, "daily", "0 8 * * *", "UTC", NOW + 2 * WEEK) == NOW + WEEK


def test_a_feeds_failures_are_counted_until_it_is_read_again(store: Store) -> None:
    with store.write() as session:
        feed = articles.feed(session, URL)
        articles.note_fetch(session, feed.id, NOW, last_error="503", next_try_at=NOW + WEEK)
        articles.note_fetch(session, feed.id, NOW, last_error="503")
        (failing,) = articles.feeds(session)
        assert (failing.failures, failing.last_error, failing.good_at) == (2, "503", None)
        articles.note_fetch(session, feed.id, NOW, etag='W/"7"')
        (good,) = articles.feeds(session)
    assert (good.failures, good.last_error, good.etag, good.next_try_at) == (0, "", 'W/"7"', None)
    assert good.first_fetched_at == good.good_at == NOW


def test_every_articles_standing_is_told_in_a_phrase(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("sent", hours=3), shown("full", hours=4), shown("archive", hours=24 * 30))
    send(store, make(store, room=1))
    read(store, shown("draft", hours=1), shown("sent", hours=3), shown("full", hours=4))
    make(store, 25)
    read(store, shown("late", hours=0.5), shown("sent", hours=3))
    assert "late" in waiting(store)
    with store.read() as session:
        told = {article.guid: dict(standing) for article, standing in articles.listing(session, 10)}
        newest = [article.guid for article, _ in articles.listing(session, 2)]
    assert told == {
        "late": {"daily": "waiting"},
        "draft": {"daily": "in 2026-11-25T07:00 (draft)"},
        "sent": {"daily": "mailed in 2026-11-24T07:00"},
        "full": {"daily": "in 2026-11-25T07:00 (draft)"},
        "archive": {"daily": "too old"},
    }
    assert newest == ["late", "draft"]


def test_an_article_tells_its_whole_story(store: Store) -> None:
    known(store)
    readers(store, 1)
    arrived = read(store, shown("a", hours=3), shown("b", hours=4), shown("c", hours=5))
    send(store, make(store, room=2))
    read(store, shown("a", hours=3), shown("c", hours=5))
    with store.read() as session:
        found = articles.why(session, arrived.new[1].id)
        assert articles.why(session, 999) is None
        assert articles.standing(session, arrived.new[2].id) == {"daily": "carried over"}
    assert found is not None
    assert found.article.guid == "b"
    assert found.lines == [
        "first seen 2026-11-24 12:00 UTC in https://ledger.example/feed/",
        "vanished from the feed: trashed, or taken out of it",
        "daily: eligible: it belongs to the next issue that has room",
        "daily 2026-11-24T07:00 (sent): included, new",
    ]
