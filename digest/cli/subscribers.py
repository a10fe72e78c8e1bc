"""`digest subscribers`: how readers come, leave and are found. `import`, `export` and `show` stand apart."""

from typing import Annotated

import typer

from digest.cli import export, importing, show
from digest.cli.context import open_desk
from digest.cli.output import confirm, emit_json, moment, say, table, tell
from digest.cli.reader import AsJson, address, known
from digest.errors import DigestError
from digest.model import Channel, SubscriberState
from digest.store import erasure, subscribers
from digest.store.bounces import Evidence
from digest.store.subscribers import Newcomer, Visit
from digest.subscription import Arrival

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The reader's address.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Add, import, export, look up and remove readers.")
    group.command()(add)
    importing.register(group)
    export.register(group)
    group.command("list")(listed)
    show.register(group)
    group.command()(unsubscribe)
    group.command()(suppress)
    group.command()(erase)
    app.add_typer(group, name="subscribers")


def add(
    ctx: typer.Context,
    email: Address,
    name: Annotated[str, typer.Option(help="What the mail may call the reader.", show_default=False)] = "",
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
) -> None:
    """Add a reader who has asked you for it: mailed from the next issue on.

    Example: `digest subscribers add rosa@example.org --name Rosa`
    """
    with open_desk(ctx) as desk:
        wanted = desk.settings.newsletter_named(newsletter or None).name
        newcomer = Newcomer(email=address(email), name=" ".join(name.split()), newsletter=wanted)
        with desk.store.write() as session:
            [(arrival, reason)] = subscribers.add(session, [newcomer], desk.clock())
    if arrival is Arrival.REFUSED:
        raise DigestError(f"{newcomer.email} was not added: {reason}.")
    told = {
        Arrival.ADDED: f"{newcomer.email} is subscribed to {wanted}.",
        Arrival.UPDATED: f"{newcomer.email} was known; it is brought up to date and subscribed to {wanted}.",
        Arrival.UNCHANGED: f"{newcomer.email} is subscribed to {wanted} already.",
    }
    say(told[arrival])


def listed(
    ctx: typer.Context,
    state: Annotated[
        SubscriberState | None, typer.Option(help="Only those in this state.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List readers in the order in which they came, and how many there are.

    Example: `digest subscribers list --state unsubscribed`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        found = subscribers.each(session, state=state, limit=limit)
        by_state = subscribers.by_state(session)
        zone = desk.settings.site.timezone
    if as_json:
        emit_json(found)
        return
    if found:
        table(
            ("email", "name", "state", "since", "newsletters"),
            (
                (s.email, s.name, s.state.value, moment(s.created_at, zone), ", ".join(s.newsletters))
                for s in found
            ),
        )
        say()
    say(", ".join(f"{number:,} {state.value}" for state, number in by_state.items()) + ".")
    total = by_state[state] if state else sum(by_state.values())
    if total > len(found):
        tell(f"These are the first {len(found):,} of {total:,}: --limit, or `digest subscribers export`.")


def unsubscribe(ctx: typer.Context, email: Address) -> None:
    """End all of a reader's subscriptions at once, as if they had clicked. Only they can come back.

    Example: `digest subscribers unsubscribe rosa@example.org`
    """
    with open_desk(ctx) as desk:
        found = known(desk, email)
        with desk.store.write() as session:
            visit = Visit(channel=Channel.OPERATOR)
            left = subscribers.leave(session, found.id, list(found.newsletters), visit, desk.clock())
    say(f"{found.email} {'is unsubscribed and gets no more mail.' if left else 'had left already.'}")


def suppress(
    ctx: typer.Context,
    email: Address,
    reason: Annotated[str, typer.Option(help="Why, for those who see it later.")],
) -> None:
    """Never mail an address again, whether it is known or not, and whoever imports it.

    Example: `digest subscribers suppress rosa@example.org --reason "asked by phone"`
    """
    wanted = address(email)
    with open_desk(ctx) as desk, desk.store.write() as session:
        evidence = Evidence(reason=reason, channel=Channel.OPERATOR)
        known = subscribers.suppress(session, wanted, evidence, desk.clock())
    say(
        f"{wanted} is never mailed again.{'' if known else ' Nobody had it; an import will not bring it in.'}"
    )


def erase(ctx: typer.Context, email: Address, *, yes: Yes = False) -> None:
    """Remove a reader's address everywhere (GDPR, article 17); a keyed hash keeps it from coming back.

    Example: `digest subscribers erase rosa@example.org`
    """
    with open_desk(ctx) as desk:
        found = known(desk, email)
        confirm(f"Erase {found.email} for good?", yes=yes)
        with desk.store.write() as session:
            erasure.erase(session, found, desk.clock())
    say(f"{found.email} is erased. What was mailed stays in the counts, without the address.")
