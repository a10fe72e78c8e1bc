"""Short ways to make an article, and a few strategies."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from digest.issue import Known
from digest.model import LedgerArticle

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
FEED = "https://ledger.example/feed/"


def hours(count: float) -> datetime:
    return NOW - timedelta(hours=count)


def article(
    number: int,
    *,
    title: str = "",
    link: str = "",
    published: datetime = NOW,
    seen: datetime | None = None,
    protected: bool = False,
    feed: str = FEED,
    author: str = "",
    categories: tuple[str, ...] = (),
) -> LedgerArticle:
    """An article that came in a reading of its own, unless `seen` says otherwise."""
    return LedgerArticle(
        id=number,
        feed_url=feed,
        first_seen_at=seen or NOW + timedelta(seconds=number),
        guid=f"guid-{number}",
        link=link or f"https://ledger.example/{number}/",
        title=title or f"Story {number}",
        published_at=published,
        protected=protected,
        author=author,
        categories=categories,
    )


def known(one: LedgerArticle, fate: str = "which has been mailed") -> Known:
    return Known(
        id=one.id,
        feed_url=one.feed_url,
        link=one.link,
        title=one.title,
        published_at=one.published_at,
        first_seen_at=one.first_seen_at,
        fate=fate,
    )


moments = st.integers(0, 400).map(hours)
many_articles = st.lists(
    st.builds(
        lambda number, published, title, slug, protected: article(
            number,
            published=published,
            title=title,
            link=f"https://ledger.example/{slug}",
            protected=protected,
        ),
        number=st.integers(1, 60),
        published=moments,
        title=st.sampled_from(["Tides", "Harbour", "Weather", "Fish"]),
        slug=st.sampled_from([f"s{n}/" for n in range(30)]),
        protected=st.booleans(),
    ),
    unique_by=lambda a: a.id,
    max_size=30,
)
