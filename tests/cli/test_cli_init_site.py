"""`digest init --site`: a config.toml that knows the site."""

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest
from cli_site import Site
from feed_site import Answer, FeedSite, Story, feed_site
from hypothesis import given
from hypothesis import strategies as st

from digest.cli.sitefile import POSTAL_ADDRESS, filled, with_values
from digest.config import load, template_text
from digest.feed.site import Told, of_page
from digest.feed.survey import Survey

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FIELDS = "/wp-json/?_fields=name,timezone_string,gmt_offset,site_icon_url"
ICON = "https://cdn.ledger.example/icon-512.png"
NASTY = 'The "Ledger" \\ [x] # = \' , <Quay> é 🚢'


@pytest.fixture
def web() -> Iterator[FeedSite]:
    """A WordPress: its page, its feed, its interface."""
    with feed_site() as made:
        made.feeds["/feed/"] = [Story(slug="ferry", published_at=NOW)]
        home(made)
        index = {"name": "Ledger", "timezone_string": "America/New_York", "site_icon_url": ICON}
        made.answers[FIELDS] = Answer(body=json.dumps(index).encode())
        yield made


def home(
    web: FeedSite, name: str = "The Harbour Ledger", *, lang: str = "en-US", wordpress: bool = True
) -> None:
    """Write the site's page."""
    head = f'<meta property="og:site_name" content="{escape(name)}">' if name else ""
    if wordpress:
        head += '<link rel="https://api.w.org/" href="/wp-json/">'
    page = f"<!DOCTYPE html><html lang='{lang}'><head>{head}</head><body>News</body></html>"
    web.answers["/"] = web.answers[""] = Answer(body=page.encode())


def settings(folder: Path) -> dict[str, dict[str, object]]:
    """Read the file that was written, as the program does and plainly."""
    load(folder / "config.toml", {})
    found: dict[str, dict[str, object]] = tomllib.loads((folder / "config.toml").read_text())
    return found


def test_init_for_a_site_finds_its_feed_name_language_zone_and_logo(tmp_path: Path, web: FeedSite) -> None:
    said = Site(tmp_path).digest("init", "--site", f"{web.base}/")
    assert said.code == 0
    found = settings(tmp_path)
    known = {
        "name": "The Harbour Ledger",
        "url": web.base,
        "feeds": [f"{web.base}/feed/"],
        "timezone": "America/New_York",
        "language": "en-US",
    }
    assert found["site"] | known == found["site"]
    assert found["theme"]["logo"] == ICON
    for value in ("The Harbour Ledger", f"{web.base}/feed/", "America/New_York", "en-US", ICON):
        assert value in said.out


def test_what_nobody_can_know_is_said_to_be_left_to_fill_in(tmp_path: Path, web: FeedSite) -> None:
    said = Site(tmp_path).digest("init", "--site", web.base)
    assert "To fill in, in " in said.out
    assert [key in said.out for key in ("site.postal_address", "site.contact", "mail.from")] == [True] * 3
    assert settings(tmp_path)["site"]["postal_address"] == POSTAL_ADDRESS


def test_the_feeds_own_address_will_do(tmp_path: Path, web: FeedSite) -> None:
    assert Site(tmp_path).digest("init", "--site", f"{web.base}/feed/").code == 0
    found = settings(tmp_path)
    assert (found["site"]["url"], found["site"]["name"]) == (web.base, "The Harbour Ledger")
    assert found["site"]["timezone"] == "America/New_York"


def test_a_site_that_says_little_gets_defaults_and_is_told_so(tmp_path: Path, web: FeedSite) -> None:
    home(web, "", lang="", wordpress=False)
    said = Site(tmp_path).digest("init", "--site", web.base)
    found = settings(tmp_path)
    assert (found["site"]["name"], found["site"]["timezone"]) == ("The Harbour Ledger", "UTC")
    assert (found["site"]["language"], found["theme"]["logo"]) == ("en", "")
    assert "the site does not say its zone: UTC stands there" in said.out
    assert "the site does not say its language: en stands there" in said.out


def test_whatever_the_sites_name_holds_the_file_is_valid(tmp_path: Path, web: FeedSite) -> None:
    home(web, NASTY)
    assert Site(tmp_path).digest("init", "--site", web.base).code == 0
    assert settings(tmp_path)["site"]["name"] == NASTY
    assert load(tmp_path / "config.toml", {}).mail.sender.name == NASTY


def test_the_site_can_be_previewed_at_once(tmp_path: Path, web: FeedSite) -> None:
    site = Site(tmp_path)
    assert site.digest("init", "--site", web.base).code == 0
    assert site.digest("config", "check").code == 0
    assert site.digest("collect").code == 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(status=500), "answers 500"),
        (Answer(status=403), "allow the user agent"),
        (Answer(body=b"<html>No feed here</html>"), "names no feed"),
        (Answer(body=b""), "nothing in it"),
    ],
)
def test_a_site_that_has_no_feed_for_us_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, web: FeedSite, answer: Answer, says: str
) -> None:
    web.answers["/"] = web.answers[""] = answer
    web.feeds.clear()
    folder = tmp_path / "news"
    said = Site(tmp_path).digest("init", str(folder), "--site", web.base)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert says in said.err
    assert not folder.exists()


def test_a_site_that_cannot_be_reached_is_one_sentence_and_nothing_is_written(tmp_path: Path) -> None:
    said = Site(tmp_path).digest("init", "--site", "http://127.0.0.1:1")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "cannot be reached" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["ftp://ledger.example", "https://", "the ledger", "https://[bad"])
def test_an_address_that_is_none_is_misuse(tmp_path: Path, address: str) -> None:
    said = Site(tmp_path).digest("init", "--site", address)
    assert said.code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_exists_is_kept_and_the_site_is_not_asked(tmp_path: Path, web: FeedSite) -> None:
    site = Site(tmp_path).begin()
    before = (tmp_path / "config.toml").read_bytes()
    said = site.digest("init", "--site", web.base)
    assert said.code == 2
    assert "exists and is left as it is" in said.err
    assert (tmp_path / "config.toml").read_bytes() == before
    assert web.asked == []


def told(url: str = "https://www.ledger.example/blog", name: str = "Ledger") -> Survey:
    return Survey(url=url, feed=f"{url}/feed/", told=Told(name=name))


def test_mail_comes_from_the_sites_domain() -> None:
    assert filled(told()).values["mail", "from"] == "Ledger <news@ledger.example>"
    assert filled(told("http://xn--mnchen-3ya.example")).values["site", "contact"] == (
        "editor@xn--mnchen-3ya.example"
    )
    assert filled(told("http://127.0.0.1:8080")).values["mail", "from"] == "Ledger <news@ledger.example>"


def test_a_site_without_a_name_goes_by_its_host() -> None:
    assert filled(told(name="")).values["site", "name"] == "www.ledger.example"


def test_every_comment_of_the_template_stays() -> None:
    before, after = template_text(), with_values(template_text(), filled(told()).values)
    assert [line.partition("# ")[2] for line in after.split("\n")] == [
        line.partition("# ")[2] for line in before.split("\n")
    ]
    assert with_values(before, {}) == before


@given(st.text(max_size=60))
def test_any_name_makes_a_valid_file(name: str) -> None:
    page = f'<meta property="og:site_name" content="{escape(name)}">'.encode("utf-8", "replace")
    survey = Survey(url="https://ledger.example", feed="https://ledger.example/feed/", told=of_page(page, ""))
    values = filled(survey).values
    text = with_values(template_text(), values)
    tables = tomllib.loads(text)
    assert tables["site"]["name"] == values["site", "name"]
    assert tables["mail"]["from"] == values["mail", "from"]
    assert tables["newsletter"][0]["title"] == ""
