"""Mails as today's systems write them, with made-up names: what each is, and whom it is about."""

from pathlib import Path

import pytest

from digest.bounce.read import read

SAMPLES = Path(__file__).parent / "samples"
EXPECTED = [
    line.split()
    for line in (SAMPLES / "expected.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "addresses"),
    [pytest.param(name, kind, verdict, addresses, id=name) for name, kind, verdict, *addresses in EXPECTED],
)
def test_a_sample_is_read_as_an_expert_reads_it(
    name: str, kind: str, verdict: str, addresses: list[str]
) -> None:
    wanted = {one.partition("=")[0]: one.partition("=")[2] or verdict for one in addresses}
    report = read((SAMPLES / name).read_bytes())
    found = {one.address: one.verdict.value for one in report.recipients}
    assert (report.kind.value, found) == (kind, wanted)
    assert all(one.reason and one.evidence and "\n" not in one.evidence for one in report.recipients)


def test_every_sample_has_its_expectation() -> None:
    assert {path.name for path in SAMPLES.glob("*.eml")} == {name for name, *_ in EXPECTED}


@pytest.mark.parametrize("name", ["sendmail.eml", "exim-unrouteable.eml"], ids=["attached", "in the text"])
def test_the_returned_message_tells_its_marks(name: str) -> None:
    report = read((SAMPLES / name).read_bytes())
    assert (report.message_id, report.delivery) == ("<20261124.7.42@ledger.example>", "7.42")
    assert report.unsubscribe == "<https://news.ledger.example/u/t0k3n>"
