"""Whatever a site does, in whichever order: nothing is missed, nothing goes out twice, nothing is silent."""

import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from newsroom import Newsroom
from oracle import Life, Oracle
from press import Clock
from wordpress_site import PER_PAGE, Fault, Post, wordpress

from digest.config import load
from digest.desk import Desk
from digest.store import subscribers
from digest.store.schema import open_store
from digest.store.subscribers import Newcomer

START = datetime(2026, 11, 2, 15, 3, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEAST = 6
"""So many posts stay: of a site with fewer a sudden change cannot be told."""
COLUMN = "The tides"
"""A title that comes again and again: each time it is another story."""
CONFIG = """
[site]
name = "The Harbour Ledger"
url = "{base}"
feeds = ["{base}/feed/"]
timezone = "UTC"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
page_pictures = false
[[newsletter]]
name = "daily"
schedule = "0 12 * * *"
[mail]
from = "The Harbour Ledger <news@ledger.example>"
[web]
verify = false
"""

Step = tuple[str, int, int]
"""What is done, a number that says to which post or how much, and the minutes until the next step."""


TEMPLATE = """<!DOCTYPE html><html><body>{% for article in articles %}{{ article.link }}
{% endfor %}<a href="{{ reader.unsubscribe_url }}">Unsubscribe</a></body></html>"""
"""For both parts: the shipped ones take longer than all else."""


def publish(room: Newsroom, date: datetime, title: str = "", *, archive: bool = False) -> Post:
    story = len(room.oracle.lives) + 1
    # No two have the same date: of those the site itself does not say which is the newer.
    date += timedelta(seconds=story % 60)
    room.oracle.lives[story] = Life(archive=archive)
    return room.site.write(story, title or f"Story {story}", date, room.clock())


def chosen(room: Newsroom, number: int) -> Post:
    """One of the newest: what authors touch is what they have written lately."""
    newest = room.site.listed[: 3 * PER_PAGE // 2]
    return newest[number % len(newest)]


async def news(room: Newsroom, _: int) -> None:
    publish(room, room.clock())


async def column(room: Newsroom, _: int) -> None:
    publish(room, room.clock(), COLUMN)


async def late(room: Newsroom, number: int) -> None:
    publish(room, room.clock() - 17 * (number % 300) * MINUTE)


async def burst(room: Newsroom, number: int) -> None:
    for later in reversed(range(15 + number % 26)):
        publish(room, room.clock() - later * MINUTE / 10)


def is_written_anew(room: Newsroom, post: Post) -> bool:
    """Whether a post has replaced another. Under other words or another address it may pass for news."""
    return sum(one.story == post.story for one in room.site.posts) > 1


async def edit(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    if is_written_anew(room, post):
        return
    post.title, post.modified = f"{post.title}, corrected {number}", room.clock()


async def reslug(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    if is_written_anew(room, post):
        return
    post.former.append(post.slug)
    post.slug, post.modified = f"story-{post.story}-{number}", room.clock()


async def redate(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    if post.title != COLUMN:
        post.date, post.modified = room.clock() - 13 * (number % 300) * MINUTE, room.clock()


async def trash(room: Newsroom, number: int) -> None:
    if len(room.site.listed) > LEAST:
        chosen(room, number).live = False


async def restore(room: Newsroom, number: int) -> None:
    live = {post.story for post in room.site.listed}
    if trashed := [post for post in room.site.posts if post.story not in live]:
        post = trashed[-1 - number % min(3, len(trashed))]
        post.live, post.modified = True, room.clock()


async def repost(room: Newsroom, number: int) -> None:
    """Delete a post and write it once more, as it was."""
    post = chosen(room, number)
    if post.former or post.protected or "corrected" in post.title:
        return
    post.live = False
    again = room.site.write(post.story, post.title, room.clock(), room.clock())
    again.slug = post.slug


async def protect(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    post.protected, post.modified = not post.protected, room.clock()


async def move(room: Newsroom, number: int) -> None:
    """Go to another host; the guids follow where the whole database was searched and replaced."""
    room.site.move()
    for post in room.site.posts if number % 2 else ():
        post.host = room.site.base


async def reimport(room: Newsroom, number: int) -> None:
    """Set the site up anew, with all that it had, and a few old stories besides."""
    await move(room, number)
    for post in room.site.posts:
        room.site.number_anew(post)
        post.modified = room.clock()
    for back in range(7):
        publish(room, room.clock() - (20 + 18 * back) * HOUR, archive=True)


async def fault(room: Newsroom, number: int) -> None:
    faults = [*Fault]
    room.site.fault = None if room.site.fault else faults[number % len(faults)]


async def page_fault(room: Newsroom, number: int) -> None:
    faults = [*Fault]
    room.site.page_fault = None if room.site.page_fault else faults[number % len(faults)]


async def stick(room: Newsroom, _: int) -> None:
    room.site.stuck = not room.site.stuck


async def cancel(room: Newsroom, _: int) -> None:
    room.cancels = True


async def nothing(_room: Newsroom, _: int) -> None:
    pass


ACTS: dict[str, tuple[int, Callable[[Newsroom, int], Awaitable[None]]]] = {
    "news": (6, news),
    "column": (2, column),
    "late": (4, late),
    "burst": (3, burst),
    "edit": (2, edit),
    "reslug": (2, reslug),
    "redate": (2, redate),
    "trash": (4, trash),
    "restore": (2, restore),
    "repost": (1, repost),
    "protect": (2, protect),
    "move": (1, move),
    "reimport": (1, reimport),
    "fault": (4, fault),
    "page fault": (3, page_fault),
    "stick": (1, stick),
    "cancel": (1, cancel),
    "nothing": (2, nothing),
}
"""Each with how often it comes."""


def steps_of(seed: int, most: int) -> list[Step]:
    dice = random.Random(seed)
    weights = [weight for weight, _ in ACTS.values()]
    acts = dice.choices([*ACTS], weights, k=dice.randint(3, most))
    return [(act, dice.randrange(1000), dice.randint(15, 900)) for act in acts]


@contextlib.asynccontextmanager
async def newsroom(upgraded: Path, before: int) -> AsyncIterator[Newsroom]:
    with TemporaryDirectory() as name:
        folder, clock = Path(name), Clock(now=START)
        shutil.copy(upgraded, folder / "subscribers.db")
        async with wordpress() as site:
            (folder / "config.toml").write_text(CONFIG.format(base=site.base), encoding="utf-8")
            (folder / "templates/email").mkdir(parents=True)
            for part in ("html", "txt"):
                (folder / f"templates/email/digest.{part}.j2").write_text(TEMPLATE, encoding="utf-8")
            settings = load(folder / "config.toml", {})
            with contextlib.closing(open_store(f"sqlite:///{folder / 'subscribers.db'}")) as store:
                with store.write() as session:
                    subscribers.add(
                        session, [Newcomer(email="reader@mail.example", newsletter="daily")], START
                    )
                room = Newsroom(
                    desk=Desk(settings=settings, store=store, keys=(b"k" * 32,), clock=clock),
                    newsletter=settings.newsletter[0],
                    clock=clock,
                    site=site,
                    oracle=Oracle(started=START, max_age=settings.newsletter[0].max_age),
                )
                for back in reversed(range(before)):
                    post = publish(room, START - (2 + 9 * back) * HOUR)
                    room.oracle.lives[post.story].before = post.date < START - DAY
                yield room


async def lived(upgraded: Path, steps: Sequence[Step], before: int) -> list[str]:
    """Live through a sequence, until everything has had its turn; give what was wrong."""
    async with newsroom(upgraded, before) as room:
        await room.begin()
        for act, number, pause in steps:
            _, do = ACTS[act]
            await do(room, number)
            if number % 3:
                await room.read()
            await room.wait(pause)
        room.site.fault = room.site.page_fault = None
        for _ in range(30):
            await room.wait(24 * 60)
            if not room.waits():
                break
        room.oracle.ended(room.site, room.told())
        return room.oracle.errors


async def shortest(upgraded: Path, steps: list[Step], before: int) -> list[Step]:
    """Leave out whatever is not needed for something to be wrong."""
    for number in reversed(range(len(steps))):
        fewer = steps[:number] + steps[number + 1 :]
        if await lived(upgraded, fewer, before):
            steps = fewer
    return steps


async def check(upgraded: Path, seed: int, *, most: int) -> None:
    steps, before = steps_of(seed, most), (7, 13, 30)[seed % 3]
    if await lived(upgraded, steps, before):
        steps = await shortest(upgraded, steps, before)
        errors = "\n".join((await lived(upgraded, steps, before))[:5])
        pytest.fail(f"seed {seed}, {before} posts at first, then {steps}:\n{errors}", pytrace=False)


@pytest.mark.parametrize("seed", range(15))
async def test_each_article_that_lived_past_a_slot_is_in_one_issue(upgraded: Path, seed: int) -> None:
    await check(upgraded, seed, most=8)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(1000))
async def test_a_thousand_sequences_miss_nothing_and_repeat_nothing(upgraded: Path, seed: int) -> None:
    await check(upgraded, seed, most=16)
