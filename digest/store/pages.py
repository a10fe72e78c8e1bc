"""Articles whose own pages are worth a look, and what the pages said.

That is those which the next issue of some newsletter may hold: judged eligible, and in no issue whose
audience is fixed or that has reached anybody.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import Decision, IssueState, LedgerArticle, Picture, Verdict
from digest.store import rows
from digest.store.tables import ArticleRow, FeedRow, IssueArticleRow, IssueRow, JudgementRow

STARTED = (IssueState.FROZEN, IssueState.SENDING)

_NEVER = datetime.min.replace(tzinfo=UTC)

ALIKE = 300
"""So many of the articles whose pages were asked last are compared: a site's own picture is on each page."""


def unlisted(
    session: Session,
    newsletters: Collection[str],
    feeds: Sequence[str],
    listed: Collection[tuple[str, str]],
    limit: int,
) -> list[LedgerArticle]:
    """Give those that wait and are not `listed` by their feed, as its URL and guid say.

    First come those whose link was never asked, the newest first; then those that were asked longest ago.
    """
    found = [
        (row, url) for row, url in _waiting(session, newsletters, feeds) if (url, row.guid) not in listed
    ]
    found.sort(key=lambda each: each[0].link_asked_at or _NEVER)
    return [rows.article(row, url) for row, url in found[:limit]]


def note_links(session: Session, ids: Collection[int], now: datetime) -> None:
    """Take note that articles' links were asked, whatever they answered."""
    asked = sa.update(ArticleRow).where(col(ArticleRow.id).in_(ids))
    session.connection().execute(asked.values(link_asked_at=now))


def unpictured(
    session: Session, newsletters: Collection[str], feeds: Sequence[str], limit: int
) -> list[LedgerArticle]:
    """Give those that wait without a picture and whose page was never asked, the newest first."""
    never = col(ArticleRow.page_asked_at).is_(None)
    found = (rows.article(row, url) for row, url in _waiting(session, newsletters, feeds, never))
    return [article for article in found if article.picture is None][:limit]


def note_pictures(session: Session, found: Mapping[int, Picture | None], now: datetime) -> None:
    """Keep what pages named, apart from what the feed shows: no reading of it wipes it out.

    A picture that two articles' pages name is their site's own, shown where a page has none, and stands for
    neither of them.
    """
    asked = session.exec(select(ArticleRow).where(col(ArticleRow.id).in_(found.keys()))).all()
    for row in asked:
        assert row.id is not None
        picture = found[row.id]
        row.page_asked_at, row.page_picture = now, asdict(picture) if picture else None
        session.add(row)
    session.flush()
    by_url: dict[tuple[int, str], list[ArticleRow]] = defaultdict(list)
    lately = (
        select(ArticleRow)
        .where(
            col(ArticleRow.feed_id).in_({row.feed_id for row in asked}),
            col(ArticleRow.page_asked_at).is_not(None),
        )
        .order_by(col(ArticleRow.id).desc())
        .limit(ALIKE)
    )
    for row in session.exec(lately):
        if row.page_picture:
            by_url[row.feed_id, row.page_picture["url"]].append(row)
    for alike in by_url.values():
        for row in alike if len(alike) > 1 else ():
            row.page_picture = {**(row.page_picture or {}), rows.SHARED: True}
            session.add(row)


def vanish(session: Session, ids: Collection[int], now: datetime) -> None:
    """Take note that articles are no longer on their site."""
    gone = col(ArticleRow.id).in_(ids) & col(ArticleRow.vanished_at).is_(None)
    session.connection().execute(sa.update(ArticleRow).where(gone).values(vanished_at=now))


def _waiting(
    session: Session, newsletters: Collection[str], feeds: Sequence[str], *where: sa.ColumnElement[bool]
) -> Sequence[tuple[ArticleRow, str]]:
    fixed = (
        col(IssueRow.reached)
        | col(IssueRow.state).in_(STARTED)
        | ((col(IssueRow.state) == IssueState.HELD) & col(IssueRow.held_from).in_(STARTED))
    )
    mailed = (
        select(IssueArticleRow.article_id)
        .join(IssueRow, col(IssueRow.id) == col(IssueArticleRow.issue_id))
        .where(
            IssueArticleRow.article_id == JudgementRow.article_id,
            IssueRow.newsletter == JudgementRow.newsletter,
            col(IssueArticleRow.decision).in_((Decision.INCLUDED, Decision.DUPLICATE)),
            fixed,
        )
        .exists()
    )
    eligible = (
        select(JudgementRow.article_id)
        .where(
            JudgementRow.article_id == ArticleRow.id,
            JudgementRow.verdict == Verdict.ELIGIBLE,
            col(JudgementRow.newsletter).in_(newsletters),
            ~mailed,
        )
        .exists()
    )
    query = (
        select(ArticleRow, FeedRow.url)
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(
            col(FeedRow.url).in_(feeds),
            col(ArticleRow.vanished_at).is_(None),
            ~col(ArticleRow.protected),
            eligible,
            *where,
        )
        .order_by(col(ArticleRow.published_at).desc(), col(ArticleRow.id).desc())
    )
    return session.exec(query).all()
