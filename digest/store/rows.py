"""Turns rows into the values of `model.py` and back."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from digest.model import Article, FeedStatus, Issue, LedgerArticle, Picture, Rendering
from digest.store.tables import ArticleRow, FeedRow, IssueRow, RenderingRow

SHARED = "shared"
"""Marks a page's picture that other articles' pages name too: the site's own, which stands for none."""


@dataclass(frozen=True, kw_only=True)
class _Shown(LedgerArticle):
    """An article with the picture of its page. Finding one is no edit: the fingerprint stays the feed's."""

    feeds_fingerprint: str

    @property
    def fingerprint(self) -> str:
        """Changes with what the feed shows."""
        return self.feeds_fingerprint


def article(row: ArticleRow, feed_url: str) -> LedgerArticle:
    """Give the article of a row, with the feed's picture, else its page's."""
    assert row.id is not None
    values: dict[str, Any] = {
        "id": row.id,
        "feed_url": feed_url,
        "first_seen_at": row.first_seen_at,
        "vanished": row.vanished_at is not None,
        "guid": row.guid,
        "link": row.link,
        "title": row.title,
        "published_at": row.published_at,
        "author": row.author,
        "categories": tuple(row.categories),
        "excerpt": row.excerpt,
        "comments": row.comments,
        "words": row.words,
        "protected": row.protected,
    }
    if row.picture:
        return LedgerArticle(**values, picture=Picture(**row.picture))
    if row.page_picture and not row.page_picture.get(SHARED):
        picture = Picture(**row.page_picture)
        return _Shown(**values, picture=picture, feeds_fingerprint=row.fingerprint)
    return LedgerArticle(**values)


def article_columns(value: Article) -> dict[str, Any]:
    """Give the columns of an article that a feed may change."""
    return {
        "link": value.link,
        "title": value.title,
        "published_at": value.published_at,
        "author": value.author,
        "categories": list(value.categories),
        "excerpt": value.excerpt,
        "picture": asdict(value.picture) if value.picture else None,
        "comments": value.comments,
        "words": value.words,
        "protected": value.protected,
        "fingerprint": value.fingerprint,
    }


def feed(row: FeedRow) -> FeedStatus:
    """Give the status of a feed's row."""
    assert row.id is not None
    return FeedStatus(**{name: getattr(row, name) for name in FeedStatus.__dataclass_fields__})


def issue(row: IssueRow) -> Issue:
    """Give the issue of a row."""
    assert row.id is not None
    return Issue(**{name: getattr(row, name) for name in Issue.__dataclass_fields__})


def rendering(row: RenderingRow) -> Rendering:
    """Give the rendering of a row."""
    return Rendering(**{name: getattr(row, name) for name in Rendering.__dataclass_fields__})


def rendering_row(value: Rendering, issue_id: int, revision: int, now: datetime) -> RenderingRow:
    """Give the row of a rendering."""
    return RenderingRow(
        issue_id=issue_id,
        revision=revision,
        at=now,
        **{name: getattr(value, name) for name in Rendering.__dataclass_fields__},
    )
