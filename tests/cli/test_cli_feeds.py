"""`digest feeds`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_site import Site
from sqlmodel import select

from digest.store.tables import FeedRow

NOBODY = ('feeds = ["sample:"]', 'feeds = ["http://127.0.0.1:1/feed"]')


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def age(site: Site, **columns: object) -> None:
    """Change what the ledger knows of the one feed."""
    with site.write() as session:
        row = session.exec(select(FeedRow)).one()
        row.sqlmodel_update(columns)
        session.add(row)


def test_a_feed_that_was_never_asked_says_what_asks_it(site: Site) -> None:
    said = site.begin().digest("feeds", "--check")
    assert said.code == 0
    assert "not asked yet" in said.out
    assert "digest collect" in said.out


def test_it_tells_the_last_fetch_the_newest_article_and_the_rhythm(site: Site) -> None:
    site.begin().digest("collect")
    said = site.digest("feeds", "--check")
    assert said.code == 0
    lines = {line.split("  ")[1]: line for line in said.out.splitlines() if line.startswith("  ")}
    assert lines["State"].endswith("good")
    assert "about every" in lines["Rhythm"]
    assert "Failures" not in said.out
    [told] = json.loads(site.digest("feeds", "--json").out)
    assert told["feed"] == "sample:"
    assert told["state"] == "good"
    assert told["failures"] == 0
    assert told["newest_title"] in lines["Newest article"]
    assert told["rhythm_seconds"] > 0


def test_a_feed_that_fails_says_how_often_why_and_what_to_do(site: Site) -> None:
    site.begin(NOBODY)
    for _ in range(2):
        site.digest("collect")
    said = site.digest("feeds")
    assert said.code == 0
    assert "2, the last" in said.out
    assert "see whether the site is up" in said.out
    assert site.digest("feeds", "--check").code == 1
    [told] = json.loads(site.digest("feeds", "--json", "--check").out)
    assert (told["state"], told["failures"], told["good_at"]) == ("down", 2, None)


def test_what_has_moved_gone_or_been_missed_is_said(site: Site) -> None:
    site.begin().digest("collect")
    age(site, moved_to="https://new.example/feed/", moved_times=3, gap="Articles of Monday are missing.")
    said = site.digest("feeds", "--check")
    assert said.code == 0
    assert "Articles of Monday are missing. It is read from https://new.example/feed/" in said.out
    age(site, gone=True, failures=1, next_try_at=datetime.now(UTC) + timedelta(days=1))
    said = site.digest("feeds", "--check")
    assert said.code == 1
    assert "take it out" in said.out


def test_what_was_wrong_as_it_was_last_read_is_said_until_it_is_read_whole(site: Site) -> None:
    site.begin().digest("collect")
    age(site, complaints="2 of 9 items are left out.")
    said = site.digest("feeds", "--check")
    assert (said.code, "2 of 9 items are left out." in said.out) == (0, True)
    site.digest("collect")
    [told] = json.loads(site.digest("feeds", "--json").out)
    assert (told["complaints"], told["todo"]) == ("", "")


def test_a_password_in_an_address_is_not_shown(site: Site) -> None:
    site.begin(("sample:", "http://me:secret@127.0.0.1:1/feed"))
    site.digest("collect")
    for arguments in (["feeds"], ["feeds", "--json"]):
        assert "secret" not in site.digest(*arguments).out
