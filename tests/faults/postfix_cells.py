"""The replies of the rules' matrix that a real Postfix can be made to give, and where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from faults_ledger import address
from faults_rules import NAMES_A_READER, RULES, SLOW, End, misbehaviours
from postfix_asks import STAGES
from postfix_ways import STRUCK
from smtp_server import At, Bad

Scope = Literal["once", "one reader", "for ever"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A reply at a stage, as a policy service has Postfix give it: once, to one reader, or for ever."""

    meaning: str
    at: At
    how: str
    scope: Scope

    @property
    def end(self) -> End:
        rule = RULES[self.meaning]
        end = {"once": rule.once, "one reader": rule.reader, "for ever": rule.for_ever}[self.scope]
        assert end is not None
        return end

    @property
    def bad(self) -> Bad:
        times = {3} if self.scope == "once" else None
        return Bad(
            at=self.at, how=self.how, times=times, to=address(STRUCK) if self.scope == "one reader" else ""
        )

    def __str__(self) -> str:
        return f"{self.at}: {self.how[:40]!r} {self.scope}"


# Where a reply has no status, Postfix gives it one, as it does for one that it does not know: 5.1.10.
KEPT_AS_IT_IS = re.compile(r"[45]\d\d [45]\.\d\.(?!10)\d+ .*")


def cells() -> Iterator[Cell]:
    for meaning, at, how in misbehaviours():
        # Slowing down is shown by its own limits.
        if at in STAGES.values() and meaning != SLOW and KEPT_AS_IT_IS.fullmatch(how):
            yield Cell(meaning=meaning, at=at, how=how, scope="once")
            always: Scope = "one reader" if at in NAMES_A_READER else "for ever"
            yield Cell(meaning=meaning, at=at, how=how, scope=always)
