"""Reading beside the event loop: the same answers, in a process where the feed is large."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from digest.errors import FeedError
from digest.feed.apart import SMALL, read_apart
from digest.feed.read import Reading, read

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://ada:secret@ledger.example/feed/"
SMALL_FEED = (Path(__file__).parents[1] / "feeds" / "t0.xml").read_bytes()


def large_feed() -> bytes:
    """The items of a real feed often enough, each with a guid of its own."""
    head, item, rest = SMALL_FEED.partition(b"<item>")
    items, end, tail = (item + rest).rpartition(b"</item>")
    copies = [(items + end).replace(b"/?p=", b"/?n=%d&#38;p=" % number) for number in range(30)]
    return head + b"".join(copies) + tail


async def apart(body: bytes, patience: float = 60) -> Reading:
    return await read_apart(
        body, {"Content-Type": "text/xml; charset=utf-8"}, url=URL, now=NOW, patience=patience
    )


def children() -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children() if "digest.feed.worker" in " ".join(child.cmdline())
    ]


async def test_a_small_feed_is_read_alike() -> None:
    assert await apart(SMALL_FEED) == read(SMALL_FEED, {}, url=URL, now=NOW)


async def test_the_loop_goes_on_while_a_small_feed_is_read() -> None:
    meanwhile: list[str] = []
    asyncio.get_running_loop().call_soon(meanwhile.append, "mailed")
    await apart(SMALL_FEED)
    assert meanwhile == ["mailed"]


async def test_a_large_feed_is_read_alike_in_a_process_that_ends() -> None:
    body = large_feed()
    assert len(body) > SMALL
    found = await apart(body)
    assert found == read(body, {}, url=URL, now=NOW)
    assert len(found.articles) > 200
    assert children() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"<html>" + b" " * SMALL, "web page", id="page"),
        pytest.param(b'{"a": "' + b"x" * SMALL + b'"}', "no JSON Feed", id="JSON"),
    ],
)
async def test_a_large_body_that_is_no_feed_is_refused_in_the_same_words(body: bytes, reason: str) -> None:
    with pytest.raises(FeedError, match=reason) as caught:
        await apart(body)
    with pytest.raises(FeedError) as other:
        read(body, {}, url=URL, now=NOW)
    assert str(caught.value) == str(other.value)


async def test_a_feed_that_takes_too_long_is_given_up_and_its_process_ended() -> None:
    with pytest.raises(FeedError, match=r"https://ledger\.example/feed/: Reading it took longer") as caught:
        await apart(large_feed(), patience=0.01)
    assert "\n" not in str(caught.value)
    assert children() == []


async def test_a_reading_that_is_cancelled_leaves_no_process() -> None:
    task = asyncio.create_task(apart(large_feed()))
    while not children():  # noqa: ASYNC110  a process sets no Event
        await asyncio.sleep(0.005)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert children() == []
