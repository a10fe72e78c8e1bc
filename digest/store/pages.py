"""Articles whose own pages are worth a look, and what the pages said.

That is those which the next issue of some newsletter may hold: judged eligible, and in no issue whose
audience is fixed or that has reached anybody.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.model import Decision, IssueState, LedgerArticle, Picture, Verdict
from digest.store import rows
from digest.store.tables import ArticleRow, FeedRow, IssueArticleRow, IssueRow, JudgementRow
from digest.stories import Stories

STARTED = (IssueState.FROZEN, IssueState.SENDING)

WAITING = (Verdict.ELIGIBLE,)

AT_ONCE = 100
"""So many rows are read at a time: mostly far fewer are wanted than wait."""

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
    found = _in_turn(session, newsletters, feeds, col(ArticleRow.vanished_at).is_(None))
    return list(islice((one for one in found if (one.feed_url, one.guid) not in listed), limit))


def lost(
    session: Session, newsletters: Collection[str], feed: str, since: datetime, limit: int
) -> list[LedgerArticle]:
    """Give those of a feed that would wait, had they not vanished since then; in turn, as `unlisted` does.

    What is still listed under another guid is not lost.
    """
    gone = col(ArticleRow.vanished_at) >= since
    found = list(_in_turn(session, newsletters, [feed], gone, verdicts=(*WAITING, Verdict.ASKED)))
    standing = select(ArticleRow).join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
    here = (FeedRow.url == feed, col(ArticleRow.vanished_at).is_(None), ArticleRow.first_seen_at >= since)
    shown = Stories(rows.article(row, feed) for row in session.exec(standing.where(*here)))
    return list(islice((one for one in found if shown.twin(one) is None), limit))


def note_links(session: Session, ids: Collection[int], now: datetime) -> None:
    """Take note that articles' links were asked, whatever they answered."""
    asked = sa.update(ArticleRow).where(col(ArticleRow.id).in_(ids))
    session.connection().execute(asked.values(link_asked_at=now))


def unpictured(
    session: Session, newsletters: Collection[str], feeds: Sequence[str], limit: int
) -> list[LedgerArticle]:
    """Give those that wait without a picture and whose page was never asked, the newest first."""
    found = _waiting(
        session,
        newsletters,
        feeds,
        col(ArticleRow.vanished_at).is_(None),
        col(ArticleRow.page_asked_at).is_(None),
    )
    return list(islice((one for one in found if one.picture is None), limit))


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


def _in_turn(
    session: Session,
    newsletters: Collection[str],
    feeds: Sequence[str],
    *where: sa.ColumnElement[bool],
    verdicts: Sequence[Verdict] = WAITING,
) -> Iterator[LedgerArticle]:
    """Give those that wait, for their links: the never asked first, then those asked longest ago."""
    asked_at = sa.inspect(ArticleRow).columns["link_asked_at"]
    return _waiting(
        session, newsletters, feeds, *where, verdicts=verdicts, first=(asked_at.is_not(None), asked_at)
    )


def _waiting(
    session: Session,
    newsletters: Collection[str],
    feeds: Sequence[str],
    *where: sa.ColumnElement[bool],
    verdicts: Sequence[Verdict] = WAITING,
    first: Sequence[sa.ColumnElement[Any]] = (),
) -> Iterator[LedgerArticle]:
    """Give what waits for some newsletter, by `first`, then the newest first; read as far as it is taken."""
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
            col(JudgementRow.verdict).in_(verdicts),
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
            ~col(ArticleRow.protected),
            eligible,
            *where,
        )
        .order_by(*first, col(ArticleRow.published_at).desc(), col(ArticleRow.id).desc())
        .execution_options(yield_per=AT_ONCE)
    )
    return (rows.article(row, url) for row, url in session.exec(query))
