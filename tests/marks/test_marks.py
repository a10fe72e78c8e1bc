"""Our own marks in what came back: nobody else can write one, whatever they write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bounce.report import Kind, Report
from digest.links import Link, LinkKind, unsubscribe_url
from digest.marks import Ours, Proof, claim
from digest.message import message_id
from digest.verp import Mark, Marker, Purpose

OURS = Ours(public_url="https://news.ledger.example/", keys=(b"k" * 32,), permanent_key=b"p" * 32)
REAL = [
    Marker("bounces@ledger.example", "+", OURS.permanent_key)(Mark(Purpose.BOUNCE, 12, 345, 1)),
    Marker("bounces@ledger.example", "+", OURS.permanent_key)(Mark(Purpose.UNSUBSCRIBE, 12, 345, 1)),
    message_id(key=OURS.permanent_key, issue_id=12, subscriber_id=345, domain="ledger.example"),
    f"<{unsubscribe_url(OURS.public_url, Link(LinkKind.UNSUBSCRIBE, 345, 1, 12), OURS.keys)}>",
]
KINDS = list(Kind)


def of(kind: Kind, text: str) -> Report:
    """A report all of whose marks are this text."""
    return Report(kind=kind, sent_to=(text,), delivery=text, message_id=text, unsubscribe=text)


def mutated(real: str, place: int, letter: str) -> str:
    place %= len(real)
    return real[:place] + letter + real[place + 1 :]


@given(kind=st.sampled_from(KINDS), text=st.text(max_size=400), raw=st.binary(max_size=400))
def test_what_others_write_proves_nothing(kind: Kind, text: str, raw: bytes) -> None:
    assert not claim(of(kind, text), OURS, envelope=(text,), raw=raw).is_proved


@given(
    kind=st.sampled_from(KINDS),
    real=st.sampled_from(REAL),
    place=st.integers(0, 200),
    letter=st.characters(codec="ascii"),
)
def test_a_mark_in_which_one_letter_is_another_names_no_other_delivery(
    kind: Kind, real: str, place: int, letter: str
) -> None:
    changed = mutated(real, place, letter)
    found = claim(of(kind, changed), OURS, envelope=(changed,), raw=changed.encode())
    assert not found.is_proved or (found.issue_id, found.subscriber_id) == (12, 345)


DELIVERIES = [
    (kind, number, proof)
    for kind in (Kind.BOUNCE, Kind.COMPLAINT, Kind.DELAY)
    for number, proof in ((0, Proof.VERP), (2, Proof.MESSAGE), (3, Proof.LINK))
    if (kind, proof) != (Kind.BOUNCE, Proof.LINK)
]


@pytest.mark.parametrize(("kind", "number", "proof"), DELIVERIES)
def test_each_mark_names_its_delivery(kind: Kind, number: int, proof: Proof) -> None:
    found = claim(of(kind, REAL[number]), OURS)
    assert (found.proof, found.issue_id, found.subscriber_id) == (proof, 12, 345)
