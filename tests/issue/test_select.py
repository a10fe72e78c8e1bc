"""Which articles make an issue."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from issue_articles import NOW, WEEK, article, hours, known, many_articles, moments

from digest.config.rules import Rules
from digest.issue import Candidate, Mark, Selection, in_question, judge, select
from digest.model import Decision, LedgerArticle, Verdict
from digest.stories import same_story

PINNED, HELD = Mark(pinned=True), Mark(held=True)


def candidates(*articles: LedgerArticle) -> list[Candidate]:
    return [Candidate(article=one) for one in articles]


def said(chosen: Selection) -> dict[int, tuple[Decision, str]]:
    return {one.article.id: (one.decision, one.reason) for one in chosen.decided}


def shown(chosen: Selection) -> list[int]:
    return [one.id for one in chosen.articles]


# Judging.


def test_what_stood_in_the_feed_for_a_day_before_the_first_look_is_baseline() -> None:
    old = article(1, published=hours(25), seen=NOW)
    assert judge(old, anchor=NOW, max_age=WEEK) is Verdict.BASELINE


def test_what_came_out_within_a_day_before_the_first_look_is_eligible() -> None:
    fresh = article(1, published=hours(23), seen=NOW)
    assert judge(fresh, anchor=NOW, max_age=WEEK) is Verdict.ELIGIBLE


def test_a_back_dated_article_seen_later_is_eligible_within_max_age() -> None:
    late = article(1, published=hours(100), seen=NOW)
    assert judge(late, anchor=NOW - timedelta(days=30), max_age=WEEK) is Verdict.ELIGIBLE


def test_what_is_older_than_max_age_when_first_seen_is_too_old() -> None:
    archive = article(1, published=NOW - timedelta(days=8), seen=NOW)
    assert judge(archive, anchor=NOW - timedelta(days=30), max_age=WEEK) is Verdict.TOO_OLD


def test_what_comes_up_from_beneath_a_full_feed_is_baseline_like_what_lay_above_it() -> None:
    beneath = article(1, published=hours(50), seen=NOW)
    anchor = hours(5)
    assert judge(beneath, anchor=anchor, max_age=WEEK, floor=hours(49)) is Verdict.BASELINE
    assert judge(beneath, anchor=anchor, max_age=WEEK, floor=hours(51)) is Verdict.ELIGIBLE
    assert judge(beneath, anchor=hours(40), max_age=WEEK, floor=hours(49)) is Verdict.ELIGIBLE


@given(many_articles, moments)
def test_judging_is_once_and_for_all_by_dates_alone(articles: list[LedgerArticle], anchor: datetime) -> None:
    for one in articles:
        verdict = judge(one, anchor=anchor, max_age=WEEK)
        fresh = one.published_at >= anchor - timedelta(days=1)
        young = one.published_at >= one.first_seen_at - WEEK
        assert verdict is Verdict.ELIGIBLE or not (fresh and young)


# A feed of which suddenly nothing is known.


def before(*ages: float) -> list[LedgerArticle]:
    """Articles that were known, so many hours old."""
    return [article(n, published=hours(age), seen=hours(1)) for n, age in enumerate(ages, 1)]


def sudden(*ages: float, first: int = 50, links: str = "https://ledger.example") -> list[LedgerArticle]:
    numbered = enumerate(ages, first)
    return [article(n, published=hours(age), seen=NOW, link=f"{links}/{n}/") for n, age in numbered]


def moved(*articles: LedgerArticle) -> list[LedgerArticle]:
    return [
        article(100 + a.id, title=a.title, published=a.published_at, link=f"https://new.example/{a.id}/")
        for a in articles
    ]


def test_a_burst_after_an_outage_is_news() -> None:
    assert in_question(sudden(1, 2, 3, 4, 5), before(10, 20)) == frozenset()


def test_a_moved_site_is_no_question_nor_is_what_is_newer_on_it() -> None:
    old = before(10, 20, 30, 40)
    assert in_question([*moved(*old), *sudden(2, 3)], old) == frozenset()


def test_on_a_moved_site_what_is_strange_and_not_newer_is_in_question() -> None:
    old = before(10, 20, 30, 40)
    assert in_question([*moved(*old), *sudden(2, 15)], old) == {51}


def test_an_archive_that_was_imported_is_in_question() -> None:
    old = before(10, 20)
    assert in_question([*moved(*old), *sudden(1, 2, 15, 16, 17)], old) == {50, 51, 52, 53, 54}


def test_other_feeds_news_does_not_make_a_burst_a_question() -> None:
    elsewhere = article(1, published=hours(1), feed="https://other.example/feed/")
    assert in_question(sudden(2, 3, 4, 5, 6), [elsewhere, *before(10)[:1]]) == frozenset()


# Choosing.


def test_the_newest_win_and_are_shown_newest_first() -> None:
    chosen = select(candidates(*(article(n, published=hours(n)) for n in (3, 1, 4, 2))), max_articles=2)
    assert shown(chosen) == [1, 2]
    assert chosen.count(Decision.CARRIED) == 2


def test_what_was_carried_over_goes_before_what_is_new() -> None:
    carried = Candidate(article=article(9, published=hours(50)), carried=True)
    new = candidates(*(article(n, published=hours(n)) for n in (1, 2)))
    chosen = select([*new, carried], max_articles=2)
    assert shown(chosen) == [1, 9]
    assert said(chosen)[9] == (Decision.INCLUDED, "carried over from the last issue")


def test_a_protected_article_is_left_out_and_says_why() -> None:
    chosen = select(candidates(article(1, protected=True)), max_articles=5, marks={1: PINNED})
    assert said(chosen) == {1: (Decision.PROTECTED, "it is behind a password")}


def test_a_story_that_was_mailed_before_under_another_guid_is_a_duplicate() -> None:
    mailed = known(article(1, link="https://old.example/tides/"))
    again = article(2, link="https://new.example/tides/")
    chosen = select(candidates(again), max_articles=5, known=[mailed])
    reason = "the same story as article 1, which has been mailed"
    assert said(chosen) == {2: (Decision.DUPLICATE, reason)}


def test_a_story_of_two_feeds_is_in_an_issue_once() -> None:
    here, there = article(1, title="Tides"), article(2, title="Tides", feed="https://other.example/feed/")
    chosen = select(candidates(here, there), max_articles=5)
    assert said(chosen) == {
        2: (Decision.INCLUDED, "new"),
        1: (Decision.DUPLICATE, "the same story as article 2"),
    }


def test_what_has_vanished_is_recorded() -> None:
    chosen = select(candidates(article(1)), max_articles=5, vanished=[article(2)])
    assert said(chosen)[2] == (Decision.VANISHED, "it is no longer on the site")
    assert shown(chosen) == [1]


# Rules.

SPORT = article(1, title="Regatta", categories=("Sport", "Harbour"), author="Ada Vale")
AD = article(2, title="[Ad] Ten anchors", categories=("Shop",), author="Ben Oak")


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        pytest.param(Rules(categories=("shop",)), 'category "shop"', id="category"),
        pytest.param(Rules(authors=("ben *",)), 'author "ben *"', id="author"),
        pytest.param(Rules(titles=("[ad] *",)), 'title "[ad] *"', id="title"),
        pytest.param(Rules(titles=("/^.ad. /",)), 'title "/^.ad. /"', id="expression"),
        pytest.param(Rules(authors=("Ada",), titles=("*anchors",)), 'title "*anchors"', id="one of two"),
    ],
)
def test_what_a_rule_excludes_is_filtered_and_the_rule_is_named(rules: Rules, reason: str) -> None:
    chosen = select(candidates(SPORT, AD), max_articles=5, exclude=rules)
    assert shown(chosen) == [1]
    assert said(chosen)[2] == (Decision.FILTERED, f"[newsletter.exclude] {reason}")


def test_what_no_rule_includes_is_filtered() -> None:
    chosen = select(candidates(SPORT, AD), max_articles=5, include=Rules(categories=("sp*t",)))
    assert shown(chosen) == [1]
    assert said(chosen)[2] == (Decision.FILTERED, "no rule of [newsletter.include] names it")


def test_to_exclude_counts_for_more_than_to_include() -> None:
    chosen = select(
        candidates(SPORT), max_articles=5, include=Rules(titles=("*",)), exclude=Rules(authors=("ada vale",))
    )
    assert said(chosen)[1] == (Decision.FILTERED, '[newsletter.exclude] author "ada vale"')


# Editors' marks.


def test_what_is_pinned_goes_in_before_what_was_carried_over_and_leads() -> None:
    carried = Candidate(article=article(9, published=hours(5)), carried=True)
    chosen = select(
        [carried, *candidates(article(1, published=hours(50)))], max_articles=1, marks={1: PINNED}
    )
    assert said(chosen)[1] == (Decision.INCLUDED, "pinned by an editor")
    assert said(chosen)[9][0] is Decision.CARRIED
    assert shown(select([carried, *candidates(article(1))], max_articles=5, marks={1: PINNED})) == [1, 9]


def test_more_pins_than_there_is_room_go_in_all_the_same() -> None:
    articles = [article(n, published=hours(n)) for n in (1, 2, 3, 4)]
    chosen = select(candidates(*articles), max_articles=2, marks=dict.fromkeys((2, 3, 4), PINNED))
    assert shown(chosen) == [2, 3, 4]


def test_a_pin_counts_for_more_than_a_rule_and_a_likeness() -> None:
    alike = known(article(7, title="Regatta"))
    chosen = select(
        candidates(SPORT),
        max_articles=5,
        known=[alike],
        exclude=Rules(categories=("Sport",)),
        marks={1: PINNED},
    )
    assert shown(chosen) == [1]


def test_one_story_that_is_pinned_twice_is_in_once() -> None:
    one, other = article(1, title="Tides"), article(2, title="Tides")
    chosen = select(candidates(one, other), max_articles=5, marks={1: PINNED, 2: PINNED})
    assert len(chosen.articles) == 1


def test_what_is_held_waits_for_a_later_issue() -> None:
    chosen = select(candidates(article(1), article(2)), max_articles=5, marks={1: HELD})
    assert said(chosen)[1] == (Decision.HELD_BACK, "an editor holds it back for a later issue")
    assert shown(chosen) == [2]


def test_a_held_story_does_not_come_in_by_another_feed() -> None:
    held = article(1, title="Tides")
    chosen = select(candidates(article(2, title="Tides")), max_articles=5, marks={1: HELD}, held=[held])
    reason = "the same story as article 1, which an editor holds back"
    assert said(chosen) == {2: (Decision.HELD_BACK, reason)}


def test_what_has_a_place_is_shown_there_and_the_others_follow() -> None:
    articles = [article(n, published=hours(n)) for n in (1, 2, 3, 4)]
    marks = {4: Mark(place=1), 3: Mark(place=2), 2: PINNED}
    assert shown(select(candidates(*articles), max_articles=9, marks=marks)) == [4, 3, 2, 1]


# Whatever comes.


@given(many_articles, st.sets(st.integers(1, 60)), st.integers(1, 8))
def test_every_candidate_is_decided_on_exactly_once(
    articles: list[LedgerArticle], carried: set[int], room: int
) -> None:
    chosen = select([Candidate(article=a, carried=a.id in carried) for a in articles], max_articles=room)
    assert sorted(d.article.id for d in chosen.decided) == sorted(a.id for a in articles)
    assert len(chosen.articles) <= room
    assert not any(a.protected for a in chosen.articles)
    assert list(chosen.articles) == sorted(
        chosen.articles, key=lambda a: (a.published_at, a.id), reverse=True
    )


@given(many_articles, st.integers(1, 8))
def test_no_issue_holds_one_story_twice_and_none_is_carried_while_there_is_room(
    articles: list[LedgerArticle], room: int
) -> None:
    chosen = select(candidates(*articles), max_articles=room)
    for number, one in enumerate(chosen.articles):
        assert not any(same_story(one, other) for other in chosen.articles[number + 1 :])
    if chosen.count(Decision.CARRIED):
        assert len(chosen.articles) == room


@given(many_articles, st.integers(1, 5))
def test_carried_articles_are_all_mailed_within_a_few_issues(
    articles: list[LedgerArticle], room: int
) -> None:
    waiting = candidates(*articles)
    mailed: list[LedgerArticle] = []
    for _ in range(len(articles) + 1):
        chosen = select(waiting, max_articles=room, known=map(known, mailed))
        mailed += chosen.articles
        waiting = [
            Candidate(article=d.article, carried=True)
            for d in chosen.decided
            if d.decision is Decision.CARRIED
        ]
    assert waiting == []


@given(many_articles, st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(1, 5))
def test_what_is_held_is_never_in_and_what_is_pinned_always_unless_its_story_is(
    articles: list[LedgerArticle], pins: set[int], holds: set[int], room: int
) -> None:
    marks = dict.fromkeys(pins, PINNED) | dict.fromkeys(holds, HELD)
    chosen = select(candidates(*articles), max_articles=room, marks=marks)
    included = set(shown(chosen))
    assert not included & holds
    for one in articles:
        if one.id in pins - holds - included and not one.protected:
            assert said(chosen)[one.id][0] is Decision.DUPLICATE
