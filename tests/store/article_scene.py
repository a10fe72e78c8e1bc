"""Short ways to let a feed be read, an issue be made of what waits, and be sent."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ledger_scene import NOW, accepted, claim_all, counts, take, turn

from digest.config.rules import EVERYTHING, NOTHING, Rules
from digest.issue import select
from digest.model import Article, Decision, Issue, IssueState, Slot
from digest.store import articles, issues, ledger, marks
from digest.store.articles import Arrived
from digest.store.database import Store

URL = "https://ledger.example/feed/"
WEEK = timedelta(days=7)
LONG_AGO = NOW - timedelta(days=60)


def shown(guid: str, *, hours: float = 0, title: str = "", **columns: object) -> Article:
    values = {
        "guid": guid,
        "link": f"https://ledger.example/{guid}/",
        "title": title or guid,
        "published_at": NOW - timedelta(hours=hours),
        **columns,
    }
    return Article(**values)  # type: ignore[arg-type] # a test says what differs by name


def many(count: int, prefix: str = "n", *, hours: float = 1, step: float = 1) -> list[Article]:
    """Articles `n0`, `n1` and so on, each so many hours older than the one before."""
    return [shown(f"{prefix}{number}", hours=hours + step * number) for number in range(count)]


def read(store: Store, *listed: Article, now: datetime = NOW, url: str = URL) -> Arrived:
    with store.write() as session:
        feed = articles.feed(session, url)
        articles.note_fetch(session, feed.id, now)
        return articles.upsert(session, feed.id, listed, now)


def known(
    store: Store, newsletter: str = "daily", *, since: datetime = LONG_AGO, urls: Iterable[str] = (URL,)
) -> None:
    """Make the newsletter and its feeds known since long ago, so that nothing is baseline."""
    with store.write() as session:
        for url in urls:
            feed = articles.feed(session, url)
            if feed.first_fetched_at is None:
                articles.note_fetch(session, feed.id, since)
        articles.see_newsletter(session, newsletter, "0 7 * * *", "UTC", since)


def waiting(
    store: Store,
    newsletter: str = "daily",
    *,
    now: datetime = NOW,
    but_issue: int = 0,
    urls: Iterable[str] = (URL,),
) -> dict[str, bool]:
    """Judge, and give the candidates' guids with whether they are carried over."""
    with store.write() as session:
        articles.judge_new(session, newsletter, list(urls), WEEK, now)
        found = articles.candidates(session, newsletter, list(urls), but_issue=but_issue)
    return {candidate.article.guid: candidate.carried for candidate in found}


def make(
    store: Store,
    day: int = 24,
    *,
    room: int = 20,
    newsletter: str = "daily",
    urls: Iterable[str] = (URL,),
    include: Rules = EVERYTHING,
    exclude: Rules = NOTHING,
) -> Issue:
    """Draft an issue of what is waiting."""
    slot = Slot(name=f"2026-11-{day}T07:00", instant=NOW + timedelta(days=day - 24))
    feeds = list(urls)
    with store.write() as session:
        issue = issues.open_draft(session, newsletter, slot, NOW)
        articles.judge_new(session, newsletter, feeds, WEEK, NOW)
        chosen = select(
            articles.candidates(session, newsletter, feeds, but_issue=issue.id),
            max_articles=room,
            known=articles.known(session, newsletter, but_issue=issue.id),
            vanished=articles.gone(session, newsletter, feeds, but_issue=issue.id),
            marks=marks.marks(session, newsletter),
            held=marks.held(session, newsletter),
            include=include,
            exclude=exclude,
        )
        issues.save_decisions(session, issue.id, chosen)
    return issue


def send(store: Store, issue: Issue) -> None:
    """Send an issue to whatever readers there are."""
    with store.write() as session:
        ledger.freeze(session, issue, NOW)
        issues.move(session, issue, IssueState.SENDING, NOW, allowed=(IssueState.FROZEN,))
    if counts(store, issue).total:
        batch = take(store, issue)
        turn(store, batch, results=accepted(*claim_all(store, batch)))
    with store.write() as session:
        assert ledger.finish(session, issue, NOW) is not None


def decided(store: Store, issue: Issue) -> dict[str, Decision]:
    """What an issue decided, by guid, in its order."""
    with store.read() as session:
        return {row.guid: link.decision for row, link in issues.decisions(session, issue.id)}


def ids(store: Store) -> dict[str, int]:
    """Every article's id by its guid."""
    with store.read() as session:
        return {article.guid: article.id for article, _ in articles.listing(session, 1000)}
