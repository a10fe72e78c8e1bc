"""The sample site's stories and pictures, as they lie in this folder. Pure but for reading those files.

A story is one HTML file with a TOML head between `+++` lines. Its head gives the title as a reader should
see it; where a real feed would spoil it on the way, `raw_title` gives what the feed carries instead.
"""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from digest.resources import PACKAGE

SITE = "https://ledger.example"
"""Where the stories believe that they are; replaced by the address that they are served from."""
NAME = "The Harbour Ledger"
UPLOADS = "/wp-content/uploads/"
DAY = timedelta(days=1)

_FOLDER = PACKAGE / "sample"
# A content management system cuts smaller copies and names them by size: `snow-400x300.jpg`.
_SIZE_IN_NAME = re.compile(r"-\d+x\d+(?=\.jpg$)")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture that a story's feed item names with its size, in pixels."""

    picture: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """One story. Texts are HTML except `title`, `author` and `categories`, which are plain."""

    slug: str
    id: int
    title: str
    author: str
    hours_ago: float
    """How long before its feed's `now` it was published."""
    categories: tuple[str, ...]
    comments: int
    body: str
    raw_title: str = ""
    excerpt: str = ""
    """Empty: the feed makes one from the first words."""
    media: Shown | None = None
    thumbnail: Shown | None = None
    enclosure: str = ""
    featured: str = ""
    """A picture that only the story's page names."""
    protected: bool = False
    later: bool = False
    """Published on the second day."""

    def published_at(self, now: datetime) -> datetime:
        """Give when it was published, to the second, in the zone of `now`: the time of its feed."""
        return now.replace(microsecond=0) - timedelta(hours=self.hours_ago)

    @property
    def picture(self) -> str:
        """The name of the picture that stands for it, empty where there is none."""
        shown = self.media or self.thumbnail
        named = self.featured or self.enclosure or (shown.picture if shown else "")
        in_body = re.search(rf"{UPLOADS}([\w-]+\.jpg)", self.body)
        return named or (_SIZE_IN_NAME.sub("", in_body[1]) if in_body else "")


@cache
def first() -> tuple[Story, ...]:
    """Give the stories of the first three days, newest first."""
    return _read("first")


@cache
def later() -> tuple[Story, ...]:
    """Give the stories that a fourth day adds, newest first."""
    return _read("later")


def story(slug: str) -> Story:
    """Give the story with this slug.

    Raises KeyError where there is none.
    """
    return {each.slug: each for each in (*first(), *later())}[slug]


def picture(name: str) -> bytes:
    """Give a picture's JPEG. A name with a size in it gives the whole picture: nothing is resized here.

    Raises KeyError where there is none.
    """
    return _pictures()[_SIZE_IN_NAME.sub("", name)].read_bytes()


@cache
def _pictures() -> dict[str, Path]:
    # Names are looked up and never joined to a path, so that no request can leave the folder.
    return {path.name: path for path in (_FOLDER / "pictures").glob("*.jpg")}


def _read(folder: str) -> tuple[Story, ...]:
    paths = (_FOLDER / "stories" / folder).glob("*.html")
    stories = (_parse(path, later=folder == "later") for path in paths)
    return tuple(sorted(stories, key=lambda story: story.hours_ago))


def _parse(path: Path, *, later: bool) -> Story:
    _, head, body = path.read_text(encoding="utf-8").split("+++\n", 2)
    fields: dict[str, Any] = tomllib.loads(head)
    fields["categories"] = tuple(fields["categories"])
    for key in ("media", "thumbnail"):
        if key in fields:
            fields[key] = Shown(**fields[key])
    return Story(slug=path.stem, body=body, later=later, **fields)
