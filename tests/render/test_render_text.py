"""The plain text by itself."""

from render_editions import BARE, EDITION, NONCE, long_edition

from digest.model import slot_placeholder
from digest.render import render


def test_every_story_has_its_title_and_its_link_on_a_line_of_its_own() -> None:
    lines = render(EDITION, nonce=NONCE).text.splitlines()
    for story in EDITION.articles:
        assert story.title in lines
        assert story.link in lines


def test_no_line_but_a_link_or_a_slot_is_longer_than_72() -> None:
    for line in render(long_edition(12), nonce=NONCE).text.splitlines():
        assert len(line) <= 72 or "https://" in line


def test_a_slot_is_never_wrapped() -> None:
    text = render(EDITION, nonce=NONCE).text
    assert f"\nUnsubscribe:\n{slot_placeholder(NONCE, 'unsubscribe_url')}\n" in text
    assert f"because {slot_placeholder(NONCE, 'email')}\n" in text


def test_text_is_not_escaped() -> None:
    assert "eels & all" in render(EDITION, nonce=NONCE).text


def test_it_ends_with_publisher_and_postal_address() -> None:
    text = render(EDITION, nonce=NONCE).text
    assert text.endswith("\nThe Harbour Ledger, 12 Quay Street, Port Averell\n")


def test_a_bare_edition_has_no_gaps() -> None:
    text = render(BARE, nonce=NONCE).text
    assert "\n\n\n" not in text
    assert "·\n" not in text


def test_a_long_issue_keeps_every_story_whole_in_the_text() -> None:
    rendering = render(long_edition(170), nonce=NONCE)
    assert rendering.shortened
    assert rendering.text.count("City Hall") >= 7
    assert all(f"Story {number} of" in rendering.text for number in range(1, 171))
