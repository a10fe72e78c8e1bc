"""`digest embed`: the sign-up form for a page of the site's own."""

from typing import Annotated

import typer

from digest.cli.context import open_desk
from digest.cli.output import say, tell
from digest.errors import UsageError
from digest.web.desk import pages
from digest.web.dress import Dress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="embed", rich_help_panel="Readers")(embed)


def embed(
    ctx: typer.Context,
    newsletter: Annotated[str, typer.Option(help="Offer this newsletter alone.", show_default=False)] = "",
) -> None:
    """Print the sign-up form for your site: as HTML, as a block for WordPress, and as a plain link.

    It needs no script and may be cached: it leads to the page on which a reader signs up.

    Example: `digest embed --newsletter daily`
    """
    with open_desk(ctx) as desk:
        if not desk.settings.signup.enabled:
            raise UsageError("[signup] enabled is false: there is no page that a form could lead to.")
        shown = pages(desk)
        offered = shown.signup.newsletters or tuple(shown.titles)
        if newsletter and newsletter not in offered:
            raise UsageError(
                f"There is no newsletter {newsletter!r} to sign up for; there is: {', '.join(offered)}."
            )
        names = (newsletter,) if newsletter else offered
        url = f"{shown.public_url.rstrip('/')}/subscribe"
        choices = [{"name": name, "title": shown.titles[name]} for name in names]
        only = names[0] if len(names) == 1 else ""
        form = bytes(
            Dress(shown).page("embed", {"action": url, "choices": choices, "name": only}).body
        ).decode()
    tell("For any page, as HTML:")
    say(form.strip())
    tell("\nFor WordPress, pasted into the editor's code view:")
    say(f"<!-- wp:html -->\n{form.strip()}\n<!-- /wp:html -->")
    tell("\nAs a link:")
    say(url)
