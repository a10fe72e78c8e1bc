"""`digest feeds`: how each feed is doing, and what is to be done about it."""

from datetime import datetime
from typing import Annotated, Any

import typer

from digest.cli.context import open_desk
from digest.cli.output import NOTHING, emit_json, facts, moment, say
from digest.feed.standing import TROUBLES, FeedHealth, Standing, standing
from digest.feed.urls import public
from digest.store.health import health


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(feeds)


def feeds(
    ctx: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="End with exit code 1 if one is down, gone, blocked or stale.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Tell each feed's health: when it last came, its rhythm, what fails, and what to do. Asks no site.

    Example: `digest feeds`
    """
    with open_desk(ctx) as desk:
        with desk.store.read() as session:
            found = health(session, desk.settings.site.feeds)
        now, zone = desk.clock(), desk.settings.site.timezone
    judged = [(feed, standing(feed, now)) for feed in found]
    if as_json:
        emit_json([_told(feed, its) for feed, its in judged])
    else:
        for number, (feed, its) in enumerate(judged):
            if number:
                say()
            say(public(feed.url), style="bold")
            facts(_facts(feed, its, now=now, zone=zone))
    if check and any(its.state in TROUBLES for _, its in judged):
        raise typer.Exit(1)


def _facts(feed: FeedHealth, its: Standing, *, now: datetime, zone: str) -> list[tuple[str, str]]:
    rows = [("  State", its.state.value), ("  Last good fetch", moment(feed.good_at, zone))]
    newest = moment(feed.newest_at, zone)
    rows.append(("  Newest article", f"{newest}  {feed.newest_title}" if feed.newest_at else NOTHING))
    rows.append(("  Rhythm", str(feed.rhythm) if feed.rhythm else "too few articles to tell"))
    if feed.failures:
        rows.append(("  Failures in a row", f"{feed.failures}, the last {moment(feed.tried_at, zone)}"))
        waits = feed.next_try_at is not None and feed.next_try_at > now
        rows.append(
            ("  Next try", moment(feed.next_try_at, zone) if waits else "when the feeds are next collected")
        )
    if its.todo:
        rows.append(("  What to do", its.todo))
    return rows


def _told(feed: FeedHealth, its: Standing) -> dict[str, Any]:
    rhythm = feed.rhythm
    return {
        "feed": public(feed.url),
        "state": its.state,
        "todo": its.todo,
        "good_at": feed.good_at,
        "tried_at": feed.tried_at,
        "next_try_at": feed.next_try_at,
        "failures": feed.failures,
        "last_error": feed.last_error,
        "gone": feed.gone,
        "found_at": public(feed.found_at),
        "gap": feed.gap,
        "complaints": feed.complaints,
        "newest_at": feed.newest_at,
        "newest_title": feed.newest_title,
        "rhythm_seconds": round(rhythm.usual.total_seconds()) if rhythm else None,
        "silence_seconds": round(rhythm.silence.total_seconds()) if rhythm else None,
    }
