"""What the service forgets by itself."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from press import ON_SQLITE, Press, live_at, press

from digest.publish.returned import Arrival, mail_key, take_in
from digest.store.database import Store
from digest.store.returned_tables import RETURNED

RAW = b"From: a reader <x@y.example>\nSubject: Hello\n\nIs the ferry back?\n"


def raws(store: Store) -> list[bytes | None]:
    with store.read() as session:
        return list(session.connection().execute(sa.select(RETURNED.c.raw)).scalars())


async def live_on(room: Press, days: int) -> None:
    await live_at(room.service(), room.clock, room.clock() + timedelta(days=days))


@ON_SQLITE
async def test_the_text_of_what_came_back_is_kept_for_keep_days(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ |= {"DIGEST_BOUNCES__KEEP_DAYS": "5"}
        take_in(room.desk(), Arrival(key=mail_key(RAW), source="maildir", raw=RAW))
        await live_on(room, 4)
        assert raws(store) == [RAW]
        await live_on(room, 2)
        assert raws(store) == [None]
