"""Addresses that name a reader: written, read, forged, mangled on their way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import verp
from digest.message import message_id
from digest.verp import LONGEST_LOCAL, LONGEST_MARK, Forged, Mark, Marker, Purpose

KEY = b"k" * 32
MARK = Mark(Purpose.BOUNCE, 12, 345, 2)
LEAVING = MARK._replace(purpose=Purpose.UNSUBSCRIBE)
WRITE = Marker("bounces@ledger.example", "+", KEY)

IDS = st.integers(0, 2**63 - 1)
MARKS = st.builds(Mark, st.sampled_from(Purpose), IDS, IDS, IDS)
USUAL = st.builds(
    Mark,
    st.sampled_from(Purpose),
    st.integers(0, 10**10 - 1),
    st.integers(0, 10**10 - 1),
    st.integers(0, 999),
)
KEYS = st.binary(min_size=32, max_size=64)
LOCALS = st.from_regex(rf"[A-Za-z0-9._+-]{{1,{LONGEST_LOCAL - LONGEST_MARK}}}", fullmatch=True)


def test_an_address_reads_as_a_person_expects() -> None:
    bounce, leaving = WRITE(MARK), WRITE(LEAVING)
    assert bounce.startswith("bounces+12.345.2.")
    assert leaving.startswith("bounces+u12.345.2.")
    assert bounce.endswith("@ledger.example")
    assert bounce.partition("12.345.2.")[2] != leaving.partition("12.345.2.")[2]


@given(USUAL, KEYS, LOCALS, st.sampled_from("+-_"))
def test_what_was_written_is_read_again_and_fits(mark: Mark, key: bytes, local: str, separator: str) -> None:
    address = Marker(f"{local}@ledger.example", separator, key)(mark)
    assert len(address.partition("@")[0]) <= LONGEST_LOCAL
    assert verp.read(address, key) == mark


@given(MARKS)
def test_a_mark_that_does_not_fit_leaves_the_plain_address(mark: Mark) -> None:
    address = WRITE(mark)
    assert len(address.partition("@")[0]) <= LONGEST_LOCAL
    assert verp.read(address, KEY) == (None if address == "bounces@ledger.example" else mark)


@pytest.mark.parametrize(
    "mangle",
    [
        pytest.param(str.upper, id="upper case"),
        pytest.param(lambda text: f" <{text}>\r\n", id="brackets"),
        pytest.param(lambda text: f"<@relay.example,@other.example:{text}>", id="source route"),
        pytest.param(lambda text: '"' + text.replace("@", '"@'), id="quoted"),
        pytest.param(lambda text: text.replace("bounces@", "root@"), id="alias"),
        pytest.param(lambda text: text.replace("ledger.example", "mail.internal"), id="other host"),
        pytest.param(lambda text: text.replace("+", "-"), id="other separator"),
    ],
)
@pytest.mark.parametrize("mark", [MARK, LEAVING], ids=["bounce", "unsubscribe"])
def test_what_happens_to_an_address_on_its_way_does_not_matter(mark: Mark, mangle: object) -> None:
    assert callable(mangle)
    assert verp.read(mangle(WRITE(mark)), KEY) == mark


@given(MARKS, KEYS, KEYS)
def test_no_other_key_writes_one(mark: Mark, ours: bytes, theirs: bytes) -> None:
    address = Marker("b@ledger.example", "+", theirs)(mark)
    if theirs.ljust(64, b"\0") != ours.ljust(64, b"\0") and address != "b@ledger.example":
        assert verp.read(address, ours) == Forged(mark.purpose)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("+12.", "+13.", Forged(Purpose.BOUNCE), id="another issue"),
        pytest.param(".345.", ".346.", Forged(Purpose.BOUNCE), id="another reader"),
        pytest.param(".2.", ".1.", Forged(Purpose.BOUNCE), id="another address of theirs"),
        pytest.param("+12", "+u12", Forged(Purpose.UNSUBSCRIBE), id="another purpose"),
        pytest.param("+12", "+012", None, id="a second spelling"),
        pytest.param("+12", "+u012", None, id="a second spelling of another purpose"),
        pytest.param("@", "x@", None, id="longer"),
    ],
)
def test_what_was_altered_proves_nothing(old: str, new: str, expected: Forged | None) -> None:
    assert verp.read(WRITE(MARK).replace(old, new, 1), KEY) == expected


def test_a_message_id_of_ours_is_no_mark() -> None:
    # It has a number less, and a MAC made for something else.
    issued = message_id(key=KEY, issue_id=12, subscriber_id=345, domain="ledger.example")
    assert verp.read(issued, KEY) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bounces@ledger.example",
        "bounces+archive@ledger.example",
        "bounces+12.345.1@ledger.example",
        "ü@ä.de",
    ],
)
def test_other_addresses_are_none_of_ours(text: str) -> None:
    assert verp.read(text, KEY) is None


@given(st.text(max_size=400))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert not isinstance(verp.read(text, KEY), Mark)
