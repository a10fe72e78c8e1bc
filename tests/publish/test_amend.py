"""A wrong headline is going out: held, amended, resumed. What was sent stays, the rest gets the new words."""

from dataclasses import replace
from pathlib import Path

import pytest
from press import ON_SQLITE, SLOT, Press, press

from digest.desk import Desk
from digest.errors import IssueError, RenderError
from digest.model import Decision, Issue, IssueState, Rendering
from digest.publish import amend as amending
from digest.publish import collect, draft, freeze
from digest.publish.amend import Amendment
from digest.publish.extra import draft_extra
from digest.publish.letter import letter
from digest.publish.parts import to_edit
from digest.publish.report import report
from digest.store import issues
from digest.store.database import Store

pytestmark = ON_SQLITE


async def held(room: Press) -> tuple[Desk, Amendment]:
    """Freeze the issue of two articles, and hold it."""
    room.publish("mayor-resigns", minutes_ago=1)
    desk = room.desk()
    await collect(desk, conditional=False)
    newsletter = desk.settings.newsletter[0]
    await freeze(desk, newsletter, draft(desk, newsletter, SLOT).issue)
    with room.store.write() as session:
        issue = issues.hold(session, room.issue(), "operator", "wrong", room.clock())
    return desk, amending.standing(desk, issue)


def stored(room: Press) -> Rendering:
    with room.store.read() as session:
        found = issues.latest_rendering(session, room.issue().id)
    assert found is not None
    return found


async def test_another_subject_leaves_the_body_as_it_was_but_for_the_pages_title(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        made = amending.with_subject(made, "Mayor <stays>: {{ yes }}")
        assert made.about == ["subject"]
        issue = amending.amend(desk, made)
        after = stored(room)
        assert (issue.revision, issue.state) == (2, IssueState.HELD)
        assert after.subject == "Mayor <stays>: {{ yes }}"
        assert "<title>Mayor &lt;stays&gt;: {{ yes }}</title>" in after.html
        assert after.html.count("Mayor resigns") == made.before.html.count("Mayor resigns") - 1
        assert after.text == made.before.text


async def test_the_same_articles_are_shown_as_the_site_has_them_now(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        room.site.stories[1].title = "Mayor stays"
        room.publish("new-since", minutes_ago=0)
        await collect(desk, conditional=False)
        made = amending.from_articles(desk, made, "")
        assert (made.after.subject, made.about) == ("Mayor stays", ["subject", "body"])
        assert "New since" not in made.after.html
        amending.amend(desk, made)
        with room.store.read() as session:
            # What it decided on is what it shows now, and not edited since.
            assert issues.overtaken(session, room.issue().id) == []


async def test_a_subject_that_was_given_outlasts_what_the_site_says_later(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        issue = amending.amend(desk, amending.with_subject(made, "The mayor"))
        room.site.stories[1].title = "Mayor stays"
        await collect(desk, conditional=False)
        again = amending.standing(desk, issue)
        made = amending.from_articles(desk, again, "")
        assert (made.after.subject, made.about) == ("The mayor", ["body"])
        assert amending.from_articles(desk, again, "Another").after.subject == "Another"


async def test_an_article_that_the_site_has_trashed_is_taken_out_and_is_free_again(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=60)
        desk, made = await held(room)
        del room.site.stories[2]
        await collect(desk, conditional=False)
        made = amending.from_articles(desk, made, "")
        assert made.taken_out == ("Mayor resigns",)
        assert "Mayor resigns" not in made.after.html
        amending.amend(desk, made)
        assert sorted(room.decided().values()) == [
            *([Decision.INCLUDED.value] * 2),
            Decision.VANISHED.value,
        ]


async def test_an_article_that_somebody_has_got_stays_spent(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("older-story", minutes_ago=60)
        desk, made = await held(room)
        with room.store.write() as session:
            session.connection().exec_driver_sql("UPDATE issue SET reached = 1")
        del room.site.stories[2]
        await collect(desk, conditional=False)
        issue = replace(made.issue, reached=True)
        amending.amend(desk, amending.from_articles(desk, replace(made, issue=issue), ""))
        assert set(room.decided().values()) == {Decision.INCLUDED.value}


async def test_where_no_article_is_left_nothing_is_amended(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        with room.store.write() as session:
            session.connection().exec_driver_sql("UPDATE article SET protected = 1")
        with pytest.raises(IssueError, match="no article that could be shown"):
            amending.from_articles(desk, made, "")


async def test_both_parts_can_be_edited_by_hand(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        page, text = (to_edit(one, made.before.nonce) for one in (made.before.html, made.before.text))
        same = amending.from_parts(made, page, text)
        assert same.about == []
        assert same.after == made.before
        edited = amending.from_parts(
            made, page.replace("Mayor resigns", "Mayor stays"), text.replace("Mayor resigns", "Mayor stays")
        )
        assert edited.about == ["body"]
        amending.amend(desk, edited)
        assert "Mayor stays" in stored(room).html
        assert made.before.nonce in stored(room).html


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("<p>no way out</p>", "no unsubscribe link"),
        ("<script></script><p>{{ reader.unsubscribe_url }}</p>", "block '<script'"),
        ("<p>{{ reader.unsubscribe_url }}</p>" + "x" * 91_000, "octets"),
        ("<p>{{ reader.surname }}</p>", "no reader.surname"),
    ],
)
async def test_a_page_that_no_mail_may_be_is_refused(
    store: Store, tmp_path: Path, page: str, problem: str
) -> None:
    async with press(store, tmp_path) as room:
        _, made = await held(room)
        with pytest.raises(RenderError, match=problem):
            amending.from_parts(made, page, "{{ reader.unsubscribe_url }}")


async def test_an_extras_words_can_be_other_ones(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk = room.desk()
        newsletter = desk.settings.newsletter[0]
        first = letter(
            desk, newsletter, SLOT.local.date(), subject="Sorry", body="Late.", nonce="0123456789abcdef"
        )
        issue = await freeze(desk, newsletter, draft_extra(desk, newsletter, "correction", first))
        with room.store.write() as session:
            issue = issues.hold(session, issue, "operator", "wrong", room.clock())
        made = amending.from_words(desk, amending.standing(desk, issue), "", "On time.")
        assert (made.after.subject, made.about) == ("Sorry", ["body"])
        assert amending.amend(desk, made).revision == 2


async def test_a_subject_that_cannot_be_sent_is_told_before_the_issue_is_resumed(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        with pytest.raises(RenderError, match="subject is empty"):
            amending.amend(desk, amending.with_subject(made, "Re: "))
        assert room.issue().revision == 1


async def test_the_report_tells_how_many_have_which_words(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        desk, made = await held(room)
        amending.amend(desk, amending.with_subject(made, "The mayor"))
        with room.store.write() as session:
            session.connection().exec_driver_sql("UPDATE delivery SET state = 2")
            session.connection().exec_driver_sql("UPDATE delivery SET revision = 2 WHERE subscriber_id > 1")
            session.connection().exec_driver_sql("UPDATE issue SET state = 'sent'")
        _, text = report(desk, ended(room))
        assert "Subject     The mayor\n" in text
        assert "Revision 1  1 accepted\nRevision 2  2 accepted\n" in text


def ended(room: Press) -> Issue:
    issue = room.issue()
    assert issue.state is IssueState.SENT
    return issue
