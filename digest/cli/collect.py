"""`digest collect`: fetch and read the feeds once."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any

import typer

from digest import publish
from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, say, table, tell
from digest.cli.progress import progress
from digest.desk import Desk
from digest.feed.urls import public
from digest.model import LedgerArticle
from digest.publish import Collected
from digest.store import articles

WAITING = "waiting"
PROTECTED = "protected"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of a feed, with the standing of each new article by newsletter."""

    feed: Collected
    standings: Mapping[int, Mapping[str, str]]

    def left_out(self) -> Iterator[tuple[LedgerArticle, str, str]]:
        """Give the new articles that a newsletter will not mail, or not yet, and why."""
        for article in self.feed.arrived.new if self.feed.arrived else ():
            for newsletter, phrase in self.standings[article.id].items():
                why = PROTECTED if article.protected and phrase == WAITING else phrase
                if why != WAITING:
                    yield article, newsletter, why


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(collect)


def collect(
    ctx: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False
) -> None:
    """Fetch and read the feeds once, and show what came, what changed and what was left out.

    Example: `digest collect`
    """
    with open_desk(ctx) as desk:
        with progress("further pages", None) as advance:
            asked = count(1)
            feeds = asyncio.run(publish.collect(desk, on_page=lambda: advance(next(asked))))
        told = [Told(feed=feed, standings=_standings(desk, feed)) for feed in feeds]
    if as_json:
        emit_json([_json(one) for one in told])
    else:
        _show(told)
    for feed in feeds:
        if feed.error:
            tell(f"digest: {public(feed.url)} could not be collected: {feed.error}")
    if any(feed.error for feed in feeds):
        raise typer.Exit(1)


def _standings(desk: Desk, feed: Collected) -> dict[int, Mapping[str, str]]:
    if feed.arrived is None:
        return {}
    with desk.store.read() as session:
        return {article.id: articles.standing(session, article.id) for article in feed.arrived.new}


def _json(told: Told) -> dict[str, Any]:
    feed = told.feed
    new = feed.arrived.new if feed.arrived else ()
    return {
        "feed": public(feed.url),
        "error": feed.error,
        "modified": feed.arrived is not None,
        "listed": feed.arrived.listed if feed.arrived else 0,
        "pages": feed.pages,
        "new": [
            _named(article) | {"published_at": article.published_at, "standing": told.standings[article.id]}
            for article in new
        ],
        "changed": [_named(change.article) | {"fields": change.fields} for change in feed.changes],
        "vanished": [_named(article) for article in feed.vanished],
        "left_out": [
            _named(article) | {"newsletter": newsletter, "why": why}
            for article, newsletter, why in told.left_out()
        ],
        "gap": feed.gap,
        "complaints": feed.complaints,
    }


def _named(article: LedgerArticle) -> dict[str, Any]:
    return {"id": article.id, "title": article.title, "link": article.link}


def _show(told: list[Told]) -> None:
    good = [one for one in told if not one.feed.error]
    if good:
        numbers = ("new", "changed", "vanished", "complaints")
        table(("feed", *numbers), (_row(one.feed) for one in good), numbers=numbers)
    for feed in (one.feed for one in told):
        for sentence in (*feed.complaints, *([feed.gap] if feed.gap else [])):
            tell(f"{public(feed.url)}: {sentence}")
    for feed in (one.feed for one in good):
        for change in feed.changes:
            say(f"changed: {change.article.title} ({', '.join(change.fields) or 'how is not known'})")
        for article in feed.vanished:
            say(f"vanished: {article.title}")
    new = sum(len(one.feed.arrived.new) for one in good if one.feed.arrived)
    if new:
        say()
        names = "`digest articles list` names them, `digest preview` shows the issue."
        say(f"{counted(new, 'new article')}: {names}")
    for newsletter, reasons in _reasons(good).items():
        said = ", ".join(f"{number:,} {why}" for why, number in reasons.items())
        say(f"Left out of {newsletter}: {said}.")


def _reasons(told: list[Told]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for one in told:
        for _, newsletter, why in one.left_out():
            found.setdefault(newsletter, Counter())[why] += 1
    return found


def _row(feed: Collected) -> tuple[object, ...]:
    arrived, name = feed.arrived, public(feed.url)
    if arrived is None:
        return (f"{name} (not modified)", 0, 0, 0, 0)
    if feed.pages > 1:
        name = f"{name} ({feed.pages} pages)"
    return (name, len(arrived.new), len(arrived.changed), len(feed.vanished), len(feed.complaints))
