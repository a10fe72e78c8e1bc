"""What a form and an address lead to, and marks that strangers may have written."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.links import Link, LinkKind, sign
from digest.model import SubscriberState
from digest.signup import (
    FASTEST,
    FORM_CHARACTERS,
    LONGEST,
    Form,
    Lead,
    Mark,
    Next,
    lead,
    network,
    read,
    read_mark,
    signed_mark,
    what_next,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEYS = (b"k" * 32, b"o" * 32)
GOOD = Form(email="rosa@mail.example", newsletters=("daily",))


@given(url=st.text(), seconds=st.integers(0, 2**32))
def test_a_mark_says_what_was_signed(url: str, seconds: int) -> None:
    mark = Mark(at=datetime.fromtimestamp(seconds, UTC), url=url)
    found = read_mark(signed_mark(mark, KEYS), KEYS, NOW)
    assert found is not None
    assert found.at == mark.at
    assert found.url == url[:FORM_CHARACTERS].encode("utf-8", "replace").decode()


@given(st.text())
def test_what_strangers_write_is_no_mark(text: str) -> None:
    assert read_mark(text, KEYS, NOW) is None


def test_a_mark_is_good_under_every_key_and_no_other() -> None:
    assert read_mark(signed_mark(Mark(at=NOW), KEYS[1:]), KEYS, NOW) == Mark(at=NOW)
    assert read_mark(signed_mark(Mark(at=NOW), (b"x" * 32,)), KEYS, NOW) is None


def test_a_link_of_ours_is_no_mark() -> None:
    token = sign(Link(kind=LinkKind.CONFIRM, subscriber_id=7), KEYS)
    assert read_mark(token, KEYS, NOW) is None


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(), Next.SHOW),
        (FASTEST - timedelta.resolution, Next.SHOW),
        (FASTEST, Next.ACT),
        (LONGEST, Next.ACT),
        (LONGEST + timedelta.resolution, Next.SHOW),
        (-FASTEST, Next.SHOW),
    ],
)
def test_a_form_is_good_for_a_day_and_no_sooner_than_a_person_can(age: timedelta, expected: Next) -> None:
    assert what_next(GOOD, Mark(at=NOW - age), foreign=False, now=NOW) is expected


READING = SubscriberState.ACTIVE


@pytest.mark.parametrize(
    ("state", "has", "suppressed", "expected"),
    [
        pytest.param(None, "", False, (Lead.CONFIRM, "dw"), id="unknown"),
        pytest.param(None, "", True, (Lead.NOTHING, ""), id="unknown, suppressed"),
        pytest.param(SubscriberState.PENDING, "", False, (Lead.CONFIRM, "dw"), id="pending"),
        pytest.param(SubscriberState.PENDING, "d", False, (Lead.CONFIRM, "dw"), id="imported, pending"),
        pytest.param(READING, "", False, (Lead.CONFIRM, "dw"), id="reads nothing"),
        pytest.param(READING, "d", False, (Lead.CONFIRM, "w"), id="reads one"),
        pytest.param(READING, "dw", False, (Lead.ALREADY, "dw"), id="reads all"),
        pytest.param(READING, "dw", True, (Lead.NOTHING, ""), id="suppressed meanwhile"),
        pytest.param(SubscriberState.UNSUBSCRIBED, "", False, (Lead.CONFIRM, "dw"), id="left"),
        pytest.param(SubscriberState.SUPPRESSED, "dw", False, (Lead.NOTHING, ""), id="suppressed"),
    ],
)
def test_asking_leads_to(
    state: SubscriberState | None, has: str, *, suppressed: bool, expected: tuple[Lead, str]
) -> None:
    leads, newsletters = lead(state=state, has=has, wanted=("d", "w"), suppressed=suppressed)
    assert (leads, "".join(newsletters)) == expected


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_fields_can_be_read(fields: list[tuple[str, str]]) -> None:
    form = read(fields, ("daily",))
    assert set(form.newsletters) <= {"daily"}


@given(st.text())
def test_any_text_has_a_network(text: str) -> None:
    assert network(text)


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.7", ("192.0.2.7", "192.0.2.0/24")),
        ("::ffff:192.0.2.7", ("192.0.2.7", "192.0.2.0/24")),
        ("2001:db8:1:2ff:3::4", ("2001:db8:1:2ff:3::4", "2001:db8:1:200::/56")),
        ("fe80::1%eth0", ("fe80::1", "fe80::/56")),
        ("", ("unknown", "unknown")),
        ("192.0.2.7, 10.0.0.1", ("unknown", "unknown")),
    ],
)
def test_an_address_has_a_network(ip: str, expected: tuple[str, str]) -> None:
    assert network(ip) == expected
