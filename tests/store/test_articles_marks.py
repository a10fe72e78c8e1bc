"""Editors' marks and a newsletter's rules in the ledger."""

from datetime import timedelta

from article_scene import URL, decided, ids, known, make, many, read, send, shown, waiting
from ledger_scene import NOW, readers

from digest.config.rules import Rules
from digest.model import Decision, Rendering
from digest.store import articles, drafts, issues, marks
from digest.store.database import Store

HOUR = timedelta(hours=1)
RENDERING = Rendering(subject="News", preheader="", html="<p>News</p>", text="News", nonce="0" * 16)


def pin(store: Store, guid: str, newsletter: str = "daily") -> None:
    number = ids(store)[guid]
    with store.write() as session:
        marks.pin(session, newsletter, number, NOW, by="ada")


def test_a_mark_is_one_newsletters_and_outlives_what_the_feed_says(store: Store) -> None:
    known(store)
    known(store, "weekly")
    read(store, shown("a"))
    pin(store, "a")
    read(store, shown("a", title="Edited"), now=NOW + HOUR)
    with store.read() as session:
        [mark] = marks.marks(session, "daily").values()
        assert (mark.pinned, mark.held, mark.by, mark.at) == (True, False, "ada", NOW)
        assert marks.marks(session, "weekly") == {}


def test_a_pin_ends_a_hold_and_a_hold_a_pin_and_a_release_both(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    with store.write() as session:
        marks.pin(session, "daily", 1, NOW, by="ada")
        marks.hold(session, "daily", 1, NOW, by="ben")
        held = marks.marks(session, "daily")[1]
        marks.pin(session, "daily", 1, NOW, by="ada")
        pinned = marks.marks(session, "daily")[1]
        marks.release(session, "daily", 1, NOW, by="ben")
        released = marks.marks(session, "daily")[1]
    assert [(one.pinned, one.held, one.by) for one in (held, pinned, released)] == [
        (False, True, "ben"),
        (True, False, "ada"),
        (False, False, "ben"),
    ]


def test_a_new_order_takes_the_place_of_the_old_one(store: Store) -> None:
    known(store)
    read(store, *many(3))
    with store.write() as session:
        marks.order(session, "daily", [3, 1], NOW, by="ada")
        marks.order(session, "daily", [1, 2], NOW, by="ada")
        places = {number: mark.place for number, mark in marks.marks(session, "daily").items()}
    assert places == {1: 1, 2: 2, 3: None}
    assert list(decided(store, make(store))) == ["n0", "n1", "n2"]


def test_what_is_pinned_goes_in_whatever_its_age_or_verdict_but_never_twice(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("archive", hours=24 * 30), shown("news"))
    assert waiting(store) == {"news": False}
    pin(store, "archive")
    issue = make(store)
    assert list(decided(store, issue)) == ["archive", "news"]
    send(store, issue)
    assert waiting(store) == {}


def test_what_is_held_is_never_lost(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("a"), shown("b"))
    with store.write() as session:
        marks.hold(session, "daily", 1, NOW, by="ada")
    issue = make(store)
    assert decided(store, issue) == {"b": Decision.INCLUDED, "a": Decision.HELD_BACK}
    send(store, issue)
    assert decided(store, make(store, 25)) == {"a": Decision.HELD_BACK}
    with store.write() as session:
        marks.release(session, "daily", 1, NOW, by="ada")
    assert decided(store, make(store, 25)) == {"a": Decision.INCLUDED}


def test_what_a_rule_left_out_stays_out_once_that_issue_has_gone_out(store: Store) -> None:
    known(store)
    readers(store, 1)
    read(store, shown("ad", categories=("Shop",)), shown("news"))
    shop = Rules(categories=("Shop",))
    assert decided(store, make(store, exclude=shop))["ad"] is Decision.FILTERED
    # Until then the rules of now decide.
    assert decided(store, make(store))["ad"] is Decision.INCLUDED
    send(store, make(store, exclude=shop))
    assert waiting(store) == {}
    pin(store, "ad")
    assert list(waiting(store)) == ["ad"]


def overtaken(store: Store, number: int) -> list[str]:
    with store.read() as session:
        return drafts.overtaken(session, issues.get(session, number), [URL])


def test_marks_after_approval_take_it_back_where_they_matter(store: Store) -> None:
    known(store)
    read(store, *many(4))
    issue = make(store, room=3)
    with store.write() as session:
        marks.order(session, "daily", [2, 1], NOW - HOUR, by="ada")
        issues.save_rendering(session, issue.id, RENDERING, NOW)
        issues.approve(session, issue, NOW)
    assert overtaken(store, issue.id) == []
    with store.write() as session:
        marks.hold(session, "daily", 2, NOW + HOUR, by="ada")
    assert overtaken(store, issue.id) == ["n1"]
    with store.write() as session:
        marks.pin(session, "daily", 4, NOW + HOUR, by="ada")
    assert overtaken(store, issue.id) == ["n1", "n3"]


def test_the_same_mark_again_is_no_change(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    with store.write() as session:
        marks.pin(session, "daily", 1, NOW, by="ada")
        marks.pin(session, "daily", 1, NOW + HOUR, by="ben")
        assert marks.since(session, "daily", NOW) == set()


def test_the_account_of_an_article_tells_its_marks(store: Store) -> None:
    known(store)
    read(store, shown("a"))
    waiting(store)
    with store.write() as session:
        marks.pin(session, "daily", 1, NOW, by="ada")
        marks.order(session, "daily", [1], NOW, by="ada")
        account = articles.why(session, 1)
    assert account is not None
    assert "daily: pinned and placed 1 by ada" in account.lines
