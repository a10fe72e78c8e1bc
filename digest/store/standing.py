"""Tells what became of articles: in a phrase for each newsletter, or as a whole story."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.issue import Mark
from digest.model import Decision, IssueState, LedgerArticle, Verdict
from digest.store import marks, rows
from digest.store.candidates import HOLDING, newest, twins
from digest.store.tables import ArticleRow, FeedRow, IssueArticleRow, IssueRow, JudgementRow

VERDICTS = {
    Verdict.ELIGIBLE: "eligible: it belongs to the next issue that has room",
    Verdict.BASELINE: "baseline: it was older than a day when this newsletter first saw its feed",
    Verdict.TOO_OLD: "too old: it was older than max_age when it was first seen",
    Verdict.ASKED: "in question: it came with what looks like a re-imported archive; "
    "`digest articles accept` answers",
    Verdict.DECLINED: "declined: an editor said that it is no news",
}


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What an issue decided about an article."""

    newsletter: str
    slot: str
    state: IssueState
    decision: Decision
    reason: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """An article's story: how it was judged, marked and decided on, and under which other ids it is known."""

    article: LedgerArticle
    vanished_at: datetime | None
    verdicts: Mapping[str, Verdict]
    """By newsletter."""
    marks: Mapping[str, Mark]
    """By newsletter."""
    rulings: Sequence[Ruling]
    """Oldest issue first."""
    twins: Sequence[LedgerArticle]
    """The same story under other guids, or in other feeds."""

    @property
    def lines(self) -> list[str]:
        """The story in sentences."""
        seen = f"first seen {self.article.first_seen_at:%Y-%m-%d %H:%M} UTC in {self.article.feed_url}"
        twins = [f"the same story as article {twin.id}, in {twin.feed_url}" for twin in self.twins]
        vanished = ["vanished from the feed: trashed, or taken out of it"] if self.vanished_at else []
        verdicts = [f"{name}: {VERDICTS[verdict]}" for name, verdict in self.verdicts.items()]
        marked = [f"{name}: {words}" for name, mark in self.marks.items() if (words := in_words(mark))]
        rulings = [
            f"{one.newsletter} {one.slot} ({one.state.value}): {one.decision.value}, {one.reason}"
            for one in self.rulings
        ]
        return [seen, *twins, *vanished, *verdicts, *marked, *rulings]


def in_words(mark: Mark) -> str:
    """Say what an editor wants of an article; empty where that is nothing."""
    wishes = [
        *(["pinned"] if mark.pinned else []),
        *(["held back"] if mark.held else []),
        *([f"placed {mark.place}"] if mark.place is not None else []),
    ]
    return f"{' and '.join(wishes)} by {mark.by or 'an editor'}" if wishes else ""


def listing(session: Session, limit: int) -> list[tuple[LedgerArticle, Mapping[str, str]]]:
    """Give the newest articles, each with its standing by newsletter."""
    latest = [rows.article(row, url) for row, url in newest(session, limit)]
    standings = _standings(session, [article.id for article in latest])
    return [(article, standings[article.id]) for article in latest]


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
        .order_by(col(IssueRow.due_at), col(IssueRow.id))
    )


def why(session: Session, article_id: int) -> Account | None:
    """Tell an article's story; None where there is no such article."""
    query = select(ArticleRow, FeedRow.url).join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
    found = session.exec(query.where(ArticleRow.id == article_id)).one_or_none()
    if found is None:
        return None
    row, url = found
    article = rows.article(row, url)
    judgements = session.exec(select(JudgementRow).where(JudgementRow.article_id == article_id))
    return Account(
        article=article,
        vanished_at=row.vanished_at,
        verdicts={judgement.newsletter: judgement.verdict for judgement in judgements},
        marks=marks.of_article(session, article_id),
        rulings=[
            Ruling(
                newsletter=issue.newsletter,
                slot=issue.slot,
                state=issue.state,
                decision=link.decision,
                reason=link.reason,
            )
            for _, issue, link in history(session, article_id)
        ],
        twins=twins(session, article),
    )
