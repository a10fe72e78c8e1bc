"""What a site may do from one day to the next, and the issues that have to come of it.

Each case is a table: when (UTC, November or as said), and what is done on the site or by an editor. The
service looks around after each step. Slots are at 7 in New York, which is noon by UTC in winter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feed_site import Story
from press import DAILY, ON_SQLITE, Press, live, press

from digest.model import Decision, IssueState
from digest.store import articles, issues, marks
from digest.store.database import Store

BASELINE = ("11-23 20:00", "post harbour 11-20 10:00; post ferry")
"""The newsletter begins in the afternoon before: one story is old by then, one is of today."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Steps in time, and the issues by their day: slugs in the order in which they are shown."""

    steps: list[tuple[str, str]]
    issues: dict[str, str]
    newsletters: str = DAILY
    begins: tuple[str, str] = BASELINE


@dataclass(kw_only=True)
class Post(Story):
    """A story whose identity and address may change."""

    guid: str = ""
    host: str = ""

    def item(self, base: str) -> str:
        here = super().item(base).replace(f">{self.slug}</guid>", f">{self.guid}</guid>")
        return here.replace(f"<link>{base}/", f"<link>{self.host or base}/")


def slots(expression: str, more: str = "") -> str:
    return DAILY.replace('"0 7 * * *"', f'"{expression}"') + more


APPROVED = DAILY + 'approval = "required"\n'
FULL = DAILY + "max_articles = 2\n"
LOOK = ""

CASES = {
    "the first issue holds the last day": Case(
        steps=[("11-24 03:00", "post tides"), ("11-24 12:00", LOOK), ("11-25 12:00", LOOK)],
        issues={"11-24": "tides ferry"},
    ),
    "late and back-dated articles go into the next issue": Case(
        steps=[
            ("11-24 12:00", LOOK),
            ("11-24 15:00", "post late 11-21 09:00; post later 11-24 02:00"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry", "11-25": "later late"},
    ),
    "what is older than a week when it first shows is never mailed": Case(
        steps=[("11-24 12:00", LOOK), ("11-24 15:00", "post archive 11-16 09:00"), ("11-25 12:00", LOOK)],
        issues={"11-24": "ferry"},
    ),
    "a burst beyond the feed's ten items": Case(
        steps=[("11-24 12:00", LOOK), ("11-24 15:00", "burst 14"), ("11-25 12:00", LOOK)],
        issues={"11-24": "ferry", "11-25": " ".join(f"burst-{n}" for n in range(14))},
    ),
    "an outage over a slot delays its issue": Case(
        steps=[
            ("11-24 08:00", "down"),
            ("11-24 12:00", LOOK),
            ("11-24 14:00", "post tides; up"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "tides ferry"},
    ),
    "an outage beyond the grace skips the issue and loses nothing": Case(
        steps=[
            ("11-24 08:00", "down"),
            ("11-24 12:00", LOOK),
            ("11-24 19:00", LOOK),
            ("11-24 20:00", "post tides; up"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-25": "tides ferry"},
    ),
    "a feed that is down at the slot is stood in for by its last good fetch": Case(
        steps=[
            ("11-24 11:30", "post tides"),
            ("11-24 11:45", "post unseen; down"),
            ("11-24 12:00", LOOK),
            ("11-24 13:00", "up"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "tides ferry", "11-25": "unseen"},
    ),
    "the night that has an hour twice has one issue": Case(
        newsletters=slots("30 1 * * *"),
        begins=("10-31 20:00", "post harbour 10-20 10:00; post ferry"),
        steps=[
            ("11-01 05:30", LOOK),
            ("11-01 06:00", "post between"),
            ("11-01 06:30", LOOK),
            ("11-02 06:30", LOOK),
        ],
        issues={"11-01": "ferry", "11-02": "between"},
    ),
    "the night that lacks an hour has its issue all the same": Case(
        newsletters=slots("30 2 * * *"),
        begins=("03-07 20:00", "post harbour 03-01 10:00; post ferry"),
        steps=[("03-08 06:59", LOOK), ("03-08 07:00", LOOK), ("03-08 07:30", LOOK), ("03-09 06:30", LOOK)],
        issues={"03-08": "ferry"},
    ),
    "an edit after the issue has gone out changes nothing": Case(
        steps=[("11-24 12:00", LOOK), ("11-24 15:00", "retitle ferry"), ("11-25 12:00", LOOK)],
        issues={"11-24": "ferry"},
    ),
    "two stories with one title on one day are two": Case(
        steps=[
            ("11-24 03:00", "post weather; title weather Weather"),
            ("11-24 09:00", "post weather-2; title weather-2 Weather"),
            ("11-24 12:00", LOOK),
        ],
        issues={"11-24": "weather-2 weather ferry"},
    ),
    "one story that was posted twice within minutes is one": Case(
        steps=[
            ("11-24 03:00", "post weather; title weather Weather"),
            ("11-24 03:05", "post weather-2; title weather-2 Weather"),
            ("11-24 12:00", LOOK),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "weather-2 ferry"},
    ),
    "an article that is edited after approval goes out as it is once that is approved": Case(
        newsletters=APPROVED,
        steps=[
            ("11-24 11:05", LOOK),
            ("11-24 11:10", "approve"),
            ("11-24 11:30", "retitle ferry"),
            ("11-24 12:00", LOOK),
            ("11-24 12:10", "approve"),
            ("11-24 12:15", LOOK),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry"},
    ),
    "an article that is trashed after approval does not go out": Case(
        newsletters=APPROVED,
        steps=[
            ("11-24 03:00", "post tides"),
            ("11-24 11:05", LOOK),
            ("11-24 11:10", "approve"),
            ("11-24 11:30", "trash tides"),
            ("11-24 11:50", "approve"),
            ("11-24 12:00", LOOK),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry"},
    ),
    "an archive that is imported anew holds the issue, and accepted it goes out": Case(
        steps=[
            ("11-24 11:10", "import 6"),
            ("11-24 12:00", LOOK),
            ("11-24 13:00", "accept"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry old-0 old-1 old-2 old-3 old-4 old-5"},
    ),
    "an archive that is imported anew holds the issue, and declined it stays out": Case(
        steps=[
            ("11-24 11:10", "import 6"),
            ("11-24 12:00", LOOK),
            ("11-24 13:00", "decline"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry"},
    ),
    "a question that nobody answers skips the issue and holds the next, and loses nothing": Case(
        steps=[
            ("11-24 11:10", "import 6"),
            ("11-24 12:00", LOOK),
            ("11-24 19:00", LOOK),
            ("11-25 12:00", LOOK),
            ("11-25 13:00", "decline; post tides"),
        ],
        issues={"11-25": "tides ferry"},
    ),
    "a site whose guids take to https mails nothing twice": Case(
        steps=[
            ("11-24 12:00", LOOK),
            ("11-24 15:00", "guids http https; post tides"),
            ("11-25 12:00", LOOK),
            ("11-26 12:00", LOOK),
        ],
        issues={"11-24": "ferry", "11-25": "tides"},
    ),
    "a site that moves to another domain mails nothing twice, and what waits once": Case(
        newsletters=FULL,
        steps=[
            ("11-24 03:00", "post a; post b; post c; post d"),
            ("11-24 12:00", LOOK),
            ("11-24 15:00", "move; post tides"),
            ("11-25 12:00", LOOK),
            ("11-26 12:00", LOOK),
            ("11-27 12:00", LOOK),
        ],
        issues={"11-24": "d c", "11-25": "b a", "11-26": "tides ferry"},
    ),
    "a story with a new date is not mailed again": Case(
        steps=[("11-24 12:00", LOOK), ("11-24 15:00", "bump ferry"), ("11-25 12:00", LOOK)],
        issues={"11-24": "ferry"},
    ),
    "a story with a new address is not mailed again": Case(
        steps=[
            ("11-24 12:00", LOOK),
            ("11-24 15:00", "reslug ferry boat; retitle boat"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry"},
    ),
    "a guid that is used again is a new story": Case(
        steps=[("11-24 12:00", LOOK), ("11-24 15:00", "reuse ferry mayor"), ("11-25 12:00", LOOK)],
        issues={"11-24": "ferry", "11-25": "mayor"},
    ),
    "what vanished and came back before the slot goes out": Case(
        steps=[
            ("11-24 03:00", "post tides"),
            ("11-24 11:10", "trash tides"),
            ("11-24 11:40", "restore tides"),
            ("11-24 12:00", LOOK),
        ],
        issues={"11-24": "tides ferry"},
    ),
    "what vanished over a slot and came back goes out a day later": Case(
        steps=[
            ("11-24 03:00", "post tides"),
            ("11-24 11:10", "trash tides"),
            ("11-24 12:00", LOOK),
            ("11-24 15:00", "restore tides"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry", "11-25": "tides"},
    ),
    "what has fallen off the end of the feed goes out": Case(
        steps=[
            ("11-24 01:00", "post tides"),
            ("11-24 03:00", "burst 9"),
            ("11-24 05:00", "post x; post y"),
            ("11-24 12:00", LOOK),
        ],
        issues={"11-24": " ".join(["y", "x", *(f"burst-{n}" for n in range(9)), "tides", "ferry"])},
    ),
    "what there was no room for goes first the next day": Case(
        newsletters=FULL,
        steps=[
            ("11-24 03:00", "post a; post b"),
            ("11-24 12:00", LOOK),
            ("11-25 03:00", "post c; post d"),
            ("11-25 12:00", LOOK),
            ("11-26 12:00", LOOK),
        ],
        issues={"11-24": "b a", "11-25": "d ferry", "11-26": "c"},
    ),
    "a pinned story leads and a held one waits": Case(
        steps=[
            ("11-24 03:00", "post a; post b"),
            ("11-24 11:10", "pin ferry; hold b"),
            ("11-24 12:00", LOOK),
            ("11-25 11:30", "release b"),
            ("11-25 12:00", LOOK),
        ],
        issues={"11-24": "ferry a", "11-25": "b"},
    ),
    "a mark after approval makes a draft of it again": Case(
        newsletters=APPROVED,
        steps=[
            ("11-24 03:00", "post a; post b"),
            ("11-24 11:05", LOOK),
            ("11-24 11:10", "approve"),
            ("11-24 11:30", "hold b"),
            ("11-24 12:00", LOOK),
            ("11-24 12:10", "approve"),
            ("11-24 12:15", LOOK),
        ],
        issues={"11-24": "a ferry"},
    ),
    "a rule keeps stories out": Case(
        newsletters=DAILY + '[newsletter.exclude]\ntitles = ["ad-*", "/^sponsored/"]\n',
        steps=[("11-24 03:00", "post ad-1; title ad-1 Sponsored_tides; post b"), ("11-24 12:00", LOOK)],
        issues={"11-24": "b ferry"},
    ),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@dataclass(kw_only=True)
class Stage:
    """The site and the editor of a case."""

    room: Press
    bin: dict[str, Story] = field(default_factory=dict)
    first_slugs: dict[str, str] = field(default_factory=dict)

    def play(self, step: str) -> None:
        for words in filter(None, map(str.strip, step.split(";"))):
            verb, *rest = words.split(" ")
            getattr(self, f"do_{verb}")(*rest)

    def story(self, slug: str) -> Post:
        return next(s for s in self.room.site.stories if isinstance(s, Post) and s.slug == slug)

    def do_post(self, slug: str, *when: str) -> None:
        seconds = timedelta(seconds=len(self.room.site.stories))
        published_at = at(" ".join(when)) if when else self.room.clock() - timedelta(minutes=5) + seconds
        self.room.site.stories.append(
            Post(slug=slug, published_at=published_at, title=slug, guid=f"http://ledger.example/?p={slug}")
        )

    def do_burst(self, count: str) -> None:
        for number in reversed(range(int(count))):
            self.do_post(f"burst-{number}")

    def do_import(self, count: str) -> None:
        """Nothing but old news that nobody knows, under guids that nobody knows, beside what there was."""
        self.do_move()
        for number in range(int(count)):
            moment = self.room.clock() - timedelta(days=2, hours=number)
            self.do_post(f"old-{number}", f"{moment:%m-%d %H:%M}")

    def do_title(self, slug: str, title: str) -> None:
        self.story(slug).title = title.replace("_", " ")

    def do_retitle(self, slug: str) -> None:
        self.story(slug).title += ", corrected"

    def do_trash(self, slug: str) -> None:
        self.bin[slug] = self.story(slug)
        self.room.site.stories.remove(self.bin[slug])
        self.room.site.taken_down.add(slug)

    def do_restore(self, slug: str) -> None:
        self.room.site.stories.append(self.bin.pop(slug))
        self.room.site.taken_down.discard(slug)

    def do_bump(self, slug: str) -> None:
        self.story(slug).published_at = self.room.clock() - timedelta(minutes=1)

    def do_reslug(self, slug: str, new: str) -> None:
        self.story(slug).slug = new

    def do_reuse(self, slug: str, new: str) -> None:
        story = self.story(slug)
        story.slug = story.title = new
        story.published_at = self.room.clock() - timedelta(minutes=1)

    def do_guids(self, old: str, new: str) -> None:
        for story in self.room.site.stories:
            assert isinstance(story, Post)
            story.guid = story.guid.replace(f"{old}://", f"{new}://")

    def do_move(self) -> None:
        for story in self.room.site.stories:
            assert isinstance(story, Post)
            story.guid = story.guid.replace("ledger.example", "moved.example")
            story.host = self.room.site.base.replace("127.0.0.1", "localhost")

    def do_down(self) -> None:
        self.room.site.down()

    def do_up(self) -> None:
        self.room.site.up()

    def do_approve(self) -> None:
        with self.room.store.write() as session:
            waiting = [one for one in issues.unfinished(session) if one.state is IssueState.DRAFT]
            issues.approve(session, waiting[0], self.room.clock())

    def do_accept(self) -> None:
        self._answer(news=True)

    def do_decline(self) -> None:
        self._answer(news=False)

    def _answer(self, *, news: bool) -> None:
        feeds = [self.room.site.feed_url]
        with self.room.store.write() as session:
            held = [one for one in issues.unfinished(session) if one.hold_code == "articles"]
            assert held
            asked = [one.id for one in articles.asked(session, "daily", feeds)]
            articles.answer(session, "daily", asked, self.room.clock(), news=news, by="ada")

    def do_pin(self, slug: str) -> None:
        self._mark(slug, marks.pin)

    def do_hold(self, slug: str) -> None:
        self._mark(slug, marks.hold)

    def do_release(self, slug: str) -> None:
        self._mark(slug, marks.release)

    def _mark(self, slug: str, act: Callable[..., None]) -> None:
        with self.room.store.write() as session:
            number = next(a.id for a, _ in articles.listing(session, 100) if a.guid.endswith(f"={slug}"))
            act(session, "daily", number, self.room.clock(), by="ada")

    def went_out(self) -> dict[str, str]:
        """The issues that reached somebody, by their day: the slugs in their guids."""
        found = {}
        with self.room.store.read() as session:
            for issue in issues.listing(session):
                if issue.reached:
                    shown = [
                        (row.link if row.guid.endswith("=ferry") and "mayor" in row.link else row.guid)
                        for row, link in issues.decisions(session, issue.id)
                        if link.decision is Decision.INCLUDED
                    ]
                    names = [text.rpartition("=")[2].rpartition("/")[2].partition("#")[0] for text in shown]
                    found[issue.slot[5:10]] = " ".join(names)
        return found


@ON_SQLITE
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_issues_that_go_out_are(case: Case, store: Store, tmp_path: Path) -> None:
    began = at(case.begins[0])
    async with press(store, tmp_path, now=began) as room:
        room.site.stories.clear()
        room.site.per_page, room.site.paged = 10, "wordpress"
        room.newsletters = case.newsletters
        stage, service = Stage(room=room), room.service()
        for when, what in [case.begins, *case.steps]:
            room.clock.now = at(when)
            stage.play(what)
            await live(service)
        assert stage.went_out() == case.issues
        assert set(room.copies.values()) == {len(case.issues)}
