"""`digest articles`: what the feed has shown, and why an article was mailed or not."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from digest.cli import marking
from digest.cli.context import open_desk
from digest.cli.output import emit_json, moment, say, table
from digest.errors import UsageError
from digest.issue import Mark
from digest.store import articles, marks
from digest.store.standing import Account, in_words

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

SHOWN = ("id", "title", "link", "feed_url", "published_at", "first_seen_at", "vanished", "protected")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="See what the feed has shown and what became of it; say what goes in."
    )
    group.command("list")(listed)
    group.command()(why)
    marking.register(group)
    app.add_typer(group, name="articles")


def listed(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """List the newest articles with their standing in each newsletter.

    Example: `digest articles list --limit 10`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        found = articles.listing(session, limit)
        marked = {article.id: marks.of_article(session, article.id) for article, _ in found}
        zone, one_newsletter = desk.settings.site.timezone, len(desk.settings.newsletter) == 1
    if as_json:
        emit_json(
            [
                {name: getattr(article, name) for name in SHOWN}
                | {"standing": standing, "marks": _marks(marked[article.id])}
                for article, standing in found
            ]
        )
    elif found:
        table(
            ("id", "published", "standing", "title"),
            (
                (
                    article.id,
                    moment(article.published_at, zone),
                    _standing(standing, marked[article.id], bare=one_newsletter),
                    article.title,
                )
                for article, standing in found
            ),
            numbers=("id",),
        )
    else:
        say("No article yet: `digest collect` reads the feeds.")


def _standing(standing: Mapping[str, str], marked: dict[str, Mark], *, bare: bool) -> str:
    wishes = {name: words.partition(" by ")[0] for name, mark in marked.items() if (words := in_words(mark))}
    told = {
        name: f"{phrase}, {wishes[name]}" if name in wishes else phrase for name, phrase in standing.items()
    }
    if bare and len(told) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{newsletter}: {phrase}" for newsletter, phrase in told.items())


def _marks(marked: dict[str, Mark]) -> dict[str, Mark]:
    """Give the marks that say something."""
    return {name: mark for name, mark in marked.items() if in_words(mark)}


def why(
    ctx: typer.Context,
    article_id: Annotated[int, typer.Argument(metavar="ID", help="As `digest articles list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell an article's story: when it was seen, how it was judged and marked, which issues held it.

    Example: `digest articles why 12`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        account = articles.why(session, article_id)
    if account is None:
        raise UsageError(f"There is no article {article_id}: `digest articles list` shows their ids.")
    if as_json:
        emit_json(_told(account))
        return
    say(account.article.title, style="bold")
    say(account.article.link)
    for line in account.lines:
        say(f"  {line}")


def _told(account: Account) -> dict[str, Any]:
    return {name: getattr(account.article, name) for name in SHOWN} | {
        "vanished_at": account.vanished_at,
        "verdicts": account.verdicts,
        "marks": _marks(dict(account.marks)),
        "decisions": account.rulings,
        "same_story": [twin.id for twin in account.twins],
        "story": account.lines,
    }
