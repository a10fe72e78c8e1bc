"""What an editor gets to edit, and what becomes of it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import RenderError
from digest.model import SLOT_NAMES, slot_placeholder
from digest.publish.parts import from_edit, to_edit

NONCE = "0123456789abcdef"
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(lambda t: "{{" not in t)


@given(
    st.lists(
        st.one_of(
            WORDS, st.builds(slot_placeholder, st.just(NONCE), st.sampled_from(SLOT_NAMES), fallback=WORDS)
        ),
        max_size=6,
    )
)
def test_a_part_that_was_not_edited_comes_back_as_it_was(pieces: list[str]) -> None:
    part = "\n".join(pieces)
    assert from_edit(to_edit(part, NONCE), NONCE) == part
    assert NONCE not in to_edit(part, NONCE)


@given(st.text())
def test_whatever_an_editor_writes_is_taken_or_refused(text: str) -> None:
    with contextlib.suppress(RenderError):
        from_edit(text, NONCE)


def test_a_slot_reads_as_in_a_template() -> None:
    part = f"Hello {slot_placeholder(NONCE, 'name', 'a “friend”')}"
    assert to_edit(part, NONCE) == 'Hello {{ reader.name.or_("a “friend”") }}'
    assert from_edit('Hello {{reader.name.or_("a “friend”")}}', NONCE) == part


def test_a_forged_placeholder_of_another_rendering_stays_text() -> None:
    forged = slot_placeholder("f" * 16, "email")
    assert to_edit(forged, NONCE) == forged


def test_a_slot_that_there_is_not_is_refused() -> None:
    with pytest.raises(RenderError, match=r"no reader\.surname"):
        from_edit("{{ reader.surname }}", NONCE)
    with pytest.raises(RenderError, match="cannot be read"):
        from_edit(r'{{ reader.name.or_("\q") }}', NONCE)


def test_what_an_editor_saves_with_carriage_returns_and_a_mark_in_front_is_plain_again() -> None:
    assert from_edit("\ufeffone\r\ntwo\r\n", NONCE) == "one\ntwo\n"
