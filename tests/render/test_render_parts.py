"""The small pure pieces: words, layout, links, colours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_editions import EDITION, STORIES, article, picture

from digest.errors import RenderError
from digest.model import Picture
from digest.render import palette, urls, words
from digest.render.layout import STORIES as MOST
from digest.render.layout import Box, fit, lay_out

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("count", "phrase"), [(None, ""), (0, ""), (-1, ""), (1, "1 comment"), (25, "25 comments")]
)
def test_comments_are_counted_where_there_are_some(count: int | None, phrase: str) -> None:
    assert words.comments(count) == phrase


@pytest.mark.parametrize(
    ("total", "phrase"),
    [
        (1, "a one-minute read"),
        (6 * 230, "a six-minute read"),
        (8 * 230, "an eight-minute read"),
        (11 * 230, "an eleven-minute read"),
        (13 * 230, "a 13-minute read"),
        (18 * 230, "an 18-minute read"),
        (80 * 230, "an 80-minute read"),
        (0, ""),
    ],
)
def test_reading_time_is_said_in_words(total: int, phrase: str) -> None:
    assert words.reading_time([article(1, "A", words=total)]) == phrase


def test_reading_time_is_not_guessed_where_one_storys_length_is_unknown() -> None:
    assert words.reading_time([article(1, "A", words=500), article(2, "B")]) == ""
    assert words.reading_time([]) == ""


@pytest.mark.parametrize(
    ("text", "clipped"),
    [
        ("Short.", "Short."),
        ("The fish were patient. The coach was not.", "The fish were patient."),
        ("It took eleven weekends and a great deal of ice.", "It took eleven weekends and a…"),
        ("They said “no.” Then nothing happened at all.", "They said “no.” Then nothing…"),
        ("Oh. A long word after it: incomprehensibilities", "Oh. A long word after it…"),
        ("x" * 40, "x" * 29 + "…"),
    ],
)
def test_a_text_is_clipped_at_a_sentence_or_a_word(text: str, clipped: str) -> None:
    assert words.clip(text, 30) == clipped


@given(st.text(), st.integers(2, 80))
def test_a_clipped_text_is_never_longer(text: str, limit: int) -> None:
    assert len(words.clip(text, limit)) <= limit


@pytest.mark.parametrize(
    ("title", "text", "rest"),
    [
        ("Pitch frozen", "Pitch frozen. Tickets stay valid.", "Tickets stay valid."),
        ("Pitch frozen!", "Pitch frozen! Tickets stay valid.", "Tickets stay valid."),
        ("Pitch frozen", "Pitch frozen.", ""),
        ("Pitch frozen", "Pitch frozen over, says the keeper.", "Pitch frozen over, says the keeper."),
        ("Pitch frozen", "Pitch frozen", ""),
        ("Room 5", "Room 5.2 is closed.", "Room 5.2 is closed."),
        ("On this night the river…", "On this night the river broke.", "On this night the river broke."),
        ("", "Tickets stay valid.", "Tickets stay valid."),
    ],
)
def test_a_title_that_is_a_texts_first_sentence_is_not_said_twice(title: str, text: str, rest: str) -> None:
    assert words.beyond(title, text) == rest


@given(st.text())
def test_wrapping_loses_no_word(text: str) -> None:
    assert words.wrap(text).split() == text.split()


def test_the_preheader_is_the_editors_else_the_leads_else_the_other_headlines() -> None:
    assert words.preheader(" Of  our own ", STORIES) == "Of our own"
    assert words.preheader("", STORIES).startswith("The Harbour Commission voted")
    bare = [article(1, "One"), article(2, "Two"), article(3, "Three")]
    assert words.preheader("", bare) == "Also: Two; Three"
    assert words.preheader("", bare[:1]) == ""
    assert words.preheader("", []) == ""


def test_stories_without_text_and_picture_become_briefs() -> None:
    layout = lay_out(STORIES)
    assert layout.lead == STORIES[0]
    assert layout.stories == STORIES[1:4]
    assert layout.briefs == STORIES[4:]


def test_stories_beyond_the_first_become_briefs() -> None:
    stories = [article(number, "A", excerpt="Text.") for number in range(12)]
    assert len(lay_out(stories).stories) == MOST
    assert len(lay_out(stories).briefs) == 11 - MOST


@given(st.integers(0, 12), st.integers(0, 15))
def test_every_story_stands_in_one_place_and_the_lead_is_never_cut(count: int, cut: int) -> None:
    stories = [article(number, "A", excerpt="Text." * (number % 2)) for number in range(count)]
    layout = lay_out(stories, cut=cut)
    placed = [*([layout.lead] if layout.lead else []), *layout.stories, *layout.briefs, *layout.cut]
    assert sorted(story.id for story in placed) == list(range(count))
    assert len(layout.cut) == min(cut, max(0, count - 1))


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (1040, 520, Box(width=520, height=260)),
        (450, 300, Box(width=520, height=347)),
        (300, 200, Box(width=300, height=200)),
        (1000, 2000, Box(width=280, height=560)),
        (None, None, Box(width=520, height=None)),
        (1040, None, Box(width=520, height=None)),
        (0, 0, Box(width=520, height=None)),
        (9000, 1, Box(width=520, height=1)),
    ],
)
def test_a_picture_is_scaled_by_its_own_size(width: int | None, height: int | None, box: Box) -> None:
    assert fit(picture("a", width=width, height=height), 520, 560) == box


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_picture_never_leaves_its_box(width: int, height: int) -> None:
    box = fit(Picture(url="https://ledger.example/a.jpg", width=width, height=height), 136, 170)
    assert 1 <= box.width <= 136
    assert box.height
    assert 1 <= box.height <= 170


@pytest.mark.parametrize(
    ("url", "params", "link"),
    [
        ("https://a.example/b", "", "https://a.example/b"),
        ("https://a.example/b", "utm_source=digest", "https://a.example/b?utm_source=digest"),
        ("https://a.example/?p=1#c", "?x=1&y=2", "https://a.example/?p=1&x=1&y=2#c"),
        ("https://a.example/?x=9", "x=1&y=2", "https://a.example/?x=9&y=2"),
        ("https://a.example/?x=%C3%A9+b", "y=%20", "https://a.example/?x=%C3%A9+b&y=%20"),
    ],
)
def test_parameters_are_added_and_none_is_replaced(url: str, params: str, link: str) -> None:
    assert urls.with_params(url, params) == link


@pytest.mark.parametrize(
    ("url", "site", "link"),
    [
        ("http://a.example/b", "https://a.example", "https://a.example/b"),
        ("http://www.a.example/b", "https://a.example", "https://www.a.example/b"),
        ("http://files.a.example/b", "https://www.a.example", "https://files.a.example/b"),
        ("http://other.example/b", "https://a.example", "http://other.example/b"),
        ("http://nota.example/b", "https://a.example", "http://nota.example/b"),
        ("http://a.example/b", "http://a.example", "http://a.example/b"),
        ("https://a.example/b", "https://a.example", "https://a.example/b"),
    ],
)
def test_the_sites_own_links_are_https_where_the_site_is(url: str, site: str, link: str) -> None:
    assert urls.secure(url, site) == link


@given(colours)
def test_every_text_is_readable_on_every_ground_whatever_the_accent(accent: str) -> None:
    for colours_of in (palette.light(accent=accent, paper=EDITION.paper), palette.dark(accent=accent)):
        for ground in (colours_of.card, colours_of.panel):
            for ink in (colours_of.ink, colours_of.text, colours_of.soft, colours_of.accent):
                assert palette.contrast(ink, ground) >= palette.LEAST


def test_an_accent_that_can_be_read_stays_as_it_is() -> None:
    assert palette.light(accent="#0B4F6C", paper="#f4f1ea").accent == "#0b4f6c"


def test_contrast_is_that_of_wcag() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("contact", ["tel:+100", "ledger.example", "http://ledger.example/"])
def test_a_contact_is_an_address_or_an_https_page(contact: str) -> None:
    with pytest.raises(RenderError, match=r"site\.contact"):
        urls.contact_url(contact)


def test_the_host_is_said_as_a_reader_would() -> None:
    assert urls.host("https://www.Ledger.example/news/") == "ledger.example"


def test_a_story_that_changed_its_comments_is_laid_out_alike() -> None:
    changed = [replace(story, comments=99) for story in STORIES]
    assert [story.id for story in lay_out(changed).stories] == [
        story.id for story in lay_out(STORIES).stories
    ]
