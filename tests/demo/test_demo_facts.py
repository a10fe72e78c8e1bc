from dataclasses import replace

from demo_course import CAUGHT, EARLY, FIRST, LAST, READERS, REPORT, SECOND, message

from digest.demo.facts import facts
from digest.demo.report import Report
from digest.model import Counts


def untrue(report: Report) -> list[str]:
    return [fact.found for fact in facts(report) if not fact.holds]


def test_a_run_without_fault_proves_every_fact() -> None:
    assert untrue(REPORT) == []
    assert [fact.claim for fact in facts(REPORT)][:3] == [
        "6 readers got Tuesday’s issue, each exactly once",
        "3 got Wednesday’s, each exactly once, and nobody who had left",
        "Reader 4 left when it was queued already: that message was withdrawn",
    ]


def test_a_reader_without_an_issue_is_found() -> None:
    assert untrue(replace(REPORT, caught=CAUGHT[1:])) == ["1 without it", "8 were caught, 9 accepted"]


def test_a_reader_who_was_mailed_twice_is_found() -> None:
    caught = (*CAUGHT, message(READERS[0], SECOND))
    assert untrue(replace(REPORT, caught=caught))[0] == "1 more than once"


def test_mail_to_one_who_had_left_is_found() -> None:
    for reader in (*EARLY, LAST):
        caught = (*CAUGHT, message(reader, SECOND))
        assert untrue(replace(REPORT, caught=caught))[0] == "1 though not among them"


def test_mail_to_a_stranger_is_found() -> None:
    stranger = replace(READERS[0], email="stranger@mail.example")
    caught = (*CAUGHT, message(stranger, FIRST))
    assert untrue(replace(REPORT, caught=caught))[0] == "1 though not among them"


def test_a_message_that_was_not_withdrawn_is_found() -> None:
    second = replace(SECOND, counts=Counts(accepted=4))
    assert "0 were withdrawn" in untrue(replace(REPORT, second=second))


def test_a_story_that_goes_out_twice_is_found() -> None:
    second = replace(SECOND, stories=(*SECOND.stories, "A heron is banned"))
    assert untrue(replace(REPORT, second=second)) == ["A heron is banned"]


def test_counts_that_are_not_the_audience_are_found() -> None:
    first = replace(FIRST, counts=Counts(accepted=6, unknown=1), audience=7)
    assert untrue(replace(REPORT, first=first))[0].startswith("Tuesday: an audience of 7")
