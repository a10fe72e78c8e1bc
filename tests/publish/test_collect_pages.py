"""Articles' own pages: the picture that a feed lacks, and links that have died."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from feed_site import Answer, Story
from press import ON_SQLITE, SLOT, Press, press, utc

from digest.model import IssueState
from digest.publish import Collected, collect, draft
from digest.publish.pictures import find_dead
from digest.store import articles, issues
from digest.store.database import Store

HOUR = timedelta(hours=1)
FERRY, PIER = "https://cdn.ledger.example/ferry.jpg", "https://cdn.ledger.example/pier.jpg"


async def once(room: Press, *, conditional: bool = True, patient: bool = False) -> Collected:
    [collected] = await collect(room.desk(), conditional=conditional, patient=patient)
    return collected


def pictures(room: Press) -> dict[str, str]:
    with room.store.read() as session:
        found = [article for article, _ in articles.listing(session, 100)]
    return {article.guid: article.picture.url for article in found if article.picture}


def vanished(room: Press) -> set[str]:
    with room.store.read() as session:
        return {article.guid for article, _ in articles.listing(session, 100) if article.vanished}


def ferry(room: Press) -> Story:
    return room.site.stories[0]


# Pictures.


async def test_an_article_whose_feed_has_no_picture_shows_its_pages(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        ferry(room).image = FERRY
        await once(room)
        assert pictures(room) == {"ferry-runs-again": FERRY}
        made = draft(room.desk(), room.desk().settings.newsletter[0], SLOT)
        assert made.rendering is not None
        assert FERRY in made.rendering.html


@ON_SQLITE
async def test_a_page_is_asked_once_ever(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("with-one").image = FERRY
        for conditional in (True, True, False):
            await once(room, conditional=conditional)
            room.clock.now += HOUR
            room.publish(f"at-{room.clock.now:%H}")
        asked = [path for path in room.site.pages_asked if path.startswith("GET")]
        assert len(asked) == len(set(asked)) == 4


@ON_SQLITE
async def test_a_feeds_own_picture_goes_before_and_no_reading_wipes_the_pages_out(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        own = room.publish("with-its-own")
        own.text = f'<img src="{PIER}" width="800" height="600"> The pier is open.'
        own.image = ferry(room).image = FERRY
        await once(room)
        assert pictures(room) == {"ferry-runs-again": FERRY, "with-its-own": PIER}
        assert "GET /with-its-own" not in room.site.pages_asked
        ferry(room).title = "The ferry runs again, they say"
        collected = await once(room, conditional=False)
        [change] = collected.changes
        assert (change.article.guid, change.fields) == ("ferry-runs-again", ("title",))
        assert pictures(room)["ferry-runs-again"] == FERRY


async def test_a_picture_that_is_found_later_takes_no_approval_back(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        ferry(room).image = FERRY
        await once(room)
        newsletter = room.desk().settings.newsletter[0]
        before = draft(room.desk(), newsletter, SLOT)
        with store.write() as session:
            issues.approve(session, before.issue, room.clock())
        del room.environ["DIGEST_SITE__PAGE_PICTURES"]
        collected = await once(room, conditional=False)
        assert pictures(room) == {"ferry-runs-again": FERRY}
        assert collected.changes == ()
        after = draft(room.desk(), newsletter, SLOT)
        assert (after.issue.state, after.changed) == (IssueState.APPROVED, ())
        assert after.rendering == before.rendering
        assert before.rendering is not None
        assert FERRY not in before.rendering.html


@ON_SQLITE
async def test_an_issue_that_was_decided_with_a_pages_picture_keeps_its_approval(
    store: Store, tmp_path: Path
) -> None:
    async with press(store, tmp_path) as room:
        ferry(room).image = FERRY
        await once(room)
        newsletter = room.desk().settings.newsletter[0]
        made = draft(room.desk(), newsletter, SLOT)
        with store.write() as session:
            issues.approve(session, made.issue, room.clock())
        await once(room, conditional=False)
        assert draft(room.desk(), newsletter, SLOT).issue.state is IssueState.APPROVED
        ferry(room).title = "The ferry does not run after all"
        await once(room, conditional=False)
        assert draft(room.desk(), newsletter, SLOT).issue.state is IssueState.DRAFT


@ON_SQLITE
async def test_a_new_signature_of_a_picture_is_no_edit_and_another_picture_is(
    store: Store, tmp_path: Path
) -> None:
    def signed(name: str, signature: str) -> str:
        return (
            f'<img src="https://cdn.ledger.example/{name}.jpg?Expires={signature}" width="800" height="600">'
        )

    async with press(store, tmp_path) as room:
        ferry(room).text = signed("ferry", "1764000000&Signature=one")
        await once(room)
        newsletter = room.desk().settings.newsletter[0]
        made = draft(room.desk(), newsletter, SLOT)
        with store.write() as session:
            issues.approve(session, made.issue, room.clock())
        ferry(room).text = signed("ferry", "1764003600&Signature=two")
        collected = await once(room, conditional=False)
        assert collected.changes == ()
        assert pictures(room)["ferry-runs-again"].endswith("Signature=two")
        assert draft(room.desk(), newsletter, SLOT).issue.state is IssueState.APPROVED
        ferry(room).text = signed("pier", "1764007200&Signature=three")
        [change] = (await once(room, conditional=False)).changes
        assert change.fields == ("picture",)
        assert draft(room.desk(), newsletter, SLOT).issue.state is IssueState.DRAFT


@ON_SQLITE
async def test_a_picture_that_is_on_every_page_is_on_none(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        ferry(room).image = FERRY
        for name in ("pier-closed", "tide-late"):
            room.publish(name).image = PIER
        await once(room)
        assert pictures(room) == {"ferry-runs-again": FERRY}
        room.clock.now += HOUR
        room.publish("gull-seen").image = PIER
        await once(room)
        assert pictures(room) == {"ferry-runs-again": FERRY}


@ON_SQLITE
async def test_the_pages_of_what_nobody_will_mail_are_not_asked(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.publish("of-last-week", minutes_ago=5 * 24 * 60)
        behind = room.publish("behind-a-password")
        behind.text = '<form class="post-password-form"><input name="post_password"></form>'
        await once(room)
        assert room.site.pages_asked == ["GET /ferry-runs-again"]


@ON_SQLITE
async def test_with_the_key_off_no_page_is_asked(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_SITE__PAGE_PICTURES"] = "false"
        ferry(room).image = FERRY
        await once(room)
        assert room.site.pages_asked == []
        assert pictures(room) == {}


PAGES = {
    "an error": Answer(status=500),
    "not found": Answer(status=404),
    "no page": Answer(body=b"%PDF", headers={"Content-Type": "application/pdf"}),
    "elsewhere inside": Answer(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}),
    "in a circle": Answer(status=302, headers={"Location": "/ferry-runs-again"}),
    "a false compression": Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
}


@ON_SQLITE
@pytest.mark.parametrize("answer", PAGES.values(), ids=PAGES)
async def test_a_page_that_does_not_come_changes_nothing_and_keeps_no_other_from_it(
    store: Store, tmp_path: Path, answer: Answer
) -> None:
    async with press(store, tmp_path) as room:
        room.publish("pier-open").image = PIER
        room.site.answers["/ferry-runs-again"] = answer
        collected = await once(room)
        assert (collected.error, collected.gap) == ("", "")
        assert pictures(room) == {"pier-open": PIER}
        assert vanished(room) == set()


@ON_SQLITE
@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "http://10.0.0.1/x", "http://[::1]:9/x"]
)
async def test_a_feed_that_names_a_page_inside_is_not_followed(
    store: Store, tmp_path: Path, target: str
) -> None:
    async with press(store, tmp_path) as room:
        body = room.site.answer("/feed", {}).body
        there = f"<link>{room.site.base}/ferry-runs-again</link>".encode()
        assert there in body
        room.site.answers["/feed"] = Answer(body=body.replace(there, f"<link>{target}</link>".encode()))
        assert (await once(room)).error == ""
        assert pictures(room) == {}
        with store.read() as session:
            asked = session.connection().execute(sa.text("SELECT page_asked_at FROM article")).scalar_one()
        assert asked is not None


@ON_SQLITE
async def test_the_sites_own_page_is_no_articles(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        body = room.site.answer("/feed", {}).body
        link = f"<link>{room.site.base}/ferry-runs-again</link>".encode()
        room.site.answers["/feed"] = Answer(body=body.replace(link, b""))
        page = f'<html><head><meta property="og:image" content="{FERRY}"></head></html>'.encode()
        room.site.answers["/"] = Answer(body=page, headers={"Content-Type": "text/html"})
        await once(room)
        assert (pictures(room), room.site.asked[1:]) == ({}, ["/feed"])


@ON_SQLITE
async def test_a_long_page_is_read_as_far_as_its_head(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        page = f'<html><head><meta property="og:image" content="{FERRY}"></head><body>'.encode()
        html = {"Content-Type": "text/html"}
        room.site.answers["/ferry-runs-again"] = Answer(body=page + b"x" * 3_000_000, headers=html)
        await once(room)
        assert pictures(room) == {"ferry-runs-again": FERRY}


# Dead links.


async def fallen_off(room: Press) -> None:
    """Two articles wait; the site goes on, and its feed lists neither any more."""
    room.publish("pier-open", minutes_ago=5)
    await once(room)
    room.clock.now += HOUR
    room.site.per_page, room.site.paged = 2, "wordpress"
    for name in ("tide-late", "gull-seen"):
        room.publish(name, minutes_ago=1)
    room.site.answers["/feed?paged=2"] = Answer(status=404)
    await once(room)
    room.site.pages_asked.clear()


async def test_what_has_fallen_off_and_whose_link_is_dead_has_vanished(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.taken_down.add("pier-open")
        await once(room)
        assert vanished(room) == set()  # nobody asks before an issue is due
        collected = await once(room, conditional=False)
        assert [article.guid for article in collected.vanished] == ["pier-open"]
        assert vanished(room) == {"pier-open"}
        assert "HEAD /ferry-runs-again" in room.site.pages_asked
        assert "GET /ferry-runs-again" not in room.site.pages_asked
        held = draft(room.desk(), room.desk().settings.newsletter[0], SLOT).selection.articles
        assert {article.guid for article in held} == {"ferry-runs-again", "tide-late", "gull-seen"}


@ON_SQLITE
async def test_gone_is_as_dead_as_not_found(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.answers["/pier-open"] = Answer(status=410)
        await once(room, conditional=False)
        assert vanished(room) == {"pier-open"}


@ON_SQLITE
@pytest.mark.parametrize("status", [301, 400, 401, 403, 405, 429, 451, 500, 501, 503])
async def test_no_other_answer_is_death(store: Store, tmp_path: Path, status: int) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.answers["/pier-open"] = Answer(status=status)
        collected = await once(room, conditional=False)
        assert (collected.vanished, vanished(room)) == ((), set())


@ON_SQLITE
async def test_a_site_that_calls_living_pages_dead_is_not_believed(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.taken_down |= {"pier-open", "ferry-runs-again", "tide-late", "gull-seen"}
        collected = await once(room, conditional=False)
        assert (collected.vanished, vanished(room)) == ((), set())


SILENT = {
    "an error": Answer(status=503),
    "a refusal": Answer(status=403),
    "nothing": Answer(status=302, headers={"Location": "http://127.0.0.1:9/"}),
}


@ON_SQLITE
@pytest.mark.parametrize("answer", SILENT.values(), ids=SILENT)
async def test_nor_is_a_site_that_does_not_show_a_living_page(
    store: Store, tmp_path: Path, answer: Answer
) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.taken_down.add("pier-open")
        room.site.answers |= {"/tide-late": answer, "/gull-seen": answer}
        collected = await once(room, conditional=False)
        assert (collected.vanished, vanished(room)) == ((), set())
        room.site.up("/tide-late")
        room.site.up("/gull-seen")
        await once(room, conditional=False)
        assert vanished(room) == {"pier-open"}


async def test_links_that_one_run_has_no_time_for_are_asked_in_the_next(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        listed = (await collect(room.desk()))[0].shown
        assert {article.guid for article in listed} == {"tide-late", "gull-seen"}
        for _ in range(3):
            room.clock.now += HOUR
            await find_dead(room.desk(), {room.site.feed_url: listed}, lambda: None, most=1)
        assert room.site.pages_asked == ["HEAD /pier-open", "HEAD /ferry-runs-again", "HEAD /pier-open"]


@ON_SQLITE
async def test_the_links_of_a_feed_that_failed_are_not_asked(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        room.site.down()
        room.site.taken_down.add("pier-open")
        await once(room, conditional=False)
        assert room.site.pages_asked == []
        assert vanished(room) == set()


@ON_SQLITE
async def test_what_was_mailed_is_not_asked_after(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        await fallen_off(room)
        made = draft(room.desk(), room.desk().settings.newsletter[0], SLOT)
        with store.write() as session:
            reached = sa.text("UPDATE issue SET reached = TRUE, state = 'sent' WHERE id = :id")
            session.connection().execute(reached, {"id": made.issue.id})
        room.clock.now = utc("2026-11-24 13:00")
        await once(room, conditional=False)
        assert room.site.pages_asked == []
