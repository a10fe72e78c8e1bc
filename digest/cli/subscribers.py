"""`digest subscribers`: how readers come, leave and are looked up. `import` and `export` stand apart."""

from dataclasses import asdict
from typing import Annotated

import typer

from digest import links
from digest.address import normalise
from digest.cli import export, importing
from digest.cli.context import open_desk
from digest.cli.output import confirm, emit_json, facts, moment, say, table, tell
from digest.desk import Desk
from digest.errors import AddressError, DigestError, TokenError, UsageError
from digest.links import LinkKind
from digest.model import Channel, DeliveryState, Subscriber, SubscriberState
from digest.store import subscribers
from digest.store.bounces import Evidence
from digest.store.subscribers import Newcomer, Visit
from digest.subscription import Arrival

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The reader's address.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Add, import, export, look up and remove readers.")
    group.command()(add)
    importing.register(group)
    export.register(group)
    group.command("list")(listed)
    group.command()(show)
    group.command()(unsubscribe)
    group.command()(suppress)
    group.command()(erase)
    app.add_typer(group, name="subscribers")


def address(text: str) -> str:
    """Read an address from the command line. Raises UsageError, since a mistyped one is misuse."""
    try:
        return normalise(text)
    except AddressError as error:
        raise UsageError(str(error)) from error


def _known(desk: Desk, text: str) -> Subscriber:
    email = address(text)
    with desk.store.read() as session:
        found = subscribers.find(session, email)
    if found is None:
        raise DigestError(f"No subscriber has the address {email}.")
    return found


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


def show(
    ctx: typer.Context,
    who: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|LINK", help="An address, or the unsubscribe link of a mail.", show_default=False
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one reader: the consent, how they left, and their latest deliveries.

    Example: `digest subscribers show rosa@example.org`
    """
    with open_desk(ctx) as desk:
        found = _of_link(desk, who) if "/u/" in who or "@" not in who else _known(desk, who)
        with desk.store.read() as session:
            latest = subscribers.deliveries_of(session, found.id)
        zone = desk.settings.site.timezone
    deliveries = [
        {"newsletter": newsletter, "slot": slot, "state": DeliveryState(state).name.lower()}
        for slot, newsletter, state in latest
    ]
    if as_json:
        emit_json(asdict(found) | {"deliveries": deliveries})
        return
    left = f"{moment(found.left_at, zone)} by {found.left_channel.value}" if found.left_channel else ""
    facts(
        (
            ("email", found.email),
            ("name", found.name),
            ("state", found.state.value),
            ("newsletters", ", ".join(found.newsletters)),
            ("came", moment(found.created_at, zone)),
            ("confirmed", moment(found.confirmed_at, zone)),
            ("consent", found.consent),
            ("left", left + (f", from the issue of {found.left_issue}" if found.left_issue else "")),
        )
    )
    if deliveries:
        say()
        table(("newsletter", "slot", "delivery"), (tuple(one.values()) for one in deliveries))


def _of_link(desk: Desk, text: str) -> Subscriber:
    """Find whom a link was mailed to. Raises TokenError for one that was not made here."""
    token = text.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/u/")[2]
    try:
        link = links.read(token, desk.keys)
    except TokenError as error:
        if "/u/" in text:
            raise
        raise UsageError(f"{text!r} is neither an address nor the unsubscribe link of a mail.") from error
    if link.kind is not LinkKind.UNSUBSCRIBE:
        raise DigestError("This link is from a test or a rehearsal: it belongs to nobody.")
    with desk.store.read() as session:
        found = subscribers.get(session, link.subscriber_id)
    if found is None:
        raise DigestError("The reader of this link has been erased.")
    if found.address_version != link.address_version:
        tell("This link was mailed to an earlier address of this reader.")
    return found


def unsubscribe(ctx: typer.Context, email: Address) -> None:
    """End all of a reader's subscriptions at once, as if they had clicked. Only they can come back.

    Example: `digest subscribers unsubscribe rosa@example.org`
    """
    with open_desk(ctx) as desk:
        found = _known(desk, email)
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
        found = _known(desk, email)
        confirm(f"Erase {found.email} for good?", yes=yes)
        with desk.store.write() as session:
            subscribers.erase(session, found, desk.clock())
    say(f"{found.email} is erased. What was mailed stays in the counts, without the address.")
