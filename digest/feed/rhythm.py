"""A feed's rhythm: how often it has something new, and after how long a silence something is wrong.

Pure. Knows articles by their times alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from digest.spans import spelled

LEAST_ARTICLES = 5
"""Fewer say nothing about a rhythm."""

LATELY = timedelta(weeks=8)
"""What a rhythm is taken from, back from the newest article; of a feed that is slower its newest articles."""

SLOW_ARTICLES = 20
"""So many of these at most."""

TIMES = 3
"""A feed is silent for long after so many times its usual gap."""

LONGEST_TIMES = 1.5
"""And after so many times its longest one, which is a night or a weekend. A longer one is a holiday."""

OFTEN = 3
"""What has come so many times is no holiday."""

WITHOUT_HOLIDAYS = timedelta(weeks=3)
"""So much must be seen beside holidays: in less, weekends have not come often either."""

LEAST_SILENCE = timedelta(days=1)
"""No silence is long before that."""

FIRST_SILENCE = timedelta(days=3)
"""Nor before that, where no weekend has been seen yet."""

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often a feed has something new."""

    usual: timedelta
    """The median of the gaps between its articles."""
    longest: timedelta
    """The longest of them, without holidays."""
    seen: timedelta
    """What all these gaps are together."""

    @property
    def silence(self) -> timedelta:
        """After how long without anything new something is wrong."""
        least = LEAST_SILENCE if self.seen >= WEEK else FIRST_SILENCE
        return max(TIMES * self.usual, LONGEST_TIMES * self.longest, least)

    def __str__(self) -> str:
        """Give `about every 2 h`."""
        return f"about every {spelled(self.usual)}"


def rhythm(published: Iterable[datetime]) -> Rhythm | None:
    """Give the rhythm of articles by the times of their publication; None where they are too few.

    What was published in the same minute counts once.
    """
    newest_first = sorted({at.replace(second=0, microsecond=0) for at in published}, reverse=True)
    lately = [at for at in newest_first if newest_first[0] - at <= LATELY]
    counted = lately if len(lately) >= LEAST_ARTICLES else newest_first[:SLOW_ARTICLES]
    if len(counted) < LEAST_ARTICLES:
        return None
    gaps = [later - earlier for later, earlier in pairwise(counted)]
    return Rhythm(
        usual=timedelta(seconds=median(gap.total_seconds() for gap in gaps)),
        longest=_longest(gaps),
        seen=counted[0] - counted[-1],
    )


def _longest(gaps: Sequence[timedelta]) -> timedelta:
    """Give the longest gap that has come often, or nearly as long: the longer ones are holidays."""
    longest_first, rest = sorted(gaps, reverse=True), sum(gaps, timedelta())
    for longest, shorter in zip(longest_first, longest_first[OFTEN - 1 :], strict=False):
        rest -= longest
        if longest <= LONGEST_TIMES * shorter or rest < WITHOUT_HOLIDAYS:
            return longest
    return longest_first[-1]
