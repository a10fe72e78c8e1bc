"""Turns rows into the values of `model.py` and back."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from digest.model import Article, FeedStatus, Issue, LedgerArticle, Picture, Rendering
from digest.store.tables import ArticleRow, FeedRow, IssueRow, RenderingRow


def article(row: ArticleRow, feed_url: str) -> LedgerArticle:
    """Give the article of a row."""
    assert row.id is not None
    return LedgerArticle(
        id=row.id,
        feed_url=feed_url,
        first_seen_at=row.first_seen_at,
        vanished=row.vanished_at is not None,
        guid=row.guid,
        link=row.link,
        title=row.title,
        published_at=row.published_at,
        author=row.author,
        categories=tuple(row.categories),
        excerpt=row.excerpt,
        picture=Picture(**row.picture) if row.picture else None,
        comments=row.comments,
        words=row.words,
        protected=row.protected,
    )


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
