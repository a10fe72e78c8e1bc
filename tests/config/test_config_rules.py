"""The rules of a newsletter: what may stand in them, and what they name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.config import load
from digest.config.rules import Rules
from digest.errors import ConfigError

HEAD = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["https://ledger.example/feed/"]
timezone = "America/New_York"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
[mail]
from = "The Harbour Ledger <news@ledger.example>"
[[newsletter]]
name = "daily"
schedule = "0 7 * * *"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text), environ)
    return str(caught.value).splitlines()


def names(rules: Rules, title: str, *categories: str, author: str = "") -> bool:
    return bool(rules.match(categories=categories, author=author, title=title))


def test_each_newsletter_has_rules_of_its_own(tmp_path: Path) -> None:
    text = '[newsletter.include]\ncategories = ["Sport"]\n[newsletter.exclude]\ntitles = ["Ad: *"]\n'
    text += '[[newsletter]]\nname = "weekly"\nschedule = "0 9 * * 1"\n'
    daily, weekly = load(written(tmp_path, text), {}).newsletter
    assert (daily.include.categories, daily.exclude.titles) == (("Sport",), ("Ad: *",))
    assert not weekly.include.says_anything


def test_rules_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {"DIGEST_NEWSLETTER__0__EXCLUDE__CATEGORIES": "Shop, Obituaries"}
    [daily] = load(written(tmp_path, ""), environ).newsletter
    assert daily.exclude.categories == ("Shop", "Obituaries")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[newsletter.exclude]\ntitles = ["/[ad/"]',
            "14: newsletter[0].exclude.titles[0]: is no regular expression: unterminated character set",
        ),
        ('[newsletter.exclude]\ntitles = [" "]', "14: newsletter[0].exclude.titles[0]: must not be empty"),
        ('[newsletter.exclude]\ntitles = "Ad"', "14: newsletter[0].exclude.titles: must be a list"),
        (
            '[newsletter.include]\ncategory = ["Sport"]',
            "14: newsletter[0].include.category: unknown key",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_line_and_key(text: str, expected: str, tmp_path: Path) -> None:
    [told] = mistakes(tmp_path, text)
    assert told.startswith(f"config.toml:{expected}")


def test_stars_and_question_marks_stand_for_others_and_brackets_for_themselves() -> None:
    assert names(Rules(titles=("[ad] t?n*",)), "[Ad] Ten\nanchors")
    assert not names(Rules(titles=("[ad]",)), "a")
    assert not names(Rules(titles=("Ad",)), "Advent")


def test_a_regular_expression_finds_its_place_anywhere() -> None:
    assert names(Rules(titles=(r"/\bweather\b/",)), "The Weather today")
    assert not names(Rules(titles=("/^weather/",)), "The weather")
    assert names(Rules(titles=("/",)), "/")


@given(st.text(min_size=1).filter(str.strip))
def test_plain_text_names_itself(text: str) -> None:
    if len(text) > 2 and text[0] == text[-1] == "/":
        return
    assert names(Rules(categories=(text,)), "", text)
