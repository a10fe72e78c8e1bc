"""A WordPress as feeds show it: ten posts, the newest first by their dates, and pages beyond."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.model import Article

PER_PAGE = 10
MOST_PAGES = 20
"""So far is read on until something known."""


@dataclass(kw_only=True)
class Post:
    """A post. Its number and slug stay; the rest an author may change."""

    number: int
    published_at: datetime
    slug: str
    title: str
    live: bool = True
    dated_anew: bool = False
    archive: bool = False
    """Old news that was imported: it went out long ago, in print."""
    dated_first: datetime | None = None
    """Its date when a reading first listed it."""
    listed_at: list[datetime] = field(default_factory=list)
    """The readings that listed it."""


@dataclass(kw_only=True)
class WordPress:
    """A site. `host` is part of every guid and link, as it is with a site's own addresses."""

    host: str = "ledger.example"
    posts: list[Post] = field(default_factory=list)

    def post(self, published_at: datetime, *, archive: bool = False) -> Post:
        number = len(self.posts) + 1
        made = Post(
            number=number,
            published_at=published_at + timedelta(seconds=number),
            slug=f"post-{number}",
            title=f"Story {number}",
            archive=archive,
        )
        self.posts.append(made)
        return made

    @property
    def live(self) -> list[Post]:
        return [post for post in self.posts if post.live]

    def newest(self) -> list[Post]:
        return sorted(self.live, key=lambda post: (post.published_at, post.number), reverse=True)

    def listed(self, known: AbstractSet[str], *, first: bool) -> list[Post]:
        """What a reading shows: a page, and others as long as the oldest is not known."""
        newest = self.newest()
        pages = 1
        while (
            not first
            and pages < MOST_PAGES
            and len(newest) > pages * PER_PAGE
            and not known & {self.guid(post) for post in newest[: pages * PER_PAGE]}
        ):
            pages += 1
        return newest[: pages * PER_PAGE]

    def guid(self, post: Post) -> str:
        return f"https://{self.host}/?p={post.number}"

    def article(self, post: Post, now: datetime) -> Article:
        return Article(
            guid=self.guid(post),
            link=f"https://{self.host}/{post.slug}/",
            title=post.title,
            published_at=min(post.published_at, now),
        )
