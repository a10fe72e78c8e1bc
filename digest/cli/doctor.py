"""`digest doctor`: what is wrong, and how to mend it. Asks the relay as far as one can without mailing."""

import asyncio
from typing import Annotated

import typer

from digest.cli.context import settings, unchecked
from digest.cli.output import say, table
from digest.cli.preview import desk_address
from digest.cli.remedies import remedy
from digest.cli.subscribers import address
from digest.delivery.probe import is_good, probe
from digest.desk import Desk
from digest.errors import RelayError, UsageError
from digest.model import Phase

SECONDS = 10
"""For all of it: after that, whoever sits at the terminal takes it for a hang."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Find out what is wrong, and how to mend it.")
    group.command("relay")(ask_relay)
    app.add_typer(group, name="doctor")
    # A group of one command would otherwise take that command's place.
    group.callback()(lambda: None)


def ask_relay(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(help="Whose mail to ask for.", show_default="the site's own"),
    ] = "",
) -> None:
    """Connect, secure, log in, and ask whether the relay would take a message. None is sent.

    Example: `digest doctor relay --to me@example.org`
    """
    found = settings(ctx)
    if found.is_rehearsal:
        raise UsageError("There is no relay to ask: [smtp] host is empty, so that everything is a rehearsal.")
    recipient = address(to) if to else desk_address(found)
    with unchecked(found) as store:
        # The relay is the desk's to build, and needs neither a database nor a key.
        relay = Desk(settings=found, store=store, keys=()).relay
    login = f"as {relay.username}" if relay.username else "without a login"
    say(f"{relay} ({relay.security}), {login}", style="bold")
    heard = asyncio.run(probe(relay, found.mail.envelope, recipient, seconds=SECONDS))
    asked = {Phase.MAIL: f"from <{found.mail.envelope}>", Phase.RCPT: f"to <{recipient}>"}
    table(("step", "reply"), ((f"{one.phase.value} {asked.get(one.phase, '')}", one) for one in heard))
    last = heard[-1]
    if not is_good(last):
        raise RelayError(remedy(last, port=relay.port, security=relay.security))
    say()
    say("The relay would take our mail. Nothing was sent; `digest send --to ADDRESS` mails a test.")
