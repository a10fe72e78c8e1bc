"""More sign-ups than are taken in: the operator hears of it, and of its end."""

from datetime import timedelta
from pathlib import Path

from press import ON_SQLITE, live_at, press

from digest.store import asking
from digest.store.asking import Rates, Wish
from digest.store.database import Store

HOUR = timedelta(hours=1)
FLOOD = "More sign-ups than [signup] in_all allows"


@ON_SQLITE
async def test_a_flood_of_sign_ups_is_told_once_and_so_is_its_end(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service, most = room.service(), room.settings().signup.in_all
        rates, start = Rates(per_ip=0, per_network=0, in_all=most), room.clock()
        with store.bare() as hand:
            for number in range(most + 2):
                wish = Wish(email=f"r{number}@mail.example", newsletters=("daily",))
                asking.ask(hand, wish, rates, start)
        await live_at(service, room.clock, start, start + timedelta(minutes=30))
        assert room.told.count(FLOOD) == 1
        assert "2 sign-ups of this hour were refused" in room.letters[0].get_content()
        await live_at(service, room.clock, start + HOUR, start + 2 * HOUR)
        assert room.told == [FLOOD, f"Over: {FLOOD}"]
