import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from digest.cli import output
from digest.cli.progress import progress
from digest.errors import UsageError
from digest.model import IssueState


@dataclass(frozen=True, kw_only=True)
class Thing:
    state: IssueState
    at: datetime
    names: tuple[str, ...]


def test_json_has_times_in_utc_and_enums_by_value(capsys: pytest.CaptureFixture[str]) -> None:
    east = timezone(timedelta(hours=2))
    at = datetime(2026, 11, 24, 9, 0, 0, 123, tzinfo=east)
    output.emit_json([Thing(state=IssueState.SENT, at=at, names=("é",))])
    out = capsys.readouterr().out
    assert json.loads(out) == [{"state": "sent", "at": "2026-11-24T07:00:00Z", "names": ["é"]}]


def test_tables_align_and_end_without_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(
        ("name", "number", "title"), [("a", 1234, "short"), ("bb", 5, "a longer title")], numbers=("number",)
    )
    assert capsys.readouterr().out.splitlines() == [
        "name  number  title",
        "a      1,234  short",
        "bb         5  a longer title",
    ]


def test_facts_align(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts([("state", "sent"), ("left", ""), ("accepted", 1234)])
    assert capsys.readouterr().out.splitlines() == ["state     sent", "left      –", "accepted  1,234"]


def test_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("set host under [smtp] :smile:")
    output.table(("x",), [("[bold]x[/bold]",)])
    assert capsys.readouterr().out == "set host under [smtp] :smile:\nx\n[bold]x[/bold]\n"


def test_times_are_shown_in_the_sites_zone() -> None:
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert output.moment(at, "America/New_York") == "2026-11-24 07:00 EST"
    assert output.moment(None, "America/New_York") == "–"


def test_a_question_that_nobody_can_answer_is_misuse() -> None:
    output.confirm("Really?", yes=True)
    with pytest.raises(UsageError, match="say --yes"):
        output.confirm("Really?", yes=False)


def test_progress_without_a_terminal_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Importing", 10) as advance:
        advance(1)
        advance(10)
    assert capsys.readouterr() == ("", "")
