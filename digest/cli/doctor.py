"""`digest doctor`: what is wrong, and how to mend it. Asks the relays as far as one can without mailing."""

import asyncio
import secrets
from typing import Annotated

import typer

from digest.cli.context import settings, unchecked, warn_of_envelope
from digest.cli.output import say, table
from digest.cli.preview import desk_address
from digest.cli.reader import address
from digest.cli.remedies import remedy
from digest.config import Settings
from digest.delivery.courier import Relay
from digest.delivery.probe import is_good, probe
from digest.desk import Desk
from digest.engine.composer import envelopes
from digest.errors import RelayError, UsageError
from digest.model import Phase, Recipient, Reply

SECONDS = 10
"""For all of one relay: after that, whoever sits at the terminal takes it for a hang."""


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
    """Connect, secure, log in, and ask whether each relay would take a message. None is sent.

    Example: `digest doctor relay --to me@example.org`
    """
    found = settings(ctx)
    if found.is_rehearsal:
        raise UsageError("There is no relay to ask: [smtp] host is empty, so that everything is a rehearsal.")
    recipient = address(to) if to else desk_address(found)
    with unchecked(found) as store:
        # The relay is the desk's to build, and needs neither a database nor a key.
        relays = Desk(settings=found, store=store, keys=()).relays
    warn_of_envelope(found)
    sender = _sender(found)
    troubles: list[str] = []
    for relay in relays:
        if relay is not relays[0]:
            say()
        named = f"{relay.name}: " if len(relays) > 1 else ""
        last = _ask(relay, named, sender, recipient)
        if not is_good(last):
            troubles.append(named + remedy(last, port=relay.port, security=relay.security))
    if troubles:
        raise RelayError("\n".join(troubles))
    say()
    whose = "The relay" if len(relays) == 1 else "Each relay"
    say(f"{whose} would take our mail. Nothing was sent; `digest send --to ADDRESS` mails a test.")


def _sender(found: Settings) -> str:
    """Give the envelope's sender as readers' mail has it, for a reader that there is none of."""
    envelope = envelopes(found, 0, secrets.token_bytes())
    return envelope(Recipient(id=0, email="")) if envelope else found.envelope


def _ask(relay: Relay, named: str, sender: str, recipient: str) -> Reply:
    """Ask one relay, show what it says, and give its last reply."""
    login = f"as {relay.username}" if relay.username else "without a login"
    say(f"{named}{relay} ({relay.security}), {login}", style="bold")
    heard = asyncio.run(probe(relay, sender, recipient, seconds=SECONDS))
    asked = {Phase.MAIL: f"from <{sender}>", Phase.RCPT: f"to <{recipient}>"}
    table(("step", "reply"), ((f"{one.phase.value} {asked.get(one.phase, '')}", one) for one in heard))
    return heard[-1]
