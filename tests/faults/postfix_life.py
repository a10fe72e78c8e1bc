"""An issue's life beside a real Postfix: how long to wait, and what has to hold when it is over."""

import asyncio
import re
import time
from collections.abc import Coroutine
from typing import Any

from faults_ledger import SENDER, Life, check_copies
from faults_rules import GIVEN_UP, STATES, Ending
from jumping_loop import JumpingLoop
from smtp_server import Received

from digest.model import IssueState

PATIENCE_SECONDS = 30
"""Of the world's time, for an issue's whole life."""


class PatientLoop(JumpingLoop):
    """Waits for a relay as long as that takes: its clock jumps while no connection is open."""

    def __init__(self) -> None:
        super().__init__()
        self._until = time.monotonic() + PATIENCE_SECONDS

    def _skip(self, seconds: float) -> bool:
        assert time.monotonic() < self._until, "it takes too long"
        # The loop itself has one socket.
        open_sockets = len(self._selector.get_map()) - 1  # type: ignore[attr-defined] # asyncio's own
        return not open_sockets and super()._skip(seconds)


def patiently(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        runner.run(coroutine)


def check_taken(life: Life, taken: list[Received]) -> None:
    """See that Postfix has what the ledger says that it has, each message as it was sent."""
    check_copies(life.fates, taken)
    for message in taken:
        [number] = re.findall(r"\d+", message.recipient)
        head = f"To: {message.recipient}\r\nMessage-ID: <1.{number}@ledger.example>\r\n\r\n"
        assert (message.sender, message.data) == (SENDER, head.encode() + life.body)


def check_ending(life: Life, ending: Ending) -> None:
    issue = life.reread()
    code = issue.hold_code if issue.state is IssueState.HELD else ""
    assert (issue.state, code) == STATES[ending], life.fates
    assert bool(life.gave_up) == (ending is GIVEN_UP)


def told(life: Life) -> list[str]:
    """Give what an operator can read about an issue."""
    return [life.reread().reason, str(life.gave_up or ""), *life.evidence.values()]


def check_words(life: Life, words: str) -> None:
    """See that an operator can read these; `{n}` stands for any number."""
    pattern = re.escape(words).replace(r"\{n\}", r"\d+")
    assert any(re.search(pattern, line) for line in told(life)), told(life)
