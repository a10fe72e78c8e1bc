"""Knows which slots a schedule has. Touches no clock: `now` and every other instant come in, aware.

A slot is named by its nominal local wall time. Its instant follows from the zone:

- A time that a DST gap swallows keeps its name and falls on the first instant after the gap: 02:30 in New
  York's gap from 02:00 to 03:00 is due at 03:00. (PEP 495's own mapping, 03:30, would let 02:30 come after
  03:00: slots would be out of order.) Several swallowed times share that instant and stay distinct by name.
- A time that comes twice in autumn is one slot: the first.

So in the order of their names the instants of slots never go back.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from digest.errors import UsageError
from digest.model import Slot

SECOND = timedelta(seconds=1)
# Minute, hour, day of month, month, day of week. cronsim would also take a sixth, the second.
FIELDS = 5
# How many slots a message names: a schedule of every minute has 1,440 a day.
NAMED = 5
# Any date will do: it shows that an expression's next time exists at all, or not within 50 years.
PROBE = datetime(2000, 1, 1)  # noqa: DTZ001 -- cron times are naive local times
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A cron expression of five fields in a zone. Weekdays 0 and 7 are both Sunday; names work too."""

    expression: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, zone_name: str) -> "Schedule":
        """Read a schedule. Raises UsageError with one sentence for a bad expression or zone."""
        _check(expression)
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise UsageError(
                f"“{zone_name}” is not a time zone; write a name like “America/New_York”."
            ) from exc
        return cls(expression=expression, zone=zone)

    def between(self, after: datetime, until: datetime) -> Iterator[Slot]:
        """Give the slots with after < instant <= until, in order."""
        return takewhile(lambda slot: slot.instant <= until, self._after(after))

    def upcoming(self, now: datetime, count: int) -> list[Slot]:
        """Give the next slots that are not yet due."""
        return list(islice(self._after(now), count))

    def latest(self, now: datetime, *, since: datetime | None = None) -> Slot | None:
        """Give the latest slot due by `now`; none before `since`, when its schedule was first seen."""
        wall = now.astimezone(self.zone)
        # In an hour that comes twice, every time of that hour is due from its first coming on. So look back
        # from what the clock would show had it not been put back.
        before_change = wall.replace(fold=0).utcoffset() or timedelta()
        ceiling = (now.astimezone(UTC) + before_change).replace(tzinfo=None, microsecond=0)
        for local in CronSim(self.expression, ceiling + SECOND, reverse=True):
            slot = self._slot(local)
            if slot.instant <= now:
                return slot if since is None or slot.instant >= since else None
        return None

    def day(self, day: date) -> list[Slot]:
        """Give the slots whose nominal time lies on a local date."""
        midnight = datetime.combine(day, time())
        times = takewhile(lambda local: local.date() == day, CronSim(self.expression, midnight - SECOND))
        return [self._slot(local) for local in times]

    def today(self, now: datetime) -> Slot | None:
        """Give the slot meant when none is named: today's latest due, else today's next, else the next.

        Today is the local day. None only where the schedule has no time left in the next 50 years.
        """
        slots = self.day(now.astimezone(self.zone).date())
        due = [slot for slot in slots if slot.instant <= now]
        if due:
            return due[-1]
        return next(iter(slots), None) or next(self._after(now), None)

    def named(self, text: str, now: datetime) -> Slot:
        """Find a slot by its name, or by a date that has exactly one.

        Raises UsageError that lists the day's slots, or the nearest ones. Knows this schedule alone: a slot
        of an earlier schedule is the ledger's to find.
        """
        try:
            wanted = datetime.fromisoformat(text) if NAME.fullmatch(text) or DATE.fullmatch(text) else None
        except ValueError:
            wanted = None
        if wanted is None:
            raise UsageError(
                f"“{text}” names no slot; write one like {_list(self.upcoming(now, 1))}, or a date."
            )
        slots = self.day(wanted.date())
        found = [slot for slot in slots if text in {slot.name, slot.name[:10]}]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{text} has {len(found)} slots: {_list(found)}; name one.")
        if slots:
            raise UsageError(f"{text} is no slot; that day has {_list(slots)}.")
        raise UsageError(
            f"No issue is due on {text[:10]}; the nearest slots are {_list(self._around(wanted))}."
        )

    def _after(self, after: datetime) -> Iterator[Slot]:
        # No slot is missed by starting at the wall time of `after`: a time no later than that falls no later.
        wall = after.astimezone(self.zone).replace(tzinfo=None)
        slots = (self._slot(local) for local in CronSim(self.expression, wall))
        # In the second coming of an autumn hour, the times ahead on the clock have been due already.
        return (slot for slot in slots if slot.instant > after)

    def _around(self, wanted: datetime) -> list[Slot]:
        instant = _instant(wanted, self.zone)
        before = self.latest(instant)
        return ([before] if before else []) + self.upcoming(instant, 1)

    def _slot(self, local: datetime) -> Slot:
        return Slot(name=local.isoformat(timespec="minutes"), instant=_instant(local, self.zone))


def apscheduler_fields(expression: str) -> dict[str, str]:
    """Translate to keyword arguments of APScheduler's CronTrigger. Raises UsageError for a bad expression.

    The trigger fires at every slot, and perhaps at other times: whoever it wakes asks the schedule what is
    due. Values are spelt out, weekdays as names: APScheduler counts weekdays from Monday, cron from Sunday.
    What it cannot say widens to every day: cron's "day of month *or* weekday", last days, the n-th weekday.
    """
    cron = _check(expression)
    # Last days are negative numbers, and a weekday with a place in its month is a pair.
    plain_days = {day for day in cron.days if day > 0}
    weekdays = {day % len(WEEKDAYS) for day in cron.weekdays if isinstance(day, int)}
    by_day = cron.day_and and len(plain_days) == len(cron.days)
    all_plain = all(isinstance(day, int) for day in cron.weekdays)
    by_weekday = cron.day_and and all_plain and len(weekdays) < len(WEEKDAYS)
    return {
        "month": _values(cron.months, 12),
        "day": _values(plain_days, 31) if by_day else "*",
        "day_of_week": ",".join(WEEKDAYS[day] for day in sorted(weekdays)) if by_weekday else "*",
        "hour": _values(cron.hours, 24),
        "minute": _values(cron.minutes, 60),
        "second": "0",
    }


def _check(expression: str) -> CronSim:
    wrong = f"“{expression}” is not a schedule; write five cron fields, like “0 7 * * 1-5”"
    if len(expression.split()) != FIELDS:
        raise UsageError(f"{wrong}.")
    try:
        cron = CronSim(expression, PROBE)
        first = next(CronSim(expression, PROBE), None)
    except CronSimError as exc:
        raise UsageError(f"{wrong} ({str(exc).lower()}).") from exc
    except (AssertionError, ValueError) as exc:
        # cronsim's own guards for what it does not foresee: `MON#1/2`, a number of thousands of digits.
        raise UsageError(f"{wrong}.") from exc
    if first is None:
        raise UsageError(f"“{expression}” is a schedule whose day never comes.")
    return cron


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant of a naive wall time: the first of two, and the gap's end where there is none."""
    first = local.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    if before is None or after is None or before >= after:
        return first.astimezone(UTC)
    # In a gap the two folds give the offsets before and after the change (PEP 495), and the change itself
    # lies between the two instants that they make of this wall time.
    floor = (local - after).replace(tzinfo=UTC)
    seconds = range(int((after - before).total_seconds()) + 1)
    changed = bisect_left(
        seconds, x=True, key=lambda s: (floor + s * SECOND).astimezone(zone).utcoffset() != before
    )
    return floor + changed * SECOND


def _values(values: set[int], all_of_them: int) -> str:
    return "*" if len(values) == all_of_them else ",".join(str(value) for value in sorted(values))


def _list(slots: list[Slot]) -> str:
    names = [slot.name for slot in slots[:NAMED]]
    return ", ".join(names) + (", …" if len(slots) > NAMED else "")
