"""Tells the operator what came back: too much of it, and what is our own fault; holds what is being sent."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from digest.alerts import Alerts, among
from digest.desk import Desk
from digest.publish import rates
from digest.publish.rates import Reception
from digest.publish.report import nameless
from digest.rates import LIMITS, TENFOLD, Level, What, percent, worse
from digest.store import issues
from digest.store.rates import Ours, came, ours, recent

RATE, OURS = "rates:", "ours:"
"""How the keys of these troubles begin."""

NAMED = 3
"""How many domains a sentence names."""

KINDS = {What.COMPLAINTS: "complaint", What.BOUNCES: "bounce"}
"""What `digest bounces list` calls them."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A trouble. Without a `text` it may go on, and nothing new is to be told."""

    key: str
    subject: str = ""
    text: str = ""


class Returns:
    """What came back, with an operator's eyes."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts

    async def once(self, now: datetime) -> None:
        """Hold what is being sent about whose newsletter too much came back, and tell what is new."""
        found, blamed = await asyncio.to_thread(self._look, now)
        for one in found:
            if one.text:
                await self._alerts.alert(one.key, one.subject, one.text, now, once=True)
        await self._alerts.end(RATE, now, but=among(one.key for one in found))
        await self._tell_ours(blamed, now)

    def _look(self, now: datetime) -> tuple[list[Found], list[Ours]]:
        with self._desk.store.read() as session:
            latest = recent(session, now)
            back = came(session, latest, now, self._desk.known)
            received = list(rates.receptions(session, latest, back, now, self._desk.known))
            blamed = ours(session, back)
        for reception in received:
            rates.hold(self._desk, reception)
        return [one for reception in received for one in _troubles(reception)], blamed

    async def _tell_ours(self, blamed: list[Ours], now: datetime) -> None:
        """Tell of what is our own fault: once an issue, and again where it has grown tenfold since."""
        current = []
        for one in blamed:
            about = f"{OURS}{issues.name(one.issue)}:"
            told = [int(key.removeprefix(about)) for key in await self._alerts.lasting(about, now)]
            count = max(told, default=one.count)
            if told and one.count >= TENFOLD * count:
                count = one.count
            current.append(f"{about}{count}")
            await self._alerts.alert(current[-1], _subject(one), _words(one), now, once=True)
        await self._alerts.end(OURS, now, but=among(current), quietly=True)


def _troubles(reception: Reception) -> Iterator[Found]:
    """Give what is to be told of a newsletter: of complaints and of bounces, and of each that it holds."""
    for what in What:
        mine = [(rate, one.issue) for one in reception.found for rate in one.rates if rate.what is what]
        if not mine:
            continue
        worst, issue = max(mine, key=lambda pair: worse(pair[0]))
        name, limit = reception.newsletter, LIMITS[what]
        key, subject = f"{RATE}{what.value}:{name}", f"{name}: too many {what.value}"
        at = f"{issue.slot} --newsletter {name}"
        said = f"{worst} about {issues.name(issue)}. "
        tells = f" `digest bounces list --kind {KINDS[what]} --issue {at}` tells whose."
        from_where = f"From {percent(limit.hold)} on nothing more of {name} is sent."
        little = f"Nothing is held: it is less than {percent(limit.warn)} of all."
        warned = said + (from_where if worst.may_hold else little) + tells
        if worst.level is Level.WARN:
            yield Found(key=f"{key}:warn", subject=subject, text=warned)
            yield Found(key=f"{key}:hold")
        else:
            held = f"Every issue of {name} is held until `digest issues resume` has it sent all the same."
            yield Found(key=f"{key}:hold", subject=subject, text=said + held + tells)
            yield Found(key=f"{key}:warn")


def _subject(one: Ours) -> str:
    many = "1 bounce" if one.count == 1 else f"{one.count:,} bounces"
    return f"{issues.name(one.issue)}: {many} for our own sake"


def _words(one: Ours) -> str:
    domains = ", ".join(one.domains[:NAMED])
    more = f" and {len(one.domains) - NAMED:,} more" if len(one.domains) > NAMED else ""
    at = f" at {domains}{more}" if domains else ""
    many = "One mail" if one.count == 1 else f"{one.count:,} mails"
    said = nameless(one.evidence)
    return (
        f"{many} came back{at} because of our sender, its reputation or what it said. No reader was touched."
        + (f" The last one says: {said}." if said else "")
        + f" `digest bounces list --verdict ours --issue {one.issue.slot}"
        + f" --newsletter {one.issue.newsletter}` shows them."
    )
