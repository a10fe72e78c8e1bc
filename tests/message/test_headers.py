"""Header fields that say what they were given, in lines of the right length, and never a second field."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import RenderError
from digest.headers import fold, one_line, phrase, unstructured, uri

STRICT = default.clone(raise_on_defect=True)

TITLES = st.text() | st.lists(
    st.sampled_from(["=?utf-8?q?x?=", "?=", "a", " ", "é", "☃", '"', "\\", ".", "w" * 80, "\r\n"])
).map("".join)


def parsed(field: bytes, name: str) -> str:
    return str(message_from_bytes(field + b"\r\n", policy=STRICT)[name])


def lines(field: bytes) -> list[bytes]:
    assert field.endswith(b"\r\n")
    found = field[:-2].split(b"\r\n")
    assert not re.search(rb"[\r\n\x00]", b"".join(found))
    assert all(line.startswith(b" ") for line in found[1:])
    return found


@given(TITLES)
@example("word " * 40)
@example("x" * 66 + " y")
@example("x" * 68)
@example("👩‍👩‍👧 " * 40)
def test_any_title_reads_back_from_the_subject_as_one_line(title: str) -> None:
    field = unstructured("Subject", title)
    assert parsed(field, "Subject") == one_line(title)
    assert all(len(line) <= 76 for line in lines(field))


@given(TITLES)
def test_no_encoded_word_is_longer_than_75_octets_or_holds_part_of_a_character(title: str) -> None:
    for word in re.findall(rb"=\?utf-8\?[qb]\?[^? ]*\?=", unstructured("Subject", f"é {title}")):
        assert len(word) <= 75
        assert str(make_header(decode_header(word.decode())))


@given(TITLES.filter(one_line))
@example("The Ledger")
@example("St. Mary's, and others")
@example('He said "no" \\ left')
def test_any_display_name_reads_back_from_a_mailbox(name: str) -> None:
    field = fold("From", f"{phrase(name, 70)} <news@ledger.example>")
    message = message_from_bytes(field + b"\r\n", policy=STRICT)
    mailbox = message["From"].addresses[0]
    assert mailbox.addr_spec == "news@ledger.example"
    assert all(len(line) <= 76 for line in lines(field))
    if b"=?utf-8?" not in field:
        assert mailbox.display_name == one_line(name)
        return
    written = field.decode().replace("\r\n", "").removeprefix("From:").removesuffix("<news@ledger.example>")
    assert str(make_header(decode_header(written.strip()))) == one_line(name)
    # Python's parser alone takes a no-break space for a blank, and puts one between two encoded words of a
    # phrase, where RFC 2047 6.2 has none.
    if field.count(b"=?utf-8?") == 1:
        assert mailbox.display_name.split() == one_line(name).split()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("The Harbour Ledger", "The Harbour Ledger"),
        ("Ledger, The", '"Ledger, The"'),
        ('The "Ledger"', r'"The \"Ledger\""'),
        ("Café Ledger", "=?utf-8?q?Caf=C3=A9_Ledger?="),
        ("日刊紙", "=?utf-8?b?5pel5YiK57SZ?="),
        ("", ""),
    ],
)
def test_a_name_is_written_as_plainly_as_it_can_be(name: str, written: str) -> None:
    assert phrase(name, 70) == written


def test_an_ascii_subject_is_folded_at_its_blanks() -> None:
    field = unstructured(
        "Subject", "The harbour, the harbour master and the harbour master's dog, all in one long title"
    )
    assert lines(field) == [
        b"Subject: The harbour, the harbour master and the harbour master's dog, all",
        b" in one long title",
    ]


def test_a_word_too_long_for_the_first_line_goes_to_the_next_unbroken() -> None:
    token = f"<https://ledger.example/{'x' * 60}>"
    assert fold("List-Help", token) == f"List-Help:\r\n {token}\r\n".encode()


def test_a_word_that_no_line_can_hold_is_refused() -> None:
    assert fold("X-Token", "x" * 997)
    with pytest.raises(RenderError, match="998"):
        fold("X-Token", "x" * 998)


@pytest.mark.parametrize("value", ["a\r\nBcc: b@ledger.example", "a\nb", "a\rb", "a\x00b", "é", "a\x85b"])
def test_a_value_that_is_not_one_line_of_ascii_is_refused(value: str) -> None:
    with pytest.raises(RenderError, match="X-Test"):
        fold("X-Test", value)


@given(st.text(min_size=1, max_size=60))
@example("https://ledger.example/?q=a b>\r\nBcc: x@y.example")
@example("https://ledger.example/\ud800")
def test_any_url_can_stand_in_angle_brackets(url: str) -> None:
    written = uri(url)
    assert re.fullmatch(r"[!-;=?-~]+", written)
    assert uri(written) == written


@pytest.mark.parametrize("url", ["https://ledger.example/?a=1&b=%20#top", "mailto:editor@ledger.example"])
def test_a_url_is_left_as_it_is(url: str) -> None:
    assert uri(url) == url


@pytest.mark.parametrize("url", ["", f"https://ledger.example/{'x' * 900}"])
def test_a_url_that_no_header_can_hold_is_refused(url: str) -> None:
    with pytest.raises(RenderError, match="1 to 900"):
        uri(url)
