"""Limits of single domains: they hold for their domain alone, and nobody pays who has none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.domains import Domains, Limit
from digest.delivery.lease import grant


def test_without_limits_there_is_nothing_to_ask() -> None:
    assert not Domains({}, 0)


def test_other_domains_pass_freely_and_subdomains_are_others() -> None:
    domains = Domains({"mail.example": Limit(rate=1, connections=1)}, 0)
    for _ in range(100):
        assert domains.admits("other.example", 0)
        assert domains.admits("eu.mail.example", 0)
        domains.took("other.example", 0)
    assert domains.wait(0) == math.inf


def test_case_makes_no_other_domain() -> None:
    domains = Domains({"Mail.Example": Limit(connections=1)}, 0)
    domains.took("MAIL.example", 0)
    assert not domains.admits("mail.EXAMPLE", 0)


def test_so_many_messages_are_on_the_wire_and_no_more() -> None:
    domains = Domains({"mail.example": Limit(connections=2)}, 0)
    for _ in range(2):
        assert domains.admits("mail.example", 0)
        domains.took("mail.example", 0)
    assert not domains.admits("mail.example", 0)
    assert domains.wait(0) == math.inf
    domains.returned("mail.example")
    assert domains.admits("mail.example", 0)


def test_after_its_wait_a_domain_is_admitted_again() -> None:
    domains = Domains({"mail.example": Limit(rate=0.5)}, 0)
    domains.took("mail.example", 0)
    assert not domains.admits("mail.example", 0)
    assert domains.wait(0) == pytest.approx(2)
    assert domains.admits("mail.example", 2)


def test_who_has_nothing_left_for_a_domain_is_not_kept_awake_by_it() -> None:
    domains = Domains({"mail.example": Limit(rate=0.1)}, 0)
    domains.took("mail.example", 0)
    assert not domains.admits("mail.example", 0)
    assert domains.wait(2) == math.inf


@given(st.floats(0.1, 500), st.integers(0, 5), st.lists(st.floats(0, 0.5), max_size=60))
def test_the_limits_hold_whatever_is_asked_when(rate: float, connections: int, waits: list[float]) -> None:
    domains = Domains({"mail.example": Limit(rate=rate, connections=connections)}, 0)
    now, sent, on_wire = 0.0, 0, 0
    for wait in waits:
        now += wait
        while domains.admits("mail.example", now):
            domains.took("mail.example", now)
            sent, on_wire = sent + 1, on_wire + 1
        assert sent <= 1 + now * rate + max(1, rate * 0.1)
        assert not connections or on_wire <= connections
        for _ in range(on_wire // 2):
            domains.returned("mail.example")
            on_wire -= 1


def test_permits_are_leased_only_for_a_domain_that_is_short_of_them() -> None:
    domains = Domains({"a.example": Limit(rate=5), "b.example": Limit(rate=5)}, 0, leased=True)
    assert domains.wanted(0) == {}
    assert not domains.admits("a.example", 0)
    assert domains.wanted(0) == {"a.example": (5, 5)}
    domains.granted("a.example", grant(0, rate=5, want=5, now=0), 0)
    assert domains.admits("a.example", 0)
    assert domains.wanted(0) == {}
