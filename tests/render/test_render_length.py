"""No mail is so long that a client clips its end."""

import quopri
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_editions import EDITION, NONCE, article, long_edition, site_with

from digest.errors import RenderError
from digest.render import limits, render


def test_twelve_stories_with_everything_stay_under_60_kb() -> None:
    rendering = render(long_edition(12), nonce=NONCE)
    assert len(rendering.html.encode()) < 60_000
    assert rendering.shortened == 0


@pytest.mark.parametrize(
    "letters",
    ["harbour dredging herring ", "гавань и сельдь ", "港口 疏浚 "],
    ids=["latin", "cyrillic", "han"],
)
def test_a_long_issue_is_cut_from_its_end_until_it_fits(letters: str) -> None:
    edition = long_edition(170, letters=letters)
    rendering = render(edition, nonce=NONCE)
    octets = rendering.html.encode()
    assert len(octets) <= limits.LIMIT
    assert len(quopri.encodestring(octets)) <= limits.ENCODED_LIMIT * 1.02
    assert 0 < rendering.shortened < 170
    assert rendering.html.count("Read on the site") == 1
    # Every headline is still there, and still a link.
    assert all(f"/2026/11/{number}/" in rendering.html for number in range(1, 171))


def test_no_more_is_cut_than_needed(tmp_path: Path) -> None:
    site = site_with(
        tmp_path,
        digest_html_j2="{{ reader.unsubscribe_url }}"
        "{% for article in stories %}<p>{{ 'x' * 20000 }}</p>{% endfor %}",
    )
    stories = tuple(article(number, f"Story {number}", excerpt="Text.") for number in range(1, 8))
    rendering = render(replace(EDITION, articles=stories, site_templates=site), nonce=NONCE)
    assert rendering.shortened == 2
    assert rendering.html.count("<p>x") == 4


def test_a_template_that_is_too_long_by_itself_is_a_mistake(tmp_path: Path) -> None:
    site = site_with(tmp_path, digest_html_j2="{{ reader.unsubscribe_url }}{{ 'x' * 95000 }}")
    with pytest.raises(
        RenderError, match=r"digest.html.j2: the HTML has 95,\d+ octets .* lower max_articles"
    ):
        render(replace(EDITION, site_templates=site), nonce=NONCE)


@settings(deadline=None)
@given(st.text())
def test_the_estimate_of_quoted_printable_is_not_too_low(text: str) -> None:
    octets = text.replace("\r", "").encode("utf-8", "ignore")
    # Python's encoder also hides blanks at a line's end, of which a page has none.
    stripped = b"\n".join(line.rstrip(b" \t") for line in octets.split(b"\n"))
    control = sum(octet < 32 and octet not in b"\n\t" for octet in stripped) * 3
    assert limits.encoded_length(stripped) + control + 3 >= len(quopri.encodestring(stripped))
