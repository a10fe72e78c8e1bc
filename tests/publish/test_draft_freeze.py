"""Drafts follow the feed until they are frozen, and freezing happens once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from press import NEXT, ON_SQLITE, SLOT, Press, press

from digest.desk import Desk
from digest.errors import IssueError, RenderError
from digest.model import Issue, IssueState
from digest.publish import Draft, collect, draft, freeze, sample, select_for
from digest.publish.report import report
from digest.store import issues, ledger
from digest.store.database import Store

HOUR = timedelta(hours=1)


async def drafted(desk: Desk) -> Draft:
    await collect(desk, conditional=False)
    return draft(desk, desk.settings.newsletter[0], SLOT)


def approve(room: Press) -> Issue:
    with room.store.write() as session:
        return issues.approve(session, room.issue(), room.clock())


def events(room: Press) -> int:
    with room.store.read() as session:
        query = "SELECT count(*) FROM event WHERE issue_id IS NOT NULL"
        return int(session.connection().exec_driver_sql(query).scalar_one())


async def test_a_second_draft_of_the_same_articles_changes_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        first = await drafted(desk)
        noted = events(room)
        second = await drafted(desk)
        assert second.rendering == first.rendering
        assert second.issue == first.issue
        assert second.selection == first.selection
        assert events(room) == noted
        with store.read() as session:
            assert len(issues.listing(session)) == 1


@ON_SQLITE
async def test_a_draft_follows_the_feed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        await drafted(desk)
        room.site.stories[0].title = "Ferry runs again, corrected"
        room.publish("mayor-resigns", minutes_ago=1)
        made = await drafted(desk)
        assert made.rendering is not None
        assert made.rendering.subject == "Mayor resigns"
        assert "corrected" in made.rendering.html
        assert made.changed == ()


@ON_SQLITE
async def test_a_draft_that_has_lost_its_articles_has_nothing_to_approve(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=3 * 24 * 60)
        desk = room.desk()
        assert (await drafted(desk)).rendering is not None
        room.site.stories.pop(0)
        made = await drafted(desk)
        assert made.rendering is None
        with pytest.raises(IssueError, match="nothing to approve"):
            approve(room)


@ON_SQLITE
async def test_an_approved_issue_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        first = await drafted(desk)
        approve(room)
        room.publish("too-late")
        again = await drafted(desk)
        assert again.rendering == first.rendering
        assert again.issue.state is IssueState.APPROVED


@ON_SQLITE
async def test_what_was_frozen_is_drafted_no_more(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        first = await drafted(desk)
        frozen = await freeze(desk, desk.settings.newsletter[0], first.issue)
        assert frozen.state is IssueState.FROZEN
        room.site.stories[0].title = "Ferry runs again, corrected"
        again = await drafted(desk)
        assert again.issue == frozen
        assert again.rendering == first.rendering


@ON_SQLITE
async def test_an_article_that_another_issue_has_mailed_takes_an_approval_back(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        first = await drafted(desk)
        tomorrow = draft(desk, newsletter, NEXT)
        with store.write() as session:
            issues.approve(session, tomorrow.issue, room.clock())
            # The first is frozen with the same article by somebody who drafted it before.
            ledger.freeze(session, first.issue, room.clock())
        again = draft(desk, newsletter, NEXT)
        assert again.changed == ("Ferry runs again",)
        assert again.issue.state is IssueState.DRAFT
        assert again.rendering is None


@ON_SQLITE
async def test_selecting_and_sampling_change_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        assert sample(desk, newsletter, SLOT.local.date()) is None
        await collect(desk)
        assert [article.guid for article in select_for(desk, newsletter).articles] == ["ferry-runs-again"]
        shown = sample(desk, newsletter, SLOT.local.date())
        assert shown is not None
        assert "Ferry runs again" in shown.html
        assert room.find() is None


@ON_SQLITE
async def test_a_mistake_in_the_subject_freezes_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.newsletters += 'subject = "{{ articles[7].title }}"\n'
        desk = room.desk()
        with pytest.raises(RenderError):
            await drafted(desk)
        assert room.issue().state is IssueState.DRAFT
        room.newsletters = room.newsletters.replace("articles[7]", "articles[0]")
        assert (await drafted(room.desk())).rendering is not None


async def test_among_those_who_freeze_at_once_one_does(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=50) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        made = await drafted(desk)
        ended = await asyncio.gather(
            *(freeze(desk, newsletter, made.issue) for _ in range(4)), return_exceptions=True
        )
        won = [one for one in ended if isinstance(one, Issue)]
        assert len(won) == 1
        assert all(isinstance(one, IssueError) for one in ended if one not in won)
        assert (won[0].state, won[0].audience) == (IssueState.FROZEN, 50)
        assert room.counts().pending == room.counts().total == 50


async def test_an_approval_and_a_draft_that_race_leave_the_bytes_that_were_approved(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        [newsletter] = desk.settings.newsletter
        await drafted(desk)
        for number in range(6):
            room.publish(f"story-{number}")
            await collect(desk, conditional=False)

            def approved() -> object:
                approve(room)
                with store.read() as session:
                    return issues.latest_rendering(session, room.issue().id)

            def renewed() -> object:
                return draft(desk, newsletter, SLOT)

            calls: list[Callable[[], object]] = [renewed, approved, renewed]
            _, what, _ = await asyncio.gather(*(asyncio.to_thread(call) for call in calls))
            with store.write() as session:
                assert issues.latest_rendering(session, room.issue().id) == what
                issues.move(
                    session, room.issue(), IssueState.DRAFT, room.clock(), allowed=(IssueState.APPROVED,)
                )


# Reports.


@ON_SQLITE
async def test_a_report_of_a_skipped_issue_says_why(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        made = await drafted(desk)
        with store.write() as session:
            skipped = issues.move(
                session,
                made.issue,
                IssueState.SKIPPED,
                room.clock(),
                allowed=(IssueState.DRAFT,),
                reason="too few articles",
            )
        assert skipped is not None
        assert report(desk, skipped) == (
            f"daily {SLOT.name}: skipped",
            f"daily {SLOT.name} is skipped: too few articles.\n",
        )
