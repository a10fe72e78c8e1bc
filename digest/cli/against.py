"""`digest bounces why`: all that counts against an address, and what can be done about it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, facts, moment, say, table
from digest.cli.reader import AsJson, address
from digest.cli.returns import in_rows
from digest.delivery.retry import DISABLED_SPAN, SOFT_BOUNCES, SOFT_SPAN
from digest.model import Subscriber, SubscriberState
from digest.spans import spelled
from digest.store import returns, subscribers
from digest.store.returns import Case


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(why)


def why(
    ctx: typer.Context,
    email: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Whether a reader has it or not.", show_default=False)
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell all that counts against an address, and what can be done about it.

    Example: `digest bounces why rosa@example.org`
    """
    wanted = address(email)
    with open_desk(ctx) as desk, desk.store.read() as session:
        reader = subscribers.find(session, wanted)
        case = returns.against(session, wanted, reader.id if reader else None)
        zone = desk.settings.site.timezone
    if as_json:
        state = reader.state if reader else None
        emit_json({"email": wanted, "state": state, "advice": _advice(reader, case)} | vars(case))
        return
    say(f"{wanted} is {reader.state.value if reader else 'no reader’s'}.", style="bold")
    if said := list(_against(reader, case, zone)):
        facts(said)
    if case.returned:
        say()
        table(
            ("id", "came back", "issue", "what"),
            (row for one in case.returned for row in in_rows(one, reader.email if reader else "", zone)),
            numbers=("id",),
        )
    if case.refusals:
        say()
        table(
            ("refused", "issue", "delivery", "the relay said"),
            ((moment(one.at, zone), one.slot, one.state, one.reply) for one in case.refusals),
        )
    say()
    say(_advice(reader, case))


def _against(reader: Subscriber | None, case: Case, zone: str) -> Iterator[tuple[str, object]]:
    if case.suppression:
        yield "suppressed", f"{moment(case.suppression.at, zone)}, {case.suppression.reason}"
        if case.suppression.evidence:
            yield "evidence", case.suppression.evidence
    if reader and reader.left_at:
        by = f", by {reader.left_channel.value}" if reader.left_channel else ""
        of = f", the issue of {reader.left_issue}" if reader.left_issue else ""
        yield "left", f"{moment(reader.left_at, zone)}{by}{of}"
    if case.soft_bounces:
        yield "soft", f"{counted(case.soft_bounces, 'bounce')} since {moment(case.first_soft_at, zone)}"
    if case.disabled_at:
        yield "disabled", f"said of it {moment(case.disabled_at, zone)}"


def _advice(reader: Subscriber | None, case: Case) -> str:
    """Say what follows, and what an operator can do."""
    if case.suppression or (reader and reader.state is SubscriberState.SUPPRESSED):
        return (
            "It is never mailed again, whoever adds or imports it, and nothing lifts that: "
            "a reader who wants the mail after all signs up with another address."
        )
    if reader is None:
        return "Nothing counts against it: it can be added, imported or signed up."
    if reader.state is SubscriberState.UNSUBSCRIBED:
        return "Its reader has left, and can come back by the link of any mail, or by signing up."
    said = []
    if case.soft_bounces:
        said.append(
            f"It is given up after {SOFT_BOUNCES} soft bounces over {spelled(SOFT_SPAN)} or more, "
            "one an issue, with no delivery between them."
        )
    if case.disabled_at:
        said.append(
            f"It is given up if it is called disabled again {spelled(DISABLED_SPAN)} after the first."
        )
    if said:
        return " ".join([*said, "An acceptance forgets that; nothing needs to be done."])
    if reader.state is SubscriberState.PENDING:
        return "It waits for its reader to confirm, and is not mailed until then."
    return "It is mailed all the same." if case.refusals or case.returned else "Nothing counts against it."
