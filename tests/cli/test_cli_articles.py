"""`digest articles`: what became of each, and what an editor says of them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_site import Site

from digest.model import Article, IssueState, Slot
from digest.store import articles, issues

FEED = "http://127.0.0.1:1/feed"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
SLOT = Slot(name="2030-01-07T07:00", instant=datetime(2030, 1, 7, 12, tzinfo=UTC))
WEEKLY = ("[mail]", '[[newsletter]]\nname = "weekly"\nschedule = "0 9 * * 1"\n[mail]')


def shown(slug: str, hours: float) -> Article:
    link = f"https://ledger.example/{slug}/"
    return Article(guid=slug, link=link, title=slug.capitalize(), published_at=NOW - hours * HOUR)


def read(site: Site, *listed: Article, at: datetime = NOW) -> None:
    with site.write() as session:
        feed = articles.feed(session, FEED)
        articles.note_fetch(session, feed.id, at)
        articles.upsert(session, feed.id, listed, at)
        articles.see_newsletter(session, "daily", "0 7 * * *", "UTC", at - 30 * 24 * HOUR)
        articles.judge_new(session, "daily", [FEED], timedelta(days=7), at)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three articles wait: tides (1), ferry (2) and mayor (3)."""
    made = Site(tmp_path).begin(('feeds = ["sample:"]', f'feeds = ["{FEED}"]'))
    read(made, shown("tides", 1), shown("ferry", 2), shown("mayor", 3), at=NOW - HOUR)
    return made


def drafted(site: Site) -> Any:
    """Begin the next issue, which every mark then drafts anew."""
    with site.write() as session:
        return issues.open_draft(session, "daily", SLOT, NOW)


def holds(site: Site) -> list[str]:
    with site.write() as session:
        return [row.guid for row, link in issues.decisions(session, 1) if link.decision.value == "included"]


def asked(site: Site) -> None:
    """Let the feed show five stories that nobody knows, none of them the newest."""
    read(site, *(shown(f"old-{number}", 5 + number) for number in range(5)))


def standing(site: Site) -> dict[str, str]:
    told = json.loads(site.digest("articles", "list", "--json").out)
    return {one["title"]: one["standing"].get("daily", "") for one in told}


def test_a_mark_is_told_by_list_and_why(site: Site) -> None:
    assert site.digest("articles", "pin", "2").code == 0
    told = {one["id"]: one["marks"] for one in json.loads(site.digest("articles", "list", "--json").out)}
    assert (told[2]["daily"]["pinned"], told[1]) == (True, {})
    assert "waiting, pinned" in site.digest("articles", "list").out
    why = json.loads(site.digest("articles", "why", "2", "--json").out)
    assert (why["verdicts"], why["marks"]["daily"]["pinned"]) == ({"daily": "eligible"}, True)
    assert "pinned by " in site.digest("articles", "why", "2").out


def test_marks_change_the_draft_at_once(site: Site) -> None:
    drafted(site)
    site.digest("articles", "pin", "2")
    assert holds(site) == ["ferry", "tides", "mayor"]
    site.digest("articles", "hold", "1")
    assert holds(site) == ["ferry", "mayor"]
    site.digest("articles", "release", "1", "2")
    assert holds(site) == ["tides", "ferry", "mayor"]
    said = site.digest("articles", "order", "3", "1")
    assert said.out.splitlines() == ["1. Mayor", "2. Tides"]
    assert holds(site) == ["mayor", "tides", "ferry"]


def test_a_mark_takes_an_approval_back_and_says_so(site: Site) -> None:
    drafted(site)
    site.digest("articles", "pin", "2")
    assert site.digest("issues", "approve").code == 0
    assert "is a draft again" in site.digest("articles", "hold", "1").out
    assert "is a draft again" not in site.digest("articles", "hold", "1").out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("pin", "99"), "There is no article 99"),
        (("order", "1", "1"), "name each once"),
        (("hold", "1", "--newsletter", "weekly"), "no newsletter"),
        (("accept", "1", "--all"), "Not in question for daily: 1"),
        (("accept",), "0 articles are in question"),
        (("accept", "--all", "--none"), "0 articles are in question"),
    ],
)
def test_what_cannot_be_marked_is_misuse_and_changes_nothing(
    site: Site, args: tuple[str, ...], said: str
) -> None:
    result = site.digest("articles", *args)
    assert (result.code, said in result.err) == (2, True)
    assert all(phrase == "waiting" for phrase in standing(site).values())


def test_what_was_mailed_cannot_be_marked(site: Site) -> None:
    issue = drafted(site)
    site.digest("articles", "hold", "1")
    with site.write() as session:
        issues.move(session, issue, IssueState.SENT, NOW, allowed=issues.UNFROZEN, reached=True)
    result = site.digest("articles", "pin", "2")
    assert (result.code, "mailed in 2030-01-07T07:00" in result.err) == (2, True)
    assert site.digest("articles", "pin", "1").code == 0


def test_a_newsletter_that_takes_nothing_from_a_feed_has_no_marks_there(tmp_path: Path) -> None:
    made = Site(tmp_path).begin(('feeds = ["sample:"]', f'feeds = ["{FEED}"]'), WEEKLY)
    read(made, shown("tides", 1))
    assert "name one with --newsletter" in made.digest("articles", "pin", "1").err
    assert "weekly takes nothing" in made.digest("articles", "pin", "1", "--newsletter", "weekly").err
    assert made.digest("articles", "pin", "1", "--newsletter", "daily").code == 0


@pytest.mark.parametrize(("answer", "phrase"), [("--all", "waiting"), ("--none", "declined")])
def test_an_answer_lifts_the_hold_at_once(site: Site, answer: str, phrase: str) -> None:
    drafted(site)
    asked(site)
    site.digest("articles", "pin", "1")
    shown_now = site.digest("issues", "show")
    assert "is held: 5 articles look like a re-imported archive" in shown_now.out
    assert "digest articles accept --all" in shown_now.out
    listed = site.digest("articles", "accept")
    assert (listed.code, listed.out.count("Old-")) == (2, 5)
    said = site.digest("articles", "accept", answer)
    assert "5 articles will" in said.out
    assert "is draft again" in said.out
    assert {standing(site)[f"Old-{number}"] for number in range(5)} <= {phrase, f"in {SLOT.name} (draft)"}


def test_single_articles_can_be_answered_for(site: Site) -> None:
    drafted(site)
    asked(site)
    site.digest("articles", "pin", "1")
    assert "1 article will be mailed" in site.digest("articles", "accept", "--all", "4").out
    assert "is held" in site.digest("issues", "show").out
    assert "4 articles will never be mailed" in site.digest("articles", "accept", "--none").out
    assert "No article is in question." in site.digest("articles", "accept", "--none").out


def test_a_pin_answers_for_its_article(site: Site) -> None:
    asked(site)
    site.digest("articles", "pin", "5")
    assert "Old-1" not in site.digest("articles", "accept").out


def test_the_same_story_is_named(site: Site) -> None:
    copy = Article(guid="copy", link="https://other.example/tides/", title="Tides", published_at=NOW - HOUR)
    read(site, copy, shown("ferry", 2), shown("mayor", 3))
    why = json.loads(site.digest("articles", "why", "4", "--json").out)
    assert why["same_story"] == [1]
    assert "the same story as article 1" in site.digest("articles", "why", "4").out
