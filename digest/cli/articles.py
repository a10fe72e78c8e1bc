"""`digest articles`: what the feed has shown, and why an article was mailed or not."""

from typing import Annotated

import typer

from digest.cli.context import open_desk
from digest.cli.output import emit_json, moment, say, table
from digest.errors import UsageError
from digest.store import articles

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See what the feed has shown, and what became of it.")
    group.command("list")(listed)
    group.command()(why)
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
        zone, one_newsletter = desk.settings.site.timezone, len(desk.settings.newsletter) == 1
    if as_json:
        shown = ("id", "title", "link", "feed_url", "published_at", "first_seen_at", "vanished", "protected")
        emit_json([{n: getattr(a, n) for n in shown} | {"standing": standing} for a, standing in found])
    elif found:
        table(
            ("id", "published", "standing", "title"),
            (
                (a.id, moment(a.published_at, zone), _standing(standing, bare=one_newsletter), a.title)
                for a, standing in found
            ),
            numbers=("id",),
        )
    else:
        say("No article yet: `digest collect` reads the feeds.")


def _standing(standing: object, *, bare: bool) -> str:
    assert isinstance(standing, dict)
    if bare and len(standing) == 1:
        return str(next(iter(standing.values())))
    return ", ".join(f"{newsletter}: {phrase}" for newsletter, phrase in standing.items())


def why(
    ctx: typer.Context,
    article_id: Annotated[int, typer.Argument(metavar="ID", help="As `digest articles list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell an article's story: when it was seen, how it was judged, which issues held it.

    Example: `digest articles why 12`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        found = articles.why(session, article_id)
    if found is None:
        raise UsageError(f"There is no article {article_id}: `digest articles list` shows their ids.")
    article, lines = found
    if as_json:
        emit_json({"id": article.id, "title": article.title, "link": article.link, "story": lines})
        return
    say(article.title, style="bold")
    say(article.link)
    for line in lines:
        say(f"  {line}")
