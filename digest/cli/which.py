"""Finds the issue that a command means: by slot, date or an extra's name, or the only one that it suits."""

from collections.abc import Collection

from sqlmodel import Session

from digest.errors import IssueError, UsageError
from digest.model import Issue, IssueState
from digest.store import issues

LOOKED_THROUGH = 5000
"""Issues that a date is looked for in: thirteen years of a daily one."""
NAMED = 5
"""How many issues a message names."""


def issue(session: Session, slot: str, newsletter: str, *, suits: Collection[IssueState] = ()) -> Issue:
    """Give the issue of a slot, date or extra's name; without one the latest, or the only one that `suits`.

    Raises UsageError that lists what there is, or IssueError where there is nothing to name.
    """
    known = issues.listing(session, newsletter=newsletter, limit=LOOKED_THROUGH)
    if not known:
        of = f" of {newsletter}" if newsletter else ""
        raise IssueError(f"There is no issue{of} yet: `digest send` or `digest run` makes one at its slot.")
    if slot:
        return _named(known, slot)
    if not suits:
        return known[0]
    fitting = [one for one in known if one.state in suits]
    if len(fitting) == 1:
        return fitting[0]
    states = " or ".join(state.value for state in suits)
    if fitting:
        raise UsageError(f"{len(fitting)} issues are {states}; name the slot: {_list(fitting)}.")
    raise IssueError(f"No issue is {states}; the latest are {_list(known, with_state=True)}.")


def _named(known: list[Issue], slot: str) -> Issue:
    found = [one for one in known if slot in {one.slot, one.slot[:10], one.extra}]
    if len(found) > 1:
        # A day has its issue, whatever extras went out on it.
        found = [one for one in found if one.extra is None or slot in {one.slot, one.extra}] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"There is no issue {slot}; the latest are {_list(known)}. `digest issues list` shows them all."
        )
    how = "the newsletter with --newsletter" if len({one.slot for one in found}) == 1 else "the slot"
    raise UsageError(f"{slot} has {len(found)} issues; name {how}: {_list(found)}.")


def _list(found: list[Issue], *, with_state: bool = False) -> str:
    named = [
        f"{issues.name(one)} ({one.state.value})" if with_state else issues.name(one) for one in found[:NAMED]
    ]
    return ", ".join(named) + (", …" if len(found) > NAMED else "")
