"""An issue waits while an editor is asked about articles, and goes on by itself once there is an answer."""

from datetime import timedelta
from pathlib import Path

import pytest
from press import ON_SQLITE, SLOT, Press, press

from digest.model import Issue, IssueState, Verdict
from digest.publish import collect, draft, freeze
from digest.store import articles, issues
from digest.store.database import Store

pytestmark = ON_SQLITE


async def suddenly(room: Press) -> None:
    """Let the feed show nothing but stories that nobody knows, and older ones."""
    desk = room.desk()
    await collect(desk, conditional=False)
    room.clock.now += timedelta(hours=1)
    room.site.stories.clear()
    for number in range(6):
        room.publish(f"old-{number}", minutes_ago=90 + number)
    await collect(desk, conditional=False)


def drafted(room: Press) -> Issue:
    desk = room.desk()
    return draft(desk, desk.settings.newsletter[0], SLOT).issue


def answer(room: Press, *, news: bool) -> None:
    with room.store.write() as session:
        asked = [one.id for one in articles.asked(session, "daily", [room.site.feed_url])]
        assert articles.answer(session, "daily", asked, room.clock(), news=news, by="ada") == 6


async def test_a_draft_is_held_and_says_what_to_do(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await suddenly(room)
        held = drafted(room)
        assert (held.state, held.hold_code, held.held_from) == (IssueState.HELD, "articles", IssueState.DRAFT)
        assert held.reason.startswith("6 articles look like a re-imported archive")
        assert "`digest articles accept --all` mails what is in question, `--none`" in held.reason
        assert drafted(room) == held


@pytest.mark.parametrize(("news", "held_many"), [(True, 6), (False, 0)])
async def test_an_answer_lifts_the_hold_at_the_next_draft(
    store: Store, tmp_path: Path, news: bool, held_many: int
) -> None:
    async with press(store, tmp_path) as room:
        await suddenly(room)
        drafted(room)
        answer(room, news=news)
        assert drafted(room).state is IssueState.DRAFT
        decided = room.decided()
        assert sum(guid.startswith("old-") for guid in decided) == held_many


async def test_an_approved_issue_keeps_its_approval_over_the_question(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        await collect(desk, conditional=False)
        issue = drafted(room)
        with store.write() as session:
            issues.approve(session, issue, room.clock())
        room.publish("late")
        await collect(desk, conditional=False)
        with store.write() as session:
            session.connection().exec_driver_sql(
                f"UPDATE judgement SET verdict = '{Verdict.ASKED.value}' WHERE article_id = 2"
            )
        held = drafted(room)
        assert (held.state, held.held_from) == (IssueState.HELD, IssueState.APPROVED)
        with store.write() as session:
            articles.answer(session, "daily", [2], room.clock(), news=True, by="ada")
        assert drafted(room).state is IssueState.APPROVED
        assert room.decided() == {"ferry-runs-again": "included"}


async def test_nothing_is_frozen_while_there_is_a_question(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        await collect(desk, conditional=False)
        before = drafted(room)
        await suddenly(room)
        [newsletter] = desk.settings.newsletter
        held = await freeze(desk, newsletter, before)
        assert (held.state, held.hold_code) == (IssueState.HELD, "articles")
        answer(room, news=False)
        frozen = await freeze(desk, newsletter, held)
        assert frozen.state is IssueState.FROZEN


async def test_a_question_is_named_with_its_newsletter_where_there_are_several(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += '[[newsletter]]\nname = "noon"\nschedule = "0 12 * * *"\n'
        await suddenly(room)
        assert "--all --newsletter daily" in drafted(room).reason
