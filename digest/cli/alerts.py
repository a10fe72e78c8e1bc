"""`digest alerts test`: whether alerts reach anybody, by every way that is configured."""

import asyncio

import typer

from digest.alerts import Alerts
from digest.cli.context import settings, unchecked
from digest.cli.output import say, table
from digest.desk import Desk
from digest.errors import DigestError, UsageError


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See to it that trouble is heard of.")
    group.command()(test)
    app.add_typer(group, name="alerts")
    # A group of one command would otherwise take that command's place.
    group.callback()(lambda: None)


def test(ctx: typer.Context) -> None:
    """Send a test by every way that is configured: mail, command and ping. Tell how each went.

    Example: `digest alerts test`
    """
    found = settings(ctx)
    if not (found.alerts.to or found.alerts.command or found.alerts.ping_url):
        raise UsageError("Nobody is told of anything: set [alerts] to, command or ping_url.")
    with unchecked(found) as store:
        # The relays are the desk's to build; a test needs neither a database nor a key.
        desk = Desk(settings=found, store=store, keys=())
        attempts = asyncio.run(Alerts(desk).test(desk.clock()))
    table(("way", "where", "outcome"), ((one.way, one.where, one.trouble or "went well") for one in attempts))
    unsent = bool(found.alerts.to) and found.is_rehearsal
    if unsent:
        say("No mail was sent: [smtp] host is empty.")
    if unsent or any(one.trouble for one in attempts):
        raise DigestError("Not every way of telling you works.")
