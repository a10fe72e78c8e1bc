"""Without a relay the service rehearses: into the outbox, once a slot, and nobody is mailed."""

from datetime import timedelta
from mailbox import Maildir
from pathlib import Path

from press import NEXT, ON_SQLITE, SLOT, live, live_at, press

from digest.model import IssueState
from digest.store.database import Store

MINUTE = timedelta(minutes=1)


def written(folder: Path) -> list[str]:
    if not (folder / "outbox").exists():
        return []
    return sorted(str(message["To"]) for message in Maildir(folder / "outbox", create=False))


@ON_SQLITE
async def test_a_slot_is_rehearsed_once_also_after_a_restart(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant - MINUTE)
        assert written(tmp_path) == []
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + MINUTE)
        await live_at(room.service(), room.clock, SLOT.instant + 2 * MINUTE)
        assert written(tmp_path) == [f"reader{number}@mail.example" for number in (1, 2, 3)]
        assert not room.relay.received


@ON_SQLITE
async def test_a_rehearsal_uses_neither_slot_nor_articles(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        await live_at(room.service(), room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.DRAFT
        room.rehearses = False
        await live_at(room.service(), room.clock, SLOT.instant + MINUTE)
        assert room.decided() == {"ferry-runs-again": "included"}
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_a_rehearsed_slot_ends_without_an_alert(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        room.environ["DIGEST_ALERTS__COMMAND"] = "tee -a alerts.txt"
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant, SLOT.instant + timedelta(hours=7))
        assert (room.issue().state, room.issue().reason) == (IssueState.SKIPPED, "it was a rehearsal")
        assert not (tmp_path / "alerts.txt").exists()
        await live_at(service, room.clock, NEXT.instant)
        assert len(written(tmp_path)) == 6


@ON_SQLITE
async def test_an_outbox_that_cannot_be_written_is_told_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        room.environ["DIGEST_ALERTS__COMMAND"] = "tee -a alerts.txt"
        (tmp_path / "outbox").write_text("in the way", encoding="utf-8")
        service = room.service()
        await live(service)
        await live_at(service, room.clock, SLOT.instant, SLOT.instant + MINUTE, SLOT.instant + 2 * MINUTE)
        assert (tmp_path / "alerts.txt").read_text(encoding="utf-8").count("cannot be written") == 1
