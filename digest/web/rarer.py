"""Decides which newsletters come less often than another: what one who gets too much may like instead."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from digest.slots import Schedule

SLOTS = 29
"""How many coming slots tell how often a schedule comes: four weeks of a daily one."""

MUCH = 1.5
"""How much rarer a newsletter has to be: working days alone are nothing else than every day."""


def rarer(schedules: Mapping[str, Schedule], now: datetime) -> dict[str, Sequence[str]]:
    """Give for each newsletter those that come less often, the most frequent of them first."""
    pauses = {name: _pause(schedule, now) for name, schedule in schedules.items()}
    by_pause = sorted(pauses, key=pauses.__getitem__)
    return {
        name: [other for other in by_pause if pauses[other] >= pause * MUCH] for name, pause in pauses.items()
    }


def _pause(schedule: Schedule, now: datetime) -> timedelta:
    """Give the mean time between two issues. What comes but once is the rarest of all."""
    slots = schedule.upcoming(now, SLOTS)
    if len(slots) < 2:  # noqa: PLR2004 - two slots have one pause
        return timedelta(days=36525)
    return (slots[-1].instant - slots[0].instant) / (len(slots) - 1)
