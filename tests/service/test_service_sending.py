"""Sending that is slow, stuck, interrupted or taken over."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from press import DAILY, NEXT, ON_SQLITE, SLOT, live, live_at, press
from smtp_server import Bad, SmtpServer

from digest.errors import SenderBusyError
from digest.model import Channel, IssueState, Slot
from digest.store import issues, ledger, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit

MINUTE = timedelta(minutes=1)
EIGHT = Slot(name="2026-11-24T08:00", instant=SLOT.instant + timedelta(hours=1))


async def test_two_services_on_one_database_mail_each_reader_once(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=40) as room:
        one, two = room.service(), room.service()
        await live(one)
        room.clock.now = SLOT.instant
        # Both look at once; the role is one process's at a time.
        await asyncio.gather(one._look.once(), two._look.once())
        with room.store.sender():
            with pytest.raises(SenderBusyError), room.store.sender():
                pass
            await live(one)
        with room.store.sender():
            await live(two)
        assert len(room.copies) == 40
        assert set(room.copies.values()) == {1}
        assert room.told == [f"daily {SLOT.name}: 40 of 40 accepted"]
        with room.store.read() as session:
            assert len(issues.listing(session)) == 1


async def test_a_send_that_runs_into_the_next_slot_is_told_and_delays_no_issue(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, relay=SmtpServer(pause=0.05), readers=60) as room:
        room.newsletters = room.newsletters.replace("0 7 * * *", "0 7,8 * * *")
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service.pulse()
        await asyncio.sleep(0.2)
        assert room.issue().state is IssueState.SENDING
        room.publish("at-half-past-seven", minutes_ago=-30)
        room.clock.now = EIGHT.instant
        await service.pulse()
        assert room.issue(EIGHT).state is IssueState.SENDING
        assert room.issue().state is IssueState.SENDING
        assert room.told == [f"daily {SLOT.name} is slow"]
        await service.idle()
        assert room.issue().state is room.issue(EIGHT).state is IssueState.SENT
        assert set(room.copies.values()) == {2}
        for one in room.mailed:
            assert (b"Ferry runs again" in one.data) != (b"At half past seven" in one.data)
        assert sorted(room.told) == [
            f"Over: daily {SLOT.name} is slow",
            f"daily {SLOT.name} is slow",
            f"daily {SLOT.name}: 60 of 60 accepted",
            f"daily {EIGHT.name}: 60 of 60 accepted",
        ]


@ON_SQLITE
async def test_a_reader_who_is_only_put_off_makes_no_issue_slow(store: Store, tmp_path: Path) -> None:
    later = Bad(at="rcpt", how="451 4.7.1 come back later", to="reader1@mail.example")
    async with press(store, tmp_path, relay=SmtpServer(later)) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENDING
        assert len(room.mailed) == 2
        room.publish("second-day")
        await live_at(service, room.clock, SLOT.instant + timedelta(hours=23, minutes=50), NEXT.instant)
        assert not [subject for subject in room.told if "slow" in subject or "stalled" in subject]


@ON_SQLITE
async def test_deferred_readers_are_tried_again_when_they_are_due(store: Store, tmp_path: Path) -> None:
    once = Bad(at="rcpt", how="451 4.7.1 come back later", to="reader1@mail.example", times=[1])
    async with press(store, tmp_path, relay=SmtpServer(once)) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant, SLOT.instant + 4 * MINUTE)
        assert room.counts().pending == 1
        assert room.told == []
        await live_at(service, room.clock, SLOT.instant + 20 * MINUTE)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies.values()) == {1}
        assert room.told == [f"daily {SLOT.name}: 3 of 3 accepted"]


@ON_SQLITE
async def test_a_relay_that_takes_nothing_is_told_as_a_stall(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        command = tmp_path / "tell.sh"
        command.write_text("#!/bin/sh\ncat >> alerts.txt\n", encoding="utf-8")
        command.chmod(0o755)
        room.environ |= {"DIGEST_ALERTS__COMMAND": str(command), "DIGEST_SMTP__PORT": "1"}
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service.pulse()
        room.clock.now = SLOT.instant + 29 * MINUTE
        await service.pulse()
        assert not (tmp_path / "alerts.txt").exists()
        room.clock.now = SLOT.instant + 31 * MINUTE
        await service.pulse()
        told = (tmp_path / "alerts.txt").read_text(encoding="utf-8")
        assert f"daily {SLOT.name} has stalled" in told
        service._begin_stop()
        await service.idle()
        # Nobody was lost or blamed by it.
        assert room.counts().pending == 3
        del room.environ["DIGEST_SMTP__PORT"]
        await live(room.service())
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_a_relay_that_refuses_us_holds_the_issue_which_is_told_until_it_is_lifted(
    store: Store, tmp_path: Path
) -> None:
    refusal = Bad(at="mail", how="550 5.7.1 sender not allowed")
    async with press(store, tmp_path, relay=SmtpServer(refusal), readers=30) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        issue = room.issue()
        assert (issue.state, issue.hold_code) == (IssueState.HELD, "relay")
        # The alert went to the relay that refused it; what reached nobody is told again.
        assert room.told == []
        room.relay.bad.clear()
        await live_at(service, room.clock, *(SLOT.instant + minutes * MINUTE for minutes in (9, 11, 30)))
        assert room.told == [f"daily {SLOT.name} is held"]
        await live_at(room.service(), room.clock, SLOT.instant + 31 * MINUTE)
        assert len(room.told) == 1, "a restart forgets nothing"
        assert not room.mailed
        with room.store.write() as session:
            issues.resume(session, room.issue(), room.clock())
        await live_at(service, room.clock, SLOT.instant + 32 * MINUTE)
        assert room.issue().state is IssueState.SENT
        assert f"Over: daily {SLOT.name} is held" in room.told


@ON_SQLITE
async def test_a_used_up_quota_goes_on_by_itself_after_an_hour(store: Store, tmp_path: Path) -> None:
    quota = Bad(
        at="mail", how="454 4.7.0 Throttling failure: Daily message quota exceeded", times=[1, 2, 3, 4]
    )
    async with press(store, tmp_path, relay=SmtpServer(quota)) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert (room.issue().state, room.issue().hold_code) == (IssueState.HELD, "quota")
        room.relay.bad.clear()
        await live_at(service, room.clock, SLOT.instant + 59 * MINUTE)
        assert not room.mailed
        await live_at(service, room.clock, SLOT.instant + 61 * MINUTE)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies.values()) == {1}


async def test_an_issue_that_a_crash_left_behind_is_finished_after_a_restart(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=20) as room:
        service = room.service()
        await live_at(service, room.clock, room.clock())
        room.clock.now = SLOT.instant
        await service._look.once()
        with room.store.write() as session:
            frozen = room.issue()
            issues.move(session, frozen, IssueState.SENDING, room.clock(), allowed=(IssueState.FROZEN,))
            batch = ledger.take(session, frozen, 0, ask=False, now=room.clock())
            assert len(ledger.rows(session, batch, ledger.epoch(room.clock()))) == 20
        room.clock.now += MINUTE
        await live(room.service())
        assert len(room.copies) == 20
        assert set(room.copies.values()) == {1}
        assert room.issue().state is IssueState.SENT


@ON_SQLITE
async def test_an_end_that_a_crash_kept_from_being_told_is_told_after_the_restart(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service._look.once()
        await service._dispatch.send_open()
        await service._dispatch.drained()
        assert room.issue().state is IssueState.SENT
        assert room.told == []
        await live(room.service())
        await live(room.service())
        assert room.told == [f"daily {SLOT.name}: 3 of 3 accepted"]
        assert room.pings == 1


@ON_SQLITE
async def test_an_issue_that_reached_nobody_is_an_alert_and_no_ping(store: Store, tmp_path: Path) -> None:
    dead = Bad(at="rcpt", how="550 5.1.1 no such user")
    async with press(store, tmp_path, relay=SmtpServer(dead), readers=1) as room:
        room.environ["DIGEST_ALERTS__COMMAND"] = "tee alert.txt"
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENT
        assert "0 of 1 accepted" in (tmp_path / "alert.txt").read_text(encoding="utf-8")
        assert room.pings == 0


@ON_SQLITE
async def test_the_issue_of_a_newsletter_that_was_taken_out_keeps_no_other_from_being_sent(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters = '[[newsletter]]\nname = "old"\nschedule = "0 6 * * *"\n' + room.newsletters
        room.subscribe(2, newsletter="old", first=90)
        await live(room.service())
        room.clock.now = SLOT.instant - timedelta(hours=1)
        service = room.service()
        await service._look.once()
        room.newsletters = DAILY
        restarted = room.service()
        await live_at(restarted, room.clock, SLOT.instant, SLOT.instant + MINUTE)
        assert room.issue().state is IssueState.SENT
        [alert] = [letter for letter in room.letters if "trouble with sending old" in str(letter["Subject"])]
        assert "There is no newsletter 'old'" in alert.get_content()
        await live_at(restarted, room.clock, SLOT.instant + 31 * MINUTE)
        assert "old 2026-11-24T06:00 has stalled" in room.told


@ON_SQLITE
async def test_a_broken_template_of_one_newsletter_keeps_no_other_from_being_sent(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters = (
            '[[newsletter]]\nname = "broken"\nschedule = "0 7 * * *"\nsubject = "{{ nothing.at.all }}"\n'
            + room.newsletters
        )
        room.subscribe(1, newsletter="broken", first=90)
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant, SLOT.instant + MINUTE)
        assert room.issue().state is IssueState.SENT
        assert set(room.copies) == {f"reader{number}@mail.example" for number in (1, 2, 3)}
        told = [subject for subject in room.told if "trouble" in subject]
        assert told == [f"digest: trouble with broken {SLOT.name}"]
        assert room.issue(newsletter="broken").state is IssueState.DRAFT


@ON_SQLITE
async def test_nothing_new_is_begun_once_a_stop_was_asked_for(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service._look.once()
        assert room.issue().state is IssueState.FROZEN
        service._begin_stop()
        await live(service)
        assert not room.mailed
        await live(room.service())
        assert set(room.copies.values()) == {1}


@ON_SQLITE
async def test_what_is_on_the_wire_when_a_stop_comes_is_waited_for(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(pause=0.05), readers=40) as room:
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service.pulse()
        while len(room.mailed) < 8:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        service._begin_stop()
        await service.idle()
        counts = room.counts()
        assert 8 <= counts.accepted == len(room.mailed) < 40
        assert (counts.submitting, counts.unknown, counts.doubtful) == (0, 0, 0)
        assert counts.pending == 40 - counts.accepted
        room.relay.pause = 0
        await live(room.service())
        assert set(room.copies.values()) == {1}
        assert len(room.copies) == 40


@ON_SQLITE
async def test_a_reader_who_leaves_in_mid_send_is_withdrawn(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=3) as room:
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service._look.once()
        with room.store.write() as session:
            reader = subscribers.find(session, "reader2@mail.example")
            assert reader is not None
            subscribers.leave(session, reader.id, ["daily"], Visit(channel=Channel.PAGE), room.clock())
        await live(service)
        assert set(room.copies) == {"reader1@mail.example", "reader3@mail.example"}
        assert room.counts().withdrawn == 1
