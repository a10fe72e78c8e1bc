"""What the next issue of a newsletter may hold, and what it must not repeat."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.issue import Candidate, Known
from digest.model import Decision, IssueState, LedgerArticle, Verdict
from digest.store import rows
from digest.store.tables import (
    ArticleRow,
    EditorMarkRow,
    FeedRow,
    IssueArticleRow,
    IssueRow,
    JudgementRow,
)
from digest.stories import Stories, same_story

HOLDING = (IssueState.APPROVED, IssueState.FROZEN, IssueState.SENDING, IssueState.HELD)
"""An issue in one of these has its articles; no other issue of its newsletter may take them."""

FATES = {
    Verdict.BASELINE: "which was there before the first issue",
    Verdict.TOO_OLD: "which was too old when it was first seen",
    Verdict.DECLINED: "which an editor declined",
}
MAILED = "which has been mailed"


def candidates(
    session: Session, newsletter: str, feeds: Sequence[str], *, but_issue: int = 0
) -> list[Candidate]:
    """Give what the next issue of a newsletter may hold.

    That is every eligible article, and every one that an editor has pinned, which no issue has that reached
    anybody or is on its way. What such an issue has called a duplicate, or left out by a rule, stays out,
    but for a pin. `but_issue` is the issue that is being made; its own claim does not count.
    """
    wanted = _wanted(newsletter, but_issue)
    listed = (col(FeedRow.url).in_(feeds), col(ArticleRow.vanished_at).is_(None))
    found = articles(session, *listed, wanted)
    carried = _held_by(newsletter, (Decision.CARRIED,), col(IssueRow.id) != but_issue)
    # Gone ones too: on a site that has moved, a story waits on under another guid.
    late = articles(session, wanted, carried) if found else []
    numbers, stories = {one.id for one in late}, Stories(late)
    return [Candidate(article=a, carried=a.id in numbers or stories.twin(a) is not None) for a in found]


def gone(
    session: Session, newsletter: str, feeds: Sequence[str], *, but_issue: int = 0
) -> list[LedgerArticle]:
    """Give what would be a candidate had it not vanished, until an issue that went out has recorded that."""
    recorded = _held_by(newsletter, (Decision.VANISHED,), _spent(but_issue))
    dropped = (col(FeedRow.url).in_(feeds), col(ArticleRow.vanished_at).is_not(None))
    return articles(session, *dropped, _wanted(newsletter, but_issue), ~recorded)


def known(session: Session, newsletter: str, *, but_issue: int = 0) -> list[Known]:
    """Give the stories that a newsletter has mailed, or never will, whichever feed showed them."""
    mailed = (
        sa.select(col(IssueArticleRow.article_id))
        .join(IssueRow, col(IssueRow.id) == col(IssueArticleRow.issue_id))
        .where(
            col(IssueRow.newsletter) == newsletter,
            col(IssueArticleRow.decision) == Decision.INCLUDED,
            _spent(but_issue),
        )
    )
    sent = set(session.connection().execute(mailed).scalars())
    return [
        _known(told, MAILED if told[0] in sent else FATES[verdict])
        for verdict, *told in _judged(session, newsletter)
        if told[0] in sent or verdict in FATES
    ]


def seen(session: Session, newsletter: str) -> list[tuple[Verdict, Known]]:
    """Give every story that a newsletter has judged, and how."""
    return [(verdict, _known(told, verdict.value)) for verdict, *told in _judged(session, newsletter)]


def _known(told: Sequence[Any], fate: str) -> Known:
    number, feed_url, link, title, published_at, first_seen_at = told
    return Known(
        id=number,
        feed_url=feed_url,
        link=link,
        title=title,
        published_at=published_at,
        first_seen_at=first_seen_at,
        fate=fate,
    )


def _judged(session: Session, newsletter: str) -> Iterable[Sequence[Any]]:
    """Give each judged article's verdict and what it is recognised by. Narrow: there are many of them."""
    columns: list[Any] = [
        JudgementRow.verdict,
        ArticleRow.id,
        FeedRow.url,
        ArticleRow.link,
        ArticleRow.title,
        ArticleRow.published_at,
        ArticleRow.first_seen_at,
    ]
    query = (
        sa.select(*columns)
        .join(ArticleRow, col(ArticleRow.id) == col(JudgementRow.article_id))
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(col(JudgementRow.newsletter) == newsletter)
    )
    return session.connection().execute(query)


def twins(session: Session, article: LedgerArticle) -> list[LedgerArticle]:
    """Give the same story under other guids, or in other feeds."""
    alike = sa.func.lower(col(ArticleRow.title)) == article.title.lower()
    if path := urlsplit(article.link).path.rstrip("/"):
        alike |= col(ArticleRow.link).contains(path, autoescape=True)
    found = articles(session, alike, col(ArticleRow.id) != article.id)
    return [one for one in found if same_story(one, article)]


def articles(session: Session, *where: sa.ColumnElement[bool]) -> list[LedgerArticle]:
    """Give the articles of which all this is true."""
    with_feed = select(ArticleRow, FeedRow.url).join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
    return [rows.article(row, url) for row, url in session.exec(with_feed.where(*where))]


def newest(session: Session, limit: int, *where: sa.ColumnElement[bool]) -> Sequence[tuple[ArticleRow, str]]:
    """Give the latest articles, each with its feed's address."""
    query = (
        select(ArticleRow, FeedRow.url)
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(*where)
        .order_by(col(ArticleRow.published_at).desc(), col(ArticleRow.id).desc())
        .limit(limit)
    )
    return session.exec(query).all()


def _wanted(newsletter: str, but_issue: int) -> sa.ColumnElement[bool]:
    """Say which articles are to be mailed and are not yet."""
    spent = _spent(but_issue)
    mailed = _held_by(newsletter, (Decision.INCLUDED,), spent)
    settled = _held_by(newsletter, (Decision.DUPLICATE, Decision.FILTERED), spent)
    eligible = _of_article(
        JudgementRow.article_id,
        col(JudgementRow.newsletter) == newsletter,
        col(JudgementRow.verdict) == Verdict.ELIGIBLE,
    )
    pinned = _of_article(
        EditorMarkRow.article_id,
        col(EditorMarkRow.newsletter) == newsletter,
        col(EditorMarkRow.pinned).is_(True),
    )
    return ~mailed & (pinned | (eligible & ~settled))


def _of_article(article_id: int, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.select(col(article_id)).where(col(article_id) == col(ArticleRow.id), *where).exists()


def _spent(but_issue: int) -> sa.ColumnElement[bool]:
    on_its_way = col(IssueRow.state).in_(HOLDING) & (col(IssueRow.id) != but_issue)
    return col(IssueRow.reached).is_(True) | on_its_way


def _held_by(
    newsletter: str, decisions: Sequence[Decision], *issue_is: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    return (
        select(IssueArticleRow.article_id)
        .join(IssueRow, col(IssueRow.id) == col(IssueArticleRow.issue_id))
        .where(
            IssueArticleRow.article_id == ArticleRow.id,
            col(IssueArticleRow.decision).in_(decisions),
            IssueRow.newsletter == newsletter,
            *issue_is,
        )
        .exists()
    )
