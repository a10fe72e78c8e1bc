"""What newsletters decide about articles once, as they first see them; and what editors are asked about."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from digest.issue import BASELINE_AGE, FULL, in_question, judge
from digest.model import LedgerArticle, Verdict
from digest.store import candidates, rows
from digest.store.tables import ArticleRow, EventRow, FeedRow, JudgementRow, NewsletterRow
from digest.stories import Stories


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
    found = session.exec(
        select(ArticleRow, FeedRow)
        .join(FeedRow, col(FeedRow.id) == col(ArticleRow.feed_id))
        .where(col(FeedRow.url).in_(feeds), ~judged.exists())
    )
    unjudged: dict[int, LedgerArticle] = {}
    verdicts: dict[int, Verdict] = {}
    sudden: dict[tuple[str, datetime], list[LedgerArticle]] = defaultdict(list)
    for row, feed_row in found:
        value = rows.article(row, feed_row.url)
        unjudged[value.id] = value
        anchor = max(started, feed_row.first_fetched_at or started)
        beneath = value.first_seen_at > anchor and value.published_at < anchor - BASELINE_AGE
        floor = _floor(session, row.feed_id, anchor) if beneath else None
        verdicts[value.id] = judge(value, anchor=anchor, max_age=max_age, floor=floor)
        if row.sudden:
            sudden[value.feed_url, value.first_seen_at].append(value)
    verdicts |= _by_likeness(session, newsletter, unjudged.values(), verdicts, sudden.values())
    session.add_all(
        JudgementRow(newsletter=newsletter, article_id=article_id, verdict=verdict, at=now)
        for article_id, verdict in verdicts.items()
    )
    session.flush()


def _by_likeness(
    session: Session,
    newsletter: str,
    unjudged: Iterable[LedgerArticle],
    verdicts: Mapping[int, Verdict],
    sudden: Iterable[Sequence[LedgerArticle]],
) -> dict[int, Verdict]:
    """Give the verdicts that follow from what the newsletter knows already, whatever an article's dates say.

    A story is judged once: under another guid, or in another feed, it is eligible still, and in question
    still. What is strange in a sudden reading is in question.
    """
    asked = select(JudgementRow.article_id).where(
        JudgementRow.newsletter == newsletter, JudgementRow.verdict == Verdict.ASKED
    )
    readings = list(sudden)
    refused = any(verdict is not Verdict.ELIGIBLE for verdict in verdicts.values())
    if not (refused or readings or session.exec(asked.limit(1)).first()):
        return {}
    seen = candidates.seen(session, newsletter)
    known = [story for verdict, story in seen if verdict is not Verdict.ASKED]
    strange = set().union(*(in_question(reading, known) for reading in readings))
    alike = {
        verdict: Stories(story for judged, story in seen if judged is verdict)
        for verdict in (Verdict.ASKED, Verdict.ELIGIBLE)
    }
    found = {}
    for one in unjudged:
        if alike[Verdict.ASKED].twin(one):
            found[one.id] = Verdict.ASKED
        elif alike[Verdict.ELIGIBLE].twin(one):
            found[one.id] = Verdict.ELIGIBLE
        elif one.id in strange and verdicts[one.id] is Verdict.ELIGIBLE:
            found[one.id] = Verdict.ASKED
    return found


def _floor(session: Session, feed_id: int, anchor: datetime) -> datetime | None:
    """Give the date of the oldest article that a feed had shown by then; None where it was not full."""
    shown = (col(ArticleRow.feed_id) == feed_id, col(ArticleRow.first_seen_at) <= anchor)
    query = select(sa.func.count(), sa.func.min(ArticleRow.published_at)).where(*shown)
    count, oldest = session.exec(query).one()
    return oldest if count >= FULL else None


def asked(session: Session, newsletter: str, feeds: Sequence[str]) -> list[LedgerArticle]:
    """Give the articles about which a newsletter's editors are asked, and that are still on the site."""
    in_doubt = (
        select(JudgementRow.article_id)
        .where(
            JudgementRow.newsletter == newsletter,
            JudgementRow.article_id == ArticleRow.id,
            JudgementRow.verdict == Verdict.ASKED,
        )
        .exists()
    )
    return candidates.articles(
        session, col(FeedRow.url).in_(feeds), col(ArticleRow.vanished_at).is_(None), in_doubt
    )


def answer(
    session: Session,
    newsletter: str,
    article_ids: Collection[int],
    now: datetime,
    *,
    news: bool,
    by: str,
) -> int:
    """Record whether articles in question are news; give how many of them were in question."""
    verdict = Verdict.ELIGIBLE if news else Verdict.DECLINED
    answered = 0
    for article_id in article_ids:
        update = (
            sa.update(JudgementRow)
            .where(
                col(JudgementRow.newsletter) == newsletter,
                col(JudgementRow.article_id) == article_id,
                col(JudgementRow.verdict) == Verdict.ASKED,
            )
            .values(verdict=verdict, at=now)
        )
        answered += session.connection().execute(update).rowcount
    if answered:
        detail = f"{answered} {'accepted' if news else 'declined'} by {by}"
        session.add(EventRow(at=now, kind="articles.answered", newsletter=newsletter, detail=detail))
        session.flush()
    return answered
