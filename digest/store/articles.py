"""Feeds and their articles in the ledger, and what each newsletter decided about them once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.issue import Candidate, judge, vanished
from digest.model import Article, Decision, FeedStatus, IssueState, LedgerArticle, Verdict
from digest.store import rows
from digest.store.tables import (
    ArticleRow,
    FeedRow,
    IssueArticleRow,
    IssueRow,
    JudgementRow,
    NewsletterRow,
)

HOLDING = (IssueState.APPROVED, IssueState.FROZEN, IssueState.SENDING, IssueState.HELD)
"""An issue in one of these has its articles; no other issue of its newsletter may take them."""

TWIN_DAYS = 60
"""How far back a new article is compared with mailed ones: a moved or re-imported site shows within days."""


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What one reading of a feed changed in the ledger."""

    new: tuple[LedgerArticle, ...] = ()
    changed: tuple[LedgerArticle, ...] = ()
    vanished: int = 0
    listed: int = 0
    first: bool = False


def feed(session: Session, url: str) -> FeedStatus:
    """Give a feed's status, making its row at first sight."""
    row = session.exec(select(FeedRow).where(FeedRow.url == url)).one_or_none()
    if row is None:
        row = FeedRow(url=url)
        session.add(row)
        session.flush()
    return rows.feed(row)


def note_fetch(session: Session, feed_id: int, now: datetime, **columns: Any) -> None:  # noqa: ANN401 - a row's columns differ in type
    """Record a try: with `last_error` a failure, else a good one."""
    row = session.get_one(FeedRow, feed_id)
    row.sqlmodel_update(columns)
    row.tried_at = now
    if columns.get("last_error"):
        row.failures += 1
    else:
        row.failures, row.last_error, row.good_at, row.next_try_at = 0, "", now, None
        row.first_fetched_at = row.first_fetched_at or now
    session.add(row)


def upsert(session: Session, feed_id: int, articles: Sequence[Article], now: datetime) -> Arrived:
    """Take in what a feed lists: new ones, edits, and what has vanished. Nothing is ever deleted."""
    status = session.get_one(FeedRow, feed_id)
    found = session.exec(
        select(ArticleRow).where(
            ArticleRow.feed_id == feed_id, col(ArticleRow.guid).in_({article.guid for article in articles})
        )
    )
    known = {row.guid: row for row in found}
    new, changed = {}, {}
    for value in articles:
        row = known.get(value.guid)
        if row is None:
            seen: dict[str, Any] = {"feed_id": feed_id, "first_seen_at": now, "changed_at": now}
            row = ArticleRow(guid=value.guid, **seen, **rows.article_columns(value))
            new[value.guid] = known[value.guid] = row
        elif row.fingerprint != value.fingerprint and value.guid not in new:
            row.changed_at = now
            changed[value.guid] = row
        columns = rows.article_columns(value)
        if value.published_at == now:
            # Without a date of its own it was given the time of reading: the first one stays.
            del columns["published_at"]
        row.sqlmodel_update(columns)
        row.vanished_at = None
        session.add(row)
    session.flush()
    gone = vanished(
        (rows.article(row, status.url) for row in _standing(session, feed_id)),
        [(article.guid, article.published_at) for article in articles],
    )
    for article_id in gone:
        session.get_one(ArticleRow, article_id).vanished_at = now
    session.flush()
    return Arrived(
        new=tuple(rows.article(row, status.url) for row in new.values()),
        changed=tuple(rows.article(row, status.url) for row in changed.values()),
        vanished=len(gone),
        listed=len(articles),
        first=status.first_fetched_at in (None, now),
    )


def _standing(session: Session, feed_id: int) -> Iterable[ArticleRow]:
    newest = (
        select(ArticleRow)
        .where(ArticleRow.feed_id == feed_id, col(ArticleRow.vanished_at).is_(None))
        .order_by(col(ArticleRow.published_at).desc())
        .limit(200)
    )
    return session.exec(newest)


def see_newsletter(session: Session, name: str, schedule: str, timezone: str, now: datetime) -> datetime:
    """Record a newsletter and its schedule at first sight; give since when this schedule is known."""
    row = session.get(NewsletterRow, name)
    if row is None:
        row = NewsletterRow(
            name=name, started_at=now, schedule=schedule, timezone=timezone, schedule_seen_at=now
        )
    elif (row.schedule, row.timezone) != (schedule, timezone):
        row.schedule, row.timezone, row.schedule_seen_at = schedule, timezone, now
    session.add(row)
    session.flush()
    return row.schedule_seen_at


def judge_new(
    session: Session, newsletter: str, feeds: Sequence[str], max_age: timedelta, now: datetime
) -> None:
    """Judge every article of these feeds that the newsletter has not judged yet. Never judges again."""
    started = session.get_one(NewsletterRow, newsletter).started_at
    judged = select(JudgementRow.article_id).where(
        JudgementRow.newsletter == newsletter, JudgementRow.article_id == ArticleRow.id
    )
    unjudged = session.exec(
        select(ArticleRow, FeedRow)
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(col(FeedRow.url).in_(feeds), ~judged.exists())
    )
    for row, feed_row in unjudged:
        value = rows.article(row, feed_row.url)
        anchor = max(started, feed_row.first_fetched_at or started)
        session.add(
            JudgementRow(
                newsletter=newsletter,
                article_id=value.id,
                verdict=judge(value, anchor=anchor, max_age=max_age),
                at=now,
            )
        )
    session.flush()


def _articles(session: Session, *where: sa.ColumnElement[bool]) -> list[LedgerArticle]:
    with_feed = select(ArticleRow, FeedRow.url).join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
    found = session.exec(with_feed.where(*where))
    return [rows.article(row, url) for row, url in found]


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


def candidates(
    session: Session, newsletter: str, feeds: Sequence[str], *, but_issue: int = 0
) -> list[Candidate]:
    """Give what the next issue of a newsletter may hold.

    That is every eligible article which no issue has that reached anybody or is on its way. `but_issue` is
    the issue that is being made; its own claim does not count.
    """
    taken = _held_by(
        newsletter,
        (Decision.INCLUDED, Decision.DUPLICATE),
        _spent(but_issue),
    )
    eligible = (
        select(JudgementRow.article_id)
        .where(
            JudgementRow.newsletter == newsletter,
            JudgementRow.article_id == ArticleRow.id,
            JudgementRow.verdict == Verdict.ELIGIBLE,
        )
        .exists()
    )
    open_articles = _articles(
        session, col(FeedRow.url).in_(feeds), col(ArticleRow.vanished_at).is_(None), eligible, ~taken
    )
    carried = _held_by(newsletter, (Decision.CARRIED,), col(IssueRow.id) != but_issue)
    late = {a.id for a in _articles(session, carried, eligible, ~taken)}
    return [Candidate(article=a, carried=a.id in late) for a in open_articles]


def mailed(session: Session, newsletter: str, now: datetime, *, but_issue: int = 0) -> list[LedgerArticle]:
    """Give the articles of the last weeks that issues of a newsletter have mailed or are mailing."""
    held = _held_by(
        newsletter,
        (Decision.INCLUDED,),
        _spent(but_issue),
        col(IssueRow.due_at) > now - timedelta(days=TWIN_DAYS),
    )
    return _articles(session, held)


def recent(session: Session, feeds: Sequence[str], limit: int) -> list[LedgerArticle]:
    """Give the newest articles, mailed or not, for a sample."""
    shown = (
        col(FeedRow.url).in_(feeds),
        col(ArticleRow.vanished_at).is_(None),
        ~col(ArticleRow.protected),
    )
    return [rows.article(row, url) for row, url in _newest(session, limit, *shown)]


def _newest(session: Session, limit: int, *where: sa.ColumnElement[bool]) -> Sequence[tuple[ArticleRow, str]]:
    query = (
        select(ArticleRow, FeedRow.url)
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(*where)
        .order_by(col(ArticleRow.published_at).desc(), col(ArticleRow.id).desc())
        .limit(limit)
    )
    return session.exec(query).all()


def listing(session: Session, limit: int) -> list[tuple[LedgerArticle, Mapping[str, str]]]:
    """Give the newest articles, each with its standing by newsletter."""
    newest = [rows.article(row, url) for row, url in _newest(session, limit)]
    standings = _standings(session, [article.id for article in newest])
    return [(article, standings[article.id]) for article in newest]


def standing(session: Session, article_id: int) -> Mapping[str, str]:
    """Give one phrase a newsletter: `mailed in 2026-11-24T07:00`, `baseline`, `waiting`."""
    return _standings(session, [article_id])[article_id]


def _standings(session: Session, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    standings: dict[int, dict[str, str]] = {article_id: {} for article_id in ids}
    for judgement in session.exec(select(JudgementRow).where(col(JudgementRow.article_id).in_(ids))):
        waiting = judgement.verdict is Verdict.ELIGIBLE
        phrase = "waiting" if waiting else judgement.verdict.value
        standings[judgement.article_id][judgement.newsletter] = phrase
    for issue, link in _decided(session, ids):
        phrases = standings[link.article_id]
        if link.decision is Decision.INCLUDED and issue.reached:
            phrases[issue.newsletter] = f"mailed in {issue.slot}"
        elif link.decision is Decision.INCLUDED and issue.state in (*HOLDING, IssueState.DRAFT):
            phrases[issue.newsletter] = f"in {issue.slot} ({issue.state.value})"
        elif link.decision is not Decision.INCLUDED and phrases.get(issue.newsletter) == "waiting":
            phrases[issue.newsletter] = link.decision.value
    return standings


def history(session: Session, article_id: int) -> list[tuple[datetime, IssueRow, IssueArticleRow]]:
    """Give every issue that decided about an article, oldest first."""
    return [(issue.due_at, issue, link) for issue, link in _decided(session, [article_id])]


def _decided(session: Session, ids: Sequence[int]) -> Iterable[tuple[IssueRow, IssueArticleRow]]:
    return session.exec(
        select(IssueRow, IssueArticleRow)
        .join(IssueArticleRow, col(IssueArticleRow.issue_id) == col(IssueRow.id))
        .where(col(IssueArticleRow.article_id).in_(ids))
        .order_by(col(IssueRow.due_at))
    )


def why(session: Session, article_id: int) -> tuple[LedgerArticle, list[str]] | None:
    """Tell an article's story line by line; None where there is no such article."""
    found = _articles(session, col(ArticleRow.id) == article_id)
    if not found:
        return None
    article = found[0]
    lines = [f"first seen {article.first_seen_at:%Y-%m-%d %H:%M} UTC in {article.feed_url}"]
    if article.vanished:
        lines.append("vanished from the feed: trashed on the site")
    judgements = session.exec(select(JudgementRow).where(JudgementRow.article_id == article_id))
    lines += [f"{j.newsletter}: {_VERDICTS[j.verdict]}" for j in judgements]
    lines += [
        f"{issue.newsletter} {issue.slot} ({issue.state.value}): {link.decision.value}, {link.reason}"
        for _, issue, link in history(session, article_id)
    ]
    return article, lines


_VERDICTS = {
    Verdict.ELIGIBLE: "eligible: it belongs to the next issue that has room",
    Verdict.BASELINE: "baseline: it was older than a day when this newsletter first saw its feed",
    Verdict.TOO_OLD: "too old: it was older than max_age when it was first seen",
}


def feeds(session: Session) -> list[FeedStatus]:
    """Give every feed's status."""
    return [rows.feed(row) for row in session.exec(select(FeedRow).order_by(col(FeedRow.id)))]
