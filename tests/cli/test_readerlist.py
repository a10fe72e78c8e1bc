import csv
import io
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.cli.readerfile import listed, opened
from digest.cli.readerrow import BadLine, Person
from digest.errors import UsageError


def read(text: bytes) -> list[Person | BadLine]:
    with ExitStack() as stack:
        return list(listed(stack, io.BytesIO(text), "readers.csv").rows())


def sentence(text: bytes) -> str:
    """Read it all; give the sentence with which it was refused, if it was."""
    try:
        rows = read(text)
    except UsageError as error:
        return str(error)
    assert all(isinstance(row, Person | BadLine) for row in rows)
    return ""


@given(text=st.binary(max_size=300))
def test_whatever_stands_in_a_file_is_read_or_refused_in_a_sentence(text: bytes) -> None:
    said = sentence(b"email,name,confirmed_at\n" + text)
    assert not said or "UTF" in said


@given(head=st.text(max_size=100))
def test_whatever_stands_in_a_header_is_read_or_refused_in_a_sentence(head: str) -> None:
    assert "\n" not in sentence(head.encode("utf-8", "replace"))


LOCALS = st.text("abcdefghij.", min_size=1, max_size=10).filter(lambda t: ".." not in t and t.strip(".") == t)
NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


@given(people=st.lists(st.tuples(LOCALS, NAMES), max_size=20), delimiter=st.sampled_from(",;\t"))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_a_spreadsheet_writes_is_read_back_with_its_lines(
    people: list[tuple[str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(("name", "email"))
    writer.writerows((name, f"{local}@mail.example") for local, name in people)
    assert read(text.getvalue().encode()) == [
        Person(line=number, email=f"{local}@mail.example", name=" ".join(name.split()))
        for number, (local, name) in enumerate(people, 2)
    ]


def test_a_time_without_zone_is_utc() -> None:
    [row] = read(b"email,confirmed_at\na@x.example,2024-05-06\n")
    assert isinstance(row, Person)
    assert row.confirmed_at == datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("at", [0, 1, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_place_of_a_wrong_byte_is_right_at_any_distance(at: int) -> None:
    lines = at // 10
    text = b"x" * 9 + b"\n"
    body = (text * (lines + 1))[:at] + b"\xff" + b"rest"
    with pytest.raises(UsageError, match=f"line {body[:at].count(10) + 1}: byte {at + 1:,} "):
        read(body)


def test_a_letter_cut_by_the_end_is_a_wrong_byte() -> None:
    with pytest.raises(UsageError, match="line 2: byte 7 "):
        read("email\né".encode()[:-1])


def test_a_cell_without_end_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "readers.csv"
    file.write_text('email,name\na@x.example,"' + "x" * 200_000 + '"\nb@x.example,B\n')
    with opened(file) as readers:
        bad, good = list(readers.rows())
    assert isinstance(bad, BadLine)
    assert good == Person(line=3, email="b@x.example", name="B")
