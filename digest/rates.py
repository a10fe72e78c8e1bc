"""Decides when what came back about an issue is too much. Touches no database, clock or network.

Providers shut off who does not listen: SES reviews an account at 5 % bounces or 0.1 % complaints, Gmail
refuses at 0.3 % complaints.
"""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, IntEnum

RATES = "rates"
"""The hold of an issue because too much came back about it, or about one before it."""

WATCHED = timedelta(days=7)
"""For so long after its end an issue counts: after a week hardly anything comes back."""

TENFOLD = 10
"""What is our own fault is told again once it has grown so much."""


class What(Enum):
    """What is counted: readers, each once an issue."""

    COMPLAINTS = "complaints"
    BOUNCES = "bounces"
    """Hard ones alone."""


class Level(IntEnum):
    """What a rate leads to."""

    FINE = 0
    WARN = 1
    HOLD = 2


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From which share of the accepted on, and from how many, it is told and nothing more is sent.

    The number keeps one angry reader of two hundred, who is half a percent, from stopping a newsletter.
    """

    warn: float
    hold: float
    warn_from: int
    hold_from: int


LIMITS = {
    What.COMPLAINTS: Limit(warn=0.001, hold=0.003, warn_from=3, hold_from=5),
    What.BOUNCES: Limit(warn=0.05, hold=0.10, warn_from=10, hold_from=20),
}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many of those who were to have an issue came back, of how many whom a relay accepted."""

    what: What
    count: int
    accepted: int
    domain: str = ""
    """Of the recipients; empty: of all."""
    may_hold: bool = True

    @property
    def share(self) -> float:
        """As a fraction; nought where nothing is known to have been accepted."""
        return self.count / self.accepted if self.accepted else 0.0

    @property
    def level(self) -> Level:
        """What it leads to."""
        limit = LIMITS[self.what]
        if self.may_hold and self.count >= limit.hold_from and self.share >= limit.hold:
            return Level.HOLD
        if self.count >= limit.warn_from and self.share >= limit.warn:
            return Level.WARN
        return Level.FINE

    def __str__(self) -> str:
        """Say it: `12 complaints of 3,900 accepted at gmail.com (0.31 %)`."""
        at = f" at {self.domain}" if self.domain else ""
        return f"{self.count:,} {self.what.value} of {self.accepted:,} accepted{at} ({percent(self.share)})"


def beside(rate: Rate, whole: Rate) -> Rate:
    """Judge a domain's rate beside that over all.

    Where all of a closed company's readers bounce, that says nothing against the newsletter: it is only told.
    """
    harmless = rate.what is What.BOUNCES and whole.level is Level.FINE
    return replace(rate, may_hold=False) if harmless else rate


def counts(what: What, count: int) -> bool:
    """Whether so many may lead to anything, however few were accepted."""
    return count >= LIMITS[what].warn_from


def harmless_from(what: What, count: int) -> int:
    """Give of how many accepted so many are no trouble: more need not be counted."""
    return math.floor(count / LIMITS[what].warn) + 1


def worse(rate: Rate) -> tuple[Level, float]:
    """Order rates by what they lead to, then by their share."""
    return rate.level, rate.share


def percent(share: float) -> str:
    """Write a fraction: `0.31 %`."""
    return f"{100 * share:.2f} %"
