"""Which time zone a site keeps, by the offsets that it writes. Mostly several fit; then none is told."""

from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from zoneinfo import ZoneInfo

# Years in which the zones of the table keep different time (its own first) and dates can be computed.
_YEARS = range(1970, 9_999)
# Times that are looked at.
_MOST = 100


def written(raw: str) -> datetime | None:
    """Read a date with the offset that was written; None where it has none."""
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = reader(raw.strip())
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        return found if found.tzinfo is not None else None
    return None


def only_zone(seen: Iterable[datetime]) -> str:
    """Give the one zone whose clocks showed all these times (aware); nothing where several did, or none."""
    times = list(islice((time for time in seen if time.year in _YEARS), _MOST))
    found = [name for name in _zones() if times and all(_shows(ZoneInfo(name), time) for time in times)]
    return found[0] if len(found) == 1 else ""


def _shows(zone: ZoneInfo, time: datetime) -> bool:
    return time.astimezone(zone).utcoffset() == time.utcoffset()


@cache
def _zones() -> tuple[str, ...]:
    """Give the zones of the tz database, those that have agreed since 1970 once (zone1970.tab)."""
    table = files("tzdata.zoneinfo").joinpath("zone1970.tab").read_text(encoding="utf-8")
    return tuple(line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#"))
