"""Which articles make an issue."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.issue import Candidate, judge, same_story, select, vanished
from digest.model import Decision, LedgerArticle, Verdict

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


def article(
    number: int,
    *,
    title: str = "",
    link: str = "",
    published: datetime = NOW,
    seen: datetime = NOW,
    protected: bool = False,
) -> LedgerArticle:
    return LedgerArticle(
        id=number,
        feed_url="https://ledger.example/feed/",
        first_seen_at=seen,
        guid=f"guid-{number}",
        link=link or f"https://ledger.example/{number}/",
        title=title or f"Story {number}",
        published_at=published,
        protected=protected,
    )


def hours(count: float) -> datetime:
    return NOW - timedelta(hours=count)


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


def test_a_moved_site_keeps_its_stories() -> None:
    here = article(1, title="Tides", link="https://old.example/2026/tides/")
    there = article(2, title="The tides", link="https://new.example/2026/tides")
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
    twin = article(2, title="Weather", published=NOW + timedelta(minutes=9))
    next_day = article(3, title="Weather", published=NOW + timedelta(days=1))
    assert same_story(first, twin)
    assert not same_story(first, next_day)


def test_two_untitled_notes_within_minutes_are_two_stories() -> None:
    notes = [
        LedgerArticle(
            id=number,
            feed_url="https://ledger.example/feed/",
            first_seen_at=NOW,
            guid=str(number),
            link=f"https://ledger.example/notes/{number}/",
            title="",
            published_at=NOW,
        )
        for number in (1, 2)
    ]
    assert not same_story(*notes)


def test_the_newest_win_and_are_shown_newest_first() -> None:
    chosen = select([Candidate(article=article(n, published=hours(n))) for n in (3, 1, 4, 2)], max_articles=2)
    assert [a.id for a in chosen.articles] == [1, 2]
    assert chosen.count(Decision.CARRIED) == 2


def test_what_was_carried_over_goes_before_what_is_new() -> None:
    carried = Candidate(article=article(9, published=hours(50)), carried=True)
    new = [Candidate(article=article(n, published=hours(n))) for n in (1, 2)]
    chosen = select([*new, carried], max_articles=2)
    assert [a.id for a in chosen.articles] == [1, 9]
    assert {d.article.id: d.reason for d in chosen.decided}[9] == "carried over from the last issue"


def test_a_protected_article_is_left_out_and_says_why() -> None:
    chosen = select([Candidate(article=article(1, protected=True))], max_articles=5)
    assert chosen.articles == ()
    assert [(d.decision, d.reason) for d in chosen.decided] == [
        (Decision.PROTECTED, "it is behind a password")
    ]


def test_a_story_that_was_mailed_before_under_another_guid_is_a_duplicate() -> None:
    mailed = article(1, link="https://old.example/tides/")
    again = article(2, link="https://new.example/tides/")
    chosen = select([Candidate(article=again)], max_articles=5, mailed=[mailed])
    assert [(d.decision, d.reason) for d in chosen.decided] == [
        (Decision.DUPLICATE, "the same story as article 1")
    ]


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


_moments = st.integers(0, 400).map(hours)
_articles = st.lists(
    st.builds(
        lambda number, published, title, slug, protected: article(
            number,
            published=published,
            title=title,
            link=f"https://ledger.example/{slug}",
            protected=protected,
        ),
        number=st.integers(1, 60),
        published=_moments,
        title=st.sampled_from(["Tides", "Harbour", "Weather", "Fish"]),
        slug=st.sampled_from([f"s{n}/" for n in range(30)]),
        protected=st.booleans(),
    ),
    unique_by=lambda a: a.id,
    max_size=30,
)


@given(_articles, st.sets(st.integers(1, 60)), st.integers(1, 8))
def test_every_candidate_is_decided_on_exactly_once(
    articles: list[LedgerArticle], carried: set[int], room: int
) -> None:
    candidates = [Candidate(article=a, carried=a.id in carried) for a in articles]
    chosen = select(candidates, max_articles=room)
    assert sorted(d.article.id for d in chosen.decided) == sorted(a.id for a in articles)
    assert len(chosen.articles) <= room
    assert not any(a.protected for a in chosen.articles)
    assert list(chosen.articles) == sorted(
        chosen.articles, key=lambda a: (a.published_at, a.id), reverse=True
    )


@given(_articles, st.integers(1, 8))
def test_no_issue_holds_one_story_twice_and_none_is_carried_while_there_is_room(
    articles: list[LedgerArticle], room: int
) -> None:
    chosen = select([Candidate(article=a) for a in articles], max_articles=room)
    for number, one in enumerate(chosen.articles):
        assert not any(same_story(one, other) for other in chosen.articles[number + 1 :])
    if chosen.count(Decision.CARRIED):
        assert len(chosen.articles) == room


@given(_articles, st.integers(1, 5))
def test_carried_articles_are_all_mailed_within_a_few_issues(
    articles: list[LedgerArticle], room: int
) -> None:
    waiting = {a.id: Candidate(article=a) for a in articles}
    mailed: list[LedgerArticle] = []
    for _ in range(len(articles) + 1):
        chosen = select(waiting.values(), max_articles=room, mailed=mailed)
        mailed += chosen.articles
        waiting = {
            d.article.id: Candidate(article=d.article, carried=True)
            for d in chosen.decided
            if d.decision is Decision.CARRIED
        }
    assert waiting == {}


@given(_articles, _moments)
def test_judging_is_once_and_for_all_by_dates_alone(articles: list[LedgerArticle], anchor: datetime) -> None:
    for one in articles:
        verdict = judge(one, anchor=anchor, max_age=WEEK)
        fresh = one.published_at >= anchor - timedelta(days=1)
        young = one.published_at >= one.first_seen_at - WEEK
        assert verdict is Verdict.ELIGIBLE or not (fresh and young)


@given(_articles, st.integers(0, 30))
def test_a_feed_of_the_newest_few_never_loses_what_fell_off(
    articles: list[LedgerArticle], length: int
) -> None:
    newest = sorted(articles, key=lambda a: a.published_at, reverse=True)
    listed = [(a.guid, a.published_at) for a in newest[:length]]
    assert vanished(articles, listed) == ()


@given(_articles, st.data())
def test_one_trashed_article_is_noticed_while_an_older_one_is_listed(
    articles: list[LedgerArticle], data: st.DataObject
) -> None:
    newest = sorted(articles, key=lambda a: a.published_at, reverse=True)
    if not newest:
        return
    trashed = data.draw(st.sampled_from(newest))
    listed = [(a.guid, a.published_at) for a in newest if a is not trashed]
    older = any(published < trashed.published_at for _, published in listed)
    assert vanished(articles, listed) == ((trashed.id,) if older else ())
