"""`digest collect`: fetch and read the feeds once."""

import asyncio
from typing import Annotated, Any

import typer

from digest import publish
from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, say, table, tell
from digest.publish import Collected


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(collect)


def collect(
    ctx: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False
) -> None:
    """Fetch and read the feeds once, and show what is new.

    Example: `digest collect`
    """
    with open_desk(ctx) as desk:
        feeds = asyncio.run(publish.collect(desk))
    if as_json:
        emit_json([_told(feed) for feed in feeds])
    else:
        _show(feeds)
    for feed in feeds:
        if feed.error:
            tell(f"digest: {feed.url} could not be collected: {feed.error}")
    if any(feed.error for feed in feeds):
        raise typer.Exit(1)


def _told(feed: Collected) -> dict[str, Any]:
    arrived = feed.arrived
    return {
        "feed": feed.url,
        "listed": arrived.listed if arrived else 0,
        "new": len(arrived.new) if arrived else 0,
        "changed": len(arrived.changed) if arrived else 0,
        "vanished": arrived.vanished if arrived else 0,
        "modified": arrived is not None,
        "complaints": feed.complaints,
        "error": feed.error,
    }


def _show(feeds: list[Collected]) -> None:
    good = [feed for feed in feeds if not feed.error]
    if good:
        numbers = ("new", "changed", "vanished", "complaints")
        table(("feed", *numbers), (_row(feed) for feed in good), numbers=numbers)
    for feed in good:
        for complaint in feed.complaints:
            tell(f"{feed.url}: {complaint}")
    new = [article for feed in good if feed.arrived for article in feed.arrived.new]
    if new:
        say()
        say(
            f"{counted(len(new), 'new article')}: `digest articles list` names them, "
            "`digest preview` shows the issue."
        )


def _row(feed: Collected) -> tuple[object, ...]:
    arrived = feed.arrived
    if arrived is None:
        return (f"{feed.url} (not modified)", 0, 0, 0, 0)
    return (feed.url, len(arrived.new), len(arrived.changed), arrived.vanished, len(feed.complaints))
