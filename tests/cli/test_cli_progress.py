"""What a long send says where there is no terminal."""

import pytest
from typer.testing import CliRunner

from digest.cli.progress import Sent, sending, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1 h 0 min"), (11_100, "3 h 5 min")],
)
def test_a_span_is_told_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_short_send_writes_no_lines_into_a_log() -> None:
    with CliRunner().isolation() as (_, errors, _), sending(10, Sent(accepted=0, settled=0)) as advance:
        for number in range(10):
            advance(Sent(accepted=number, settled=number))
        assert errors.getvalue() == b""
