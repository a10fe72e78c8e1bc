"""What the operator hears, and what a watchdog: each trouble once, its end once, and no ping that lies."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from feed_site import Answer
from press import NEXT, ON_SQLITE, SLOT, Press, live, live_at, live_until, press
from smtp_server import Bad, SmtpServer
from sqlmodel import select

from digest.model import IssueState, Verdict
from digest.store import issues
from digest.store.database import Store
from digest.store.tables import FeedRow, JudgementRow

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def over(subject: str) -> list[str]:
    return [subject, f"Over: {subject}"]


@ON_SQLITE
async def test_a_feed_that_falls_silent_is_told_once_and_its_next_article_ends_that(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path, readers=1) as room:
        for number in range(1, 90):
            room.publish(f"story-{number}", minutes_ago=10 + 120 * number)
        service = room.service()
        await live_until(service, room.clock, room.clock() + 23 * HOUR, every=60)
        silent = f"The feed {room.site.feed_url} has fallen silent"
        assert silent not in room.told
        await live_until(service, room.clock, room.clock() + 4 * DAY, every=180)
        assert room.told.count(silent) == 1
        room.publish("back-again")
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        assert [subject for subject in room.told if "silent" in subject] == over(silent)


@ON_SQLITE
async def test_a_feed_that_fails_meanwhile_does_not_end_its_silence(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=1) as room:
        for number in range(1, 90):
            room.publish(f"story-{number}", minutes_ago=10 + 120 * number)
        service = room.service()
        await live_at(service, room.clock, room.clock(), room.clock() + 30 * HOUR)
        room.site.down()
        await live_at(service, room.clock, room.clock() + HOUR)
        assert not [subject for subject in room.told if subject.startswith("Over: The feed")]


@ON_SQLITE
async def test_a_site_that_blocks_us_is_told_before_it_matters(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.site.down(status=403)
        await live_until(service, room.clock, room.clock() + 35 * MINUTE, every=16)
        assert room.told == [f"The feed {room.site.feed_url} is refused to us by its site"]
        assert "allow the user agent" in room.letters[0].get_content().replace("\n", " ")


@ON_SQLITE
async def test_each_gap_is_told_once_and_so_is_its_end(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await live(room.service())

        def gap(text: str | None, at: datetime | None = None) -> None:
            with room.store.write() as session:
                row = session.exec(select(FeedRow)).one()
                row.gap, row.gap_at = text, at
                session.add(row)

        said = f"Articles of {room.site.feed_url} may be missing"
        # What was known before a gap is what closes it.
        gap("Articles of Monday are missing.", room.clock() - DAY)
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        assert room.told == [said]
        gap(None)
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        assert room.told == over(said)
        gap("Articles of Friday are missing.", room.clock() - HOUR)
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        assert room.told == [*over(said), said]
        assert "Friday" in room.letters[-1].get_content()


@ON_SQLITE
async def test_a_gap_that_nothing_has_closed_in_time_is_given_up_and_not_over(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        await live(room.service())
        with room.store.write() as session:
            row = session.exec(select(FeedRow)).one()
            row.gap, row.gap_at = "Articles of Monday are missing.", room.clock() - DAY
            session.add(row)
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        span = room.settings().newsletter[0].max_age
        await live_at(room.service(), room.clock, *(room.clock() + span + n * HOUR for n in range(2)))
        said = f"Articles of {room.site.feed_url} may be missing"
        told = [letter for letter in room.letters if said in str(letter["Subject"])]
        assert [str(one["Subject"]) for one in told] == [said, f"Given up: {said}"]
        assert "not looked for any more" in told[1].get_content().replace("\n", " ")


@ON_SQLITE
async def test_a_feed_of_which_articles_cannot_be_read_is_told_once_if_that_lasts_and_so_is_its_end(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        whole = room.site.answer("/feed", {})
        nameless = whole.body.replace(b"<item>", b"<item><title>Nameless</title></item><item>", 1)
        damaged = f"Articles of {room.site.feed_url} cannot be read"
        room.site.answers["/feed"] = Answer(body=nameless, headers=whole.headers)
        await live_until(room.service(), room.clock, room.clock() + 100 * MINUTE, every=25)
        assert room.told == []
        await live_until(room.service(), room.clock, room.clock() + 2 * DAY, every=240)
        told = [letter for letter in room.letters if damaged in str(letter["Subject"])]
        assert [str(one["Subject"]) for one in told] == [damaged]
        assert "1 of 2 items" in told[0].get_content()
        room.site.up()
        await live_at(room.service(), room.clock, room.clock() + 20 * MINUTE)
        assert [subject for subject in room.told if damaged in subject] == over(damaged)


@ON_SQLITE
async def test_a_feed_that_is_damaged_and_loses_nothing_is_not_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, now=SLOT.instant + HOUR) as room:
        whole = room.site.answer("/feed", {})
        room.site.answers["/feed"] = Answer(body=b"\n" + whole.body, headers=whole.headers)
        await live_until(room.service(), room.clock, room.clock() + 3 * HOUR, every=60)
        with room.store.read() as session:
            assert "White space" in (session.exec(select(FeedRow.complaints)).one() or "")
        assert room.told == []


@ON_SQLITE
async def test_articles_in_question_are_told_until_they_are_answered(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)

        def judge(verdict: Verdict) -> None:
            with room.store.write() as session:
                row = session.exec(select(JudgementRow)).one()
                row.verdict = verdict
                session.add(row)

        judge(Verdict.ASKED)
        await live_at(service, room.clock, room.clock() + 20 * MINUTE, room.clock() + 40 * MINUTE)
        assert room.told == ["daily: articles in question"]
        assert "digest articles accept --all" in room.letters[0].get_content().replace("\n", " ")
        judge(Verdict.DECLINED)
        await live_at(service, room.clock, room.clock() + 20 * MINUTE)
        assert room.told == over("daily: articles in question")


@ON_SQLITE
async def test_approval_that_is_given_ends_the_waiting(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += 'approval = "required"\n'
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        with room.store.write() as session:
            issues.approve(session, room.issue(), room.clock())
        await live_at(room.service(), room.clock, SLOT.instant + 10 * MINUTE)
        waits = f"daily {SLOT.name} waits for approval"
        assert sorted(room.told) == sorted([*over(waits), f"daily {SLOT.name}: 3 of 3 accepted"])


@ON_SQLITE
async def test_a_feed_that_was_waited_for_ends_the_waiting(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        room.site.down()
        await live_until(service, room.clock, SLOT.instant + 10 * MINUTE, every=60)
        room.site.up()
        await live_until(service, room.clock, SLOT.instant + 20 * MINUTE, every=5)
        assert [one for one in room.told if "waiting" in one] == over("daily: waiting for a feed")


@ON_SQLITE
async def test_a_template_that_is_mended_ends_its_trouble(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        plain = room.newsletters
        room.newsletters += 'subject = "{{ nothing.at.all }}"\n'
        await live_at(room.service(), room.clock, room.clock(), SLOT.instant)
        room.newsletters = plain
        service = room.service()
        await live_until(service, room.clock, SLOT.instant + 15 * MINUTE, every=1)
        assert [one for one in room.told if "trouble" in one] == over(
            f"digest: trouble with daily {SLOT.name}"
        )


@ON_SQLITE
async def test_a_stall_is_over_once_something_moves_and_not_by_a_restart(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.environ |= {"DIGEST_ALERTS__COMMAND": "tee -a told.txt", "DIGEST_SMTP__PORT": "1"}
        service = room.service()
        await live(service)
        room.clock.now = SLOT.instant
        await service.pulse()
        room.clock.now += 31 * MINUTE
        await service.pulse()
        service._begin_stop()
        await service.idle()
        restarted = room.service()
        room.clock.now += MINUTE
        await restarted.pulse()
        told = tmp_path / "told.txt"
        assert told.read_text(encoding="utf-8").count("has stalled") == 1
        restarted._begin_stop()
        await restarted.idle()
        del room.environ["DIGEST_SMTP__PORT"]
        await live_at(room.service(), room.clock, room.clock() + MINUTE)
        assert f"Over: daily {SLOT.name} has stalled" in told.read_text(encoding="utf-8")


def beside(room: Press, other: SmtpServer) -> None:
    room.environ |= {
        "DIGEST_SMTP__RELAYS__OTHER__HOST": "127.0.0.1",
        "DIGEST_SMTP__RELAYS__OTHER__PORT": str(other.port),
        "DIGEST_SMTP__RELAYS__OTHER__SECURITY": "none",
    }


async def test_a_relay_that_is_left_out_beside_a_good_one_is_told_until_it_is_back(
    store: Store, tmp_path: Path
) -> None:
    refusal = Bad(at="mail", how="550 5.7.1 sender not allowed")
    async with press(store, tmp_path, readers=40) as room, SmtpServer(refusal) as other:
        beside(room, other)
        service = room.service()
        await live_at(service, room.clock, room.clock(), SLOT.instant)
        assert room.issue().state is IssueState.SENT
        left_out = f"The relay 127.0.0.1:{other.port} is left out"
        assert left_out in room.told
        [letter] = [one for one in room.letters if str(one["Subject"]) == left_out]
        assert "sender not allowed" in letter.get_content().replace("\n", " ")
        assert f"Over: {left_out}" not in room.told
        other.bad.clear()
        room.publish("second-day")
        await live_at(room.service(), room.clock, NEXT.instant)
        assert [one for one in room.told if "relay" in one] == over(left_out)


@ON_SQLITE
async def test_one_relay_alone_is_never_called_left_out(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, relay=SmtpServer(Bad(at="mail", how="550 5.7.1 no"))) as room:
        room.environ["DIGEST_ALERTS__COMMAND"] = "tee -a told.txt"
        await live_at(room.service(), room.clock, room.clock(), SLOT.instant)
        assert "left out" not in (tmp_path / "told.txt").read_text(encoding="utf-8")


@ON_SQLITE
@pytest.mark.parametrize("how", ["held", "skipped", "refused", "feed down"])
async def test_an_issue_that_fails_calls_no_ping(store: Store, tmp_path: Path, how: str) -> None:
    async with press(store, tmp_path) as room:
        service = room.service()
        await live(service)
        if how == "held":
            room.site.down("/healthz")
        elif how == "refused":
            room.relay.bad.append(Bad(at="rcpt", how="550 5.1.1 no such user"))
        elif how == "feed down":
            room.site.down()
        late = 7 * HOUR if how in {"skipped", "feed down"} else timedelta()
        await live_at(service, room.clock, SLOT.instant + late)
        assert not room.issue().reached
        assert room.pings == 0
