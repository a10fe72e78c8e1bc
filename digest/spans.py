"""Says spans of time as people do."""

from datetime import timedelta

_UNITS = ((48 * 3600, 86_400, "days"), (90 * 60, 3600, "h"), (90, 60, "min"))
"""From how many seconds on a unit is used, its seconds, and what it is called."""


def spelled(span: timedelta) -> str:
    """Give a span in the unit that says enough: `40 s`, `25 min`, `3 h`, `3 days`."""
    seconds = max(0, round(span.total_seconds()))
    for least, unit, name in _UNITS:
        if seconds >= least:
            return f"{round(seconds / unit)} {name}"
    return f"{seconds} s"
