import json
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest
from cli_site import RENDERING, SLOT, Site
from feed_site import FeedSite, Story, feed_site

NOBODY = ('feeds = ["sample:"]', 'feeds = ["http://127.0.0.1:1/feed"]')


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_collect_tells_what_is_new_and_then_that_nothing_is(site: Site) -> None:
    site.begin()
    first, second = site.digest("collect", "--json"), site.digest("collect", "--json")
    assert [first.code, second.code] == [0, 0]
    assert len(json.loads(first.out)[0]["new"]) == 17
    assert json.loads(second.out)[0]["new"] == []


def test_collect_tells_of_each_article_where_it_stands_and_why_it_is_left_out(site: Site) -> None:
    site.begin()
    [feed] = json.loads(site.digest("collect", "--json").out)
    assert (feed["feed"], feed["error"], feed["gap"], feed["pages"]) == ("sample:", "", "", 1)
    waiting = [each for each in feed["new"] if each["standing"] == {"daily": "waiting"}]
    left_out = {each["id"] for each in feed["left_out"]}
    assert {each["id"] for each in feed["new"]} == {each["id"] for each in waiting} | left_out
    assert left_out
    assert {each["newsletter"] for each in feed["left_out"]} == {"daily"}
    assert "baseline" in {each["why"] for each in feed["left_out"]}
    assert set(waiting[0]) == {"id", "title", "link", "published_at", "standing"}


def test_collect_shows_a_table_and_what_was_left_out(site: Site) -> None:
    said = site.begin().digest("collect")
    assert said.out.splitlines()[0].split() == ["feed", "new", "changed", "vanished", "complaints"]
    assert "17 new articles" in said.out
    assert re.search(r"^Left out of daily: \d+ baseline\b.*\.$", said.out, re.MULTILINE)


@pytest.fixture
def press() -> Iterator[FeedSite]:
    with feed_site() as found:
        now = datetime.now(UTC)
        found.stories.extend(
            Story(slug=f"story-{number}", published_at=now - timedelta(minutes=number + 30))
            for number in range(4)
        )
        found.per_page, found.paged = 4, "wordpress"
        yield found


def test_collect_tells_what_changed_and_what_vanished(site: Site, press: FeedSite) -> None:
    site.begin(('feeds = ["sample:"]', f'feeds = ["{press.feed_url}"]')).digest("collect")
    press.stories[0].title = "The harbour master has left"
    del press.stories[1]
    [feed] = json.loads(site.digest("collect", "--json").out)
    [changed], [vanished] = feed["changed"], feed["vanished"]
    assert (changed["title"], changed["fields"]) == ("The harbour master has left", ["title"])
    assert vanished["link"] == f"{press.base}/story-1"
    press.stories[0].title, press.stories[0].text = "", "She is back."
    said = site.digest("collect").out
    assert "changed: Story 0 (title, excerpt)" in said


def test_collect_tells_of_a_gap_and_of_the_pages_that_were_read(site: Site, press: FeedSite) -> None:
    site.begin(('feeds = ["sample:"]', f'feeds = ["{press.feed_url}"]')).digest("collect")
    now = datetime.now(UTC)
    press.stories.extend(
        Story(slug=f"news-{number}", published_at=now - timedelta(minutes=number)) for number in range(9)
    )
    press.down("/feed?paged=3")
    said = site.digest("collect")
    assert said.code == 0
    assert f"{press.feed_url} (2 pages)" in said.out
    assert "may be missing" in said.err
    press.up("/feed?paged=3")
    [feed] = json.loads(site.digest("collect", "--json").out)
    assert (feed["gap"], feed["pages"], len(feed["new"])) == ("", 3, 1)


def test_a_feed_that_fails_is_exit_1_and_a_sentence(site: Site) -> None:
    said = site.begin(NOBODY).digest("collect")
    assert said.code == 1
    assert said.err.startswith("digest: http://127.0.0.1:1/feed could not be collected: ")
    assert said.err.count("\n") == 1


def test_preview_works_with_nothing_but_config_and_leaves_nothing_behind(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    said = site.digest("preview")
    assert said.code == 0
    assert "<html" in said.out
    assert [path.name for path in site.folder.iterdir()] == ["config.toml"]
    assert list(elsewhere.iterdir()) == []


def test_the_sample_sites_pictures_are_in_the_page(site: Site) -> None:
    site.configure()
    page = site.digest("preview", "--output", "-").out
    assert 'src="data:image/jpeg;base64,' in page
    assert "https://ledger.example/wp-content/uploads/" not in page


def test_preview_tells_the_slot_the_subject_and_what_is_in(site: Site) -> None:
    site.configure()
    said = site.digest("preview", "--format", "text")
    first, second = said.err.splitlines()
    assert first.startswith("daily 20")
    assert first.endswith(": The evening ferry left nineteen minutes late, and 212 people are glad it did")
    assert second == "7 articles."
    assert said.out.startswith("THE HARBOUR LEDGER\n")


def test_an_eml_is_the_whole_message_with_inert_links(site: Site) -> None:
    site.begin()
    message = message_from_string(site.digest("preview", "--format", "eml").out, policy=policy.default)
    assert message["To"] == "editor@ledger.example"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message["List-Unsubscribe"].split("<")[1].split(">")[0]
    assert "a test or a rehearsal" in site.digest("subscribers", "show", link).err


def test_preview_writes_a_file(site: Site) -> None:
    site.configure()
    said = site.digest("preview", "--output", str(site.folder / "page.html"))
    assert (said.code, said.out) == (0, "")
    assert "<html" in (site.folder / "page.html").read_text()


def test_a_file_that_cannot_be_written_is_misuse(site: Site) -> None:
    site.configure()
    said = site.digest("preview", "--output", str(site.folder / "nowhere" / "page.html"))
    assert said.code == 2
    assert "cannot be written: No such file or directory" in said.err


def test_a_feed_that_fails_is_told_and_what_is_known_is_shown(site: Site) -> None:
    site.begin().digest("collect")
    site.configure(('"sample:"]', '"sample:", "http://127.0.0.1:1/feed"]'))
    said = site.digest("preview", "--format", "text")
    assert said.code == 0
    assert "http://127.0.0.1:1/feed could not be collected" in said.err
    assert "ferry" in said.out


def test_without_any_article_there_is_no_page(site: Site) -> None:
    site.configure(NOBODY)
    said = site.digest("preview")
    assert said.code == 1
    assert "The feeds have shown no article yet" in said.err


def test_with_nothing_new_a_sample_is_shown(site: Site) -> None:
    site.begin(('max_age = "7d"', 'max_age = "1s"'))
    said = site.digest("preview", "--format", "text")
    assert said.code == 0
    assert "Nothing is new" in said.err


def test_too_few_articles_are_shown_with_a_word(site: Site) -> None:
    site.configure(("min_articles = 1 ", "min_articles = 9 "))
    assert "the issue would be skipped" in site.digest("preview").err


def test_an_approved_issue_is_shown_as_it_will_be_sent(site: Site) -> None:
    site.begin()
    site.draft()
    site.digest("issues", "approve", SLOT)
    said = site.digest("preview", "--slot", SLOT, "--format", "text")
    assert said.out == RENDERING.text
    assert "It is approved" in said.err


def test_an_unknown_slot_is_misuse(site: Site) -> None:
    site.configure()
    said = site.digest("preview", "--slot", "2026-11-24T06:00")
    assert said.code == 2
    assert "that day has 2026-11-24T07:00" in said.err


def test_an_unknown_newsletter_is_misuse(site: Site) -> None:
    site.configure()
    assert site.digest("preview", "--newsletter", "weekly").code == 2
