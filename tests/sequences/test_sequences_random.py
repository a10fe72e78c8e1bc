"""Whatever a site does, in whichever order: nothing is missed, nothing goes out twice, nothing is silent."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from newsroom import FEED, Newsroom
from wordpress import Post

from digest.config import load
from digest.desk import Desk
from digest.store.database import Store
from digest.store.schema import open_store, upgrade

START = datetime(2026, 11, 2, 15, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = 13
"""Posts that the site has when the newsletter begins: three of them beneath its feed of ten."""
LEAST = 6
"""So many posts stay: of a site with fewer a sudden change cannot be told."""
HIDEABLE = frozenset({"trash", "edit", "back-date", "late"})
"""What a 304 may hide, until an issue is made."""
CONFIG = f"""
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["{FEED}"]
timezone = "UTC"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
[[newsletter]]
name = "daily"
schedule = "0 12 * * *"
max_articles = 6
[mail]
from = "The Harbour Ledger <news@ledger.example>"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and an empty ledger, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    with contextlib.closing(Store(f"sqlite:///{folder / 'subscribers.db'}")) as store:
        upgrade(store, START)
    return folder


@contextlib.contextmanager
def newsroom(template: Path, folder: Path) -> Iterator[Newsroom]:
    shutil.copytree(template, folder)
    with contextlib.closing(open_store(f"sqlite:///{folder / 'subscribers.db'}")) as store:
        configured = load(folder / "config.toml", {})
        room = Newsroom(
            desk=Desk(settings=configured, store=store, keys=(b"k" * 32,)),
            newsletter=configured.newsletter[0],
            now=START,
            before=BEFORE,
        )
        for number in range(BEFORE):
            room.site.post(START - (2 + 9 * number) * HOUR)
        yield room
    shutil.rmtree(folder)


def burst(room: Newsroom, number: int) -> None:
    for later in range(4 + number % 20):
        room.site.post(room.now - timedelta(minutes=later))


def trash(room: Newsroom, number: int) -> None:
    if len(room.site.live) > LEAST:
        chosen(room, number).live = False


def restore(room: Newsroom, number: int) -> None:
    if trashed := [post for post in room.site.posts if not post.live]:
        trashed[number % len(trashed)].live = True


def edit(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    post.title = f"Story {post.number}, corrected {number}"


def back_date(room: Newsroom, number: int) -> None:
    post = chosen(room, number)
    post.published_at, post.dated_anew = room.now - timedelta(minutes=13 * number), True


def move(room: Newsroom, number: int) -> None:
    room.site.host = f"{number}.example"


def reimport(room: Newsroom, number: int) -> None:
    """A site is set up anew, with all that it had and a few old stories besides."""
    move(room, number)
    for back in range(7):
        room.site.post(room.now - (20 + 18 * back) * HOUR, archive=True)


def outage(room: Newsroom, _: int) -> None:
    room.down = not room.down


ACTS: dict[str, Callable[[Newsroom, int], object]] = {
    "publish": lambda room, _: room.site.post(room.now),
    "late": lambda room, number: room.site.post(room.now - timedelta(minutes=17 * (number % 300))),
    "burst": burst,
    "edit": edit,
    "trash": trash,
    "restore": restore,
    "back-date": back_date,
    "move": move,
    "re-import": reimport,
    "outage": outage,
    "304": lambda _room, _number: None,
    "quiet": lambda _room, _number: None,
}

Step = tuple[str, int, int]
"""What is done, a number that says to which post or how much, and the minutes until the next step."""

steps_of_a_site = st.lists(
    st.tuples(st.sampled_from(["publish", "publish", *ACTS]), st.integers(0, 1000), st.integers(15, 900)),
    min_size=3,
    max_size=25,
)


def chosen(room: Newsroom, number: int) -> Post:
    return room.site.live[number % len(room.site.live)]


def play(room: Newsroom, act: str, number: int) -> None:
    """Do one thing on the site, and read it as far as it lets itself be read. A 304 hides what was done."""
    ACTS[act](room, number)
    hidden = act == "304" or (act in HIDEABLE and number % 3 == 0)
    if not hidden:
        room.read()


def live_through(room: Newsroom, steps: list[Step]) -> None:
    room.begin()
    room.wait(1)
    for act, number, pause in steps:
        play(room, act, number)
        room.wait(pause)
    room.down = False
    # Whatever was carried over has its turn.
    for _ in range(60):
        room.wait(24 * 60)
        if not room.waits():
            break


def check(room: Newsroom) -> None:
    """Every post is in one issue at most; and in one, unless the ledger tells why it is not."""
    mailed, why = room.mailed(), room.reasons()
    for post in room.site.posts:
        told = why.get(post.number, set())
        assert bool(told) == bool(post.listed_at), post
        assert mailed[post.number] <= 1, post
        if not told:
            continue
        if mailed[post.number] == 1:
            # Its other guids are told to be the same story, or gone.
            assert not room.was_before(post), post
            continue
        assert "" not in told, (post, told)
        if not post.live or room.was_before(post) or post.archive:
            continue
        allowed = {"vanished", "too old", "baseline"} if post.dated_anew else set[str]()
        assert post.dated_first
        too_late = post.listed_at[0] - post.dated_first > room.newsletter.max_age
        assert told & (allowed | ({"too old"} if too_late else set())), (post, told)


def run(template: Path, folder: Path, steps: list[Step]) -> None:
    with newsroom(template, folder) as room:
        live_through(room, steps)
        check(room)


COUNT = itertools.count()
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(steps=steps_of_a_site)
def test_each_article_that_lived_past_a_slot_is_in_one_issue(
    template: Path, tmp_path: Path, steps: list[Step]
) -> None:
    run(template, tmp_path / str(next(COUNT)), steps)


@pytest.mark.torture
@settings(max_examples=1000, deadline=None, suppress_health_check=SLOW)
@given(steps=steps_of_a_site)
def test_a_thousand_sequences_miss_nothing_and_repeat_nothing(
    template: Path, tmp_path: Path, steps: list[Step]
) -> None:
    run(template, tmp_path / str(next(COUNT)), steps)
