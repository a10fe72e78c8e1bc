"""Tells where more want to sign up than are taken in: robots do that, or a very good day."""

import asyncio
from datetime import timedelta

from digest.alerts import Alerts
from digest.desk import Desk
from digest.store import asking
from digest.store.prepared import hand

HOUR = timedelta(hours=1)
FLOOD = "flood"


async def tell_of_flood(desk: Desk, alerts: Alerts) -> None:
    """Alert where sign-ups of this hour were refused, and tell when there have been none for an hour."""
    most, now = desk.settings.signup.in_all, desk.clock()

    def refused() -> int:
        with desk.store.read() as session:
            return asking.refused(hand(session), most, now)

    count = await asyncio.to_thread(refused)
    if count:
        text = (
            f"{count} sign-ups of this hour were refused, since more than {most} came. `digest stats` "
            "tells how many confirm; if readers come by the thousand, raise [signup] in_all."
        )
        await alerts.alert(FLOOD, "More sign-ups than [signup] in_all allows", text, now)
    else:
        await alerts.end(FLOOD, now, calm=HOUR)
