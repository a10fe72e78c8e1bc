"""Quoted-printable that reads back unchanged and that no relay, mailbox file or DKIM verifier alters."""

import quopri
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest import quoted

# Dots, blanks, equals signs and `From ` meet more often than in any text.
TRICKY = st.lists(
    st.sampled_from([".", " ", "  ", "\t", "=", "From ", "\n", "\r\n", "a", "é", "☃", "x" * 70])
).map("".join)


def unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.text() | TRICKY)
def test_a_text_reads_back_as_it_was(text: str) -> None:
    assert quopri.decodestring(quoted.encode(text)).replace(b"\r\n", b"\n").decode() == unix(text)


@given(st.text() | TRICKY)
@example("x" * 75 + ".")
@example("x" * 74 + "é")
def test_no_line_gives_a_relay_a_reason_to_touch_it(text: str) -> None:
    encoded = quoted.encode(text)
    assert not re.search(rb"[^\r]\n|\r(?!\n)", encoded)
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert re.fullmatch(rb"(?:[ !-<>-~]|=[0-9A-F]{2})*=?", line)
        assert not line.startswith((b".", b"From "))
        assert not line.endswith(b" ")
        assert b"  " not in line


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]))
    | TRICKY.map(lambda text: re.sub(r"[\r\n]", "", text))
)
def test_a_value_is_encoded_as_a_text_is(value: str) -> None:
    assert quoted.encode_value(value) == quoted.encode(value)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("caf\u00e9", b"caf=C3=A9"),
        ("1 + 1 = 2", b"1 + 1 =3D 2"),
        (".", b"=2E"),
        ("a\n..b", b"a\r\n=2E.b"),
        ("a  b   c", b"a =20b =20=20c"),
        ("end \t", b"end =09"),
        ("From us", b"=46rom us"),
        ("Fromage", b"Fromage"),
        ("a\rb\r\nc\nd", b"a\r\nb\r\nc\r\nd"),
        ("lone \ud800", b"lone ?"),
        ("nul\x00", b"nul=00"),
    ],
)
def test_what_is_encoded(text: str, encoded: bytes) -> None:
    assert quoted.encode(text) == encoded
