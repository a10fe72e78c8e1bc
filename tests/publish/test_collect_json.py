"""Collecting a JSON Feed: it is read on through its `next_url`, like another feed through its links."""

import json
from pathlib import Path

from feed_site import Answer
from press import ON_SQLITE, Press, press

from digest.publish import collect
from digest.store.database import Store


def listing(room: Press, *names: str, next_url: str = "") -> Answer:
    items = [
        {"id": name, "url": f"{room.site.base}/{name}", "date_published": "2026-11-23T19:00:00Z"}
        for name in names
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": items, "next_url": next_url}
    return Answer(body=json.dumps(feed).encode(), headers={"Content-Type": "application/feed+json"})


@ON_SQLITE
async def test_a_json_feed_is_read_on_until_an_article_is_known(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.site.answers["/feed"] = listing(room, "one")
        await collect(room.desk())
        room.site.answers["/feed"] = listing(room, "five", "four", next_url="/feed?page=2")
        room.site.answers["/feed?page=2"] = listing(room, "three", "two", next_url="/feed?page=3")
        room.site.answers["/feed?page=3"] = listing(room, "one")
        [collected] = await collect(room.desk())
        assert [article.guid for article in collected.shown] == ["five", "four", "three", "two", "one"]
        assert (collected.pages, collected.gap) == (3, "")
