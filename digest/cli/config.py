"""`digest config`: check, show and describe the settings."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from digest.cli.context import settings, warn_of, warn_of_envelope
from digest.cli.output import emit_json, facts, say
from digest.config import Newsletter, Settings, json_schema, show, toml_text
from digest.desk import utc_now
from digest.model import Slot
from digest.slots import Schedule

SLOTS = 5
"""Enough to see a weekend or a change of the clock."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Check, show and describe the settings.")
    group.command()(check)
    group.command("show")(show_settings)
    group.command()(schema)
    app.add_typer(group, name="config")


def check(ctx: typer.Context) -> None:
    """Read the settings, name every mistake, and show when the next issues are due.

    Example: `digest config check`
    """
    found = settings(ctx)
    now = utc_now()
    say(f"{found.path} is in order.")
    say()
    keys = found.signing_keys()
    facts(
        (
            ("Feeds", ", ".join(found.site.feeds)),
            ("Mail", _mail(found)),
            ("Bounces", _bounces(found)),
            ("DKIM", ", ".join(key.record_name for key in keys) or "left to the relay"),
            ("Pages", found.web.public_url),
        )
    )
    for key in keys:
        warn_of(key)
    warn_of_envelope(found)
    for newsletter in found.newsletter:
        say()
        say(f"{newsletter.name} ({newsletter.schedule} in {newsletter.timezone}), next due:")
        for slot in Schedule.parse(newsletter.schedule, newsletter.timezone).upcoming(now, SLOTS):
            say(f"  {_local(slot, newsletter)}")


def _mail(found: Settings) -> str:
    if found.is_rehearsal:
        return f"a rehearsal into {found.outbox}; set host under [smtp] to mail"
    return f"{found.mail.sender} through {found.smtp.host}:{found.smtp.port} ({found.smtp.security})"


def _bounces(found: Settings) -> str:
    read = found.bounces.address if found.bounces.is_read else ""
    if found.is_verp:
        return f"to {read}, an address of its own for each message"
    if found.envelope == read:
        return f"to {read}"
    return f"to {found.envelope}, which is not read here" + (f"; {read} is" if read else "")


def _local(slot: Slot, newsletter: Newsletter) -> str:
    """Give a slot's weekday, its name's time, and the clock's with its offset where a change moves it."""
    at: datetime = slot.instant.astimezone(ZoneInfo(newsletter.timezone))
    moved = "" if at.replace(tzinfo=None) == slot.local else f"  (at {at:%H:%M}: the clocks change)"
    return f"{slot.local:%a} {slot.name}  {at.isoformat()[-6:]}{moved}"


def show_settings(
    ctx: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False
) -> None:
    """Show the settings in force, the environment's included; passwords as stars.

    Example: `digest config show --json`
    """
    tables = show(settings(ctx))
    if as_json:
        emit_json(tables)
    else:
        say(toml_text(tables).rstrip())


def schema() -> None:
    """Print the JSON schema of config.toml, for editors that complete and check it.

    Example: `digest config schema > config.schema.json`
    """
    emit_json(json_schema())
