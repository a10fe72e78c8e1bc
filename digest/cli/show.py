"""`digest subscribers show`: all that is known of one reader, for the day an angry one writes."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from digest.cli.context import open_desk
from digest.cli.output import emit_json, facts, moment, say, table, tell
from digest.cli.reader import AsJson, meant
from digest.cli.returns import in_rows
from digest.errors import DigestError
from digest.model import Subscriber
from digest.store import history
from digest.store.history import Happening, History


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(show)


def show(
    ctx: typer.Context,
    who: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|LINK",
            help="An address, or a link of a mail: to leave, to the settings, to confirm.",
            show_default=False,
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many deliveries, and how many events.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one reader: the consent, how they left, what happened, and what was mailed to them.

    Example: `digest subscribers show https://news.ledger.example/u/AQKDAQ…`
    """
    with open_desk(ctx) as desk:
        reader = meant(desk, who)
        with desk.store.read() as session:
            held = history.read(session, reader.id, limit=None if as_json else limit)
        zone = desk.settings.site.timezone
    if held is None:
        raise DigestError("This reader was erased just now.")
    if as_json:
        emit_json(asdict(reader) | asdict(held))
        return
    facts(_facts(reader, held, zone))
    if held.deliveries:
        say()
        table(
            ("newsletter", "slot", "delivery", "at", "the relay said"),
            ((d.newsletter, d.slot, d.state, moment(d.at, zone), d.reply) for d in held.deliveries),
        )
    if held.returned:
        say()
        table(
            ("id", "came back", "issue", "what"),
            (row for one in held.returned for row in in_rows(one, reader.email, zone)),
            numbers=("id",),
        )
    if held.events:
        say()
        table(
            ("at", "what", "newsletter", "issue", "by", "from", "detail"),
            (_row(event, zone) for event in held.events),
        )
    if limit in (len(held.deliveries), len(held.events)):
        tell(f"These are the latest {limit}: --limit, or --json for all.")


def _facts(reader: Subscriber, held: History, zone: str) -> Iterator[tuple[str, str]]:
    def when(at: datetime | None, *more: str) -> str:
        return ", ".join(part for part in (moment(at, zone), *more) if part) if at else ""

    yield "email", reader.email
    yield "name", reader.name
    yield "state", reader.state.value
    yield "newsletters", ", ".join(reader.newsletters)
    yield "came", moment(reader.created_at, zone)
    yield "confirmed", when(reader.confirmed_at, held.confirmed_ip and f"from {held.confirmed_ip}")
    yield "consent", ", ".join(part for part in (reader.consent, held.consent_form, held.consent_ip) if part)
    left = reader.left_channel.value if reader.left_channel else ""
    yield (
        "left",
        when(
            reader.left_at, left and f"by {left}", reader.left_issue and f"the issue of {reader.left_issue}"
        ),
    )
    paused = [one for one in held.memberships if one.paused_until and not one.left_at]
    for label, value in (
        ("language", held.language),
        ("paused", ", ".join(f"{one.newsletter} until {moment(one.paused_until, zone)}" for one in paused)),
        (
            "soft bounces",
            f"{held.soft_bounces}, {moment(held.first_soft_at, zone)}" * bool(held.soft_bounces),
        ),
        ("disabled", when(held.disabled_at)),
        ("waits for", held.new_address and f"a new address, {held.new_address}, to be confirmed"),
    ):
        if value:
            yield label, value


def _row(event: Happening, zone: str) -> tuple[str, ...]:
    channel = event.channel.value if event.channel else ""
    came = " ".join(part for part in (event.ip, event.agent) if part)
    return moment(event.at, zone), event.kind, event.newsletter, event.slot, channel, came, event.detail
