"""`digest tokens`: what the site's own software may do by the JSON API."""

from typing import Annotated

import typer

from digest.cli.context import open_desk
from digest.cli.output import emit_json, moment, say, table, tell
from digest.config.values import slug
from digest.errors import UsageError
from digest.store import tokens
from digest.store.tokens import Scope

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Whose it is: `shop`, `wordpress`.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Let the site's own software in, by the JSON API.")
    group.command()(new)
    group.command("list")(listed)
    group.command()(revoke)
    app.add_typer(group, name="tokens")


def new(
    ctx: typer.Context,
    name: Name,
    scope: Annotated[
        list[Scope],
        typer.Option(help="What it may do; say it again for more: `read`, `write`, `erase`."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a token, and show it this once: only its hash is kept.

    Example: `digest tokens new shop --scope read --scope write`
    """
    try:
        checked = slug(name)
    except ValueError as error:
        raise UsageError(f"{name!r} {error}.") from error
    with open_desk(ctx) as desk, desk.store.write() as session:
        secret = tokens.make(session, checked, scope, desk.clock())
    if as_json:
        emit_json({"name": checked, "token": secret, "scopes": sorted({one.value for one in scope})})
        return
    say(secret)
    tell("It is shown this once. The software sends it along as `Authorization: Bearer TOKEN`.")


def listed(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the tokens, what each may do, and when it was used last (to the hour).

    Example: `digest tokens list`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        found = tokens.listing(session)
        zone = desk.settings.site.timezone
    told = [
        {
            "name": one.name,
            "scopes": sorted(scope.value for scope in one.scopes),
            "created_at": one.created_at,
            "used_at": one.used_at,
            "revoked_at": one.revoked_at,
        }
        for one in found
    ]
    if as_json:
        emit_json(told)
        return
    if not found:
        say("There is none.")
        return
    table(
        ("name", "scopes", "made", "used", "revoked"),
        (
            (
                one.name,
                ", ".join(sorted(scope.value for scope in one.scopes)),
                *(moment(when, zone) for when in (one.created_at, one.used_at, one.revoked_at)),
            )
            for one in found
        ),
    )


def revoke(ctx: typer.Context, name: Name) -> None:
    """End a token at once. Its name is not given again.

    Example: `digest tokens revoke shop`
    """
    with open_desk(ctx) as desk, desk.store.write() as session:
        ended = tokens.revoke(session, name, desk.clock())
    say(f"{name} {'has no access any more.' if ended else 'had been revoked already.'}")
