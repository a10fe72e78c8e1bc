"""`digest bounces list` and `show`: what came back, whose it was, and what it has caused."""

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from digest.bounce.report import Kind, Verdict
from digest.cli import which
from digest.cli.context import open_desk
from digest.cli.output import NOTHING, emit_json, facts, moment, plain, say, simple, table, tell
from digest.cli.reader import AsJson
from digest.errors import UsageError
from digest.marks import Proof
from digest.store import consequences, returns, runs
from digest.store.returns import Filter, Returned, Whom

PROOFS = {
    Proof.VERP: "by the address that it was sent to, which names the reader",
    Proof.LINK: "by the unsubscribe link of the message that it returns",
    Proof.MESSAGE: "by the Message-ID of the message that it returns",
    Proof.PROVIDER: "by a mail service that has proved itself",
    Proof.ADDRESS: "by the address alone, which anybody may have written",
    Proof.FORGED: "it bears a mark that is not ours: forged, so it changes nobody",
    Proof.CONTRADICTORY: "its marks are of different readers, so it changes nobody",
    Proof.NOTHING: "nothing tells",
}
"""How it is known whose something is."""

EFFECTS = {
    "": "nothing",
    consequences.SUPPRESSED: "the address is suppressed: never mailed again",
    consequences.REMEMBERED: "the address is never mailed again; no reader has changed",
    consequences.UNSUBSCRIBED: "the reader has left all newsletters",
    consequences.LEFT: "the reader has left this newsletter",
    consequences.ASKED: "the reader was mailed the link by which one leaves",
    runs.SOFT: "counted as soft",
    runs.DISABLED: "noted as disabled: suppressed at the second such bounce, days later",
}
"""What something has caused."""

COUNTED = {runs.SOFT: "counted", runs.DISABLED: "noted"}
"""What is said of some of these in a list."""


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("list")(listed)
    group.command()(show)


def listed(
    ctx: typer.Context,
    kind: Annotated[Kind | None, typer.Option(help="Only these.", show_default=False)] = None,
    verdict: Annotated[
        Verdict | None, typer.Option(help="Only what says this of an address.", show_default=False)
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="DATE", help="As 2026-11-24, or with a time.", show_default=False)
    ] = "",
    newsletter: Annotated[str, typer.Option(help="Only this newsletter's.", show_default=False)] = "",
    issue: Annotated[str, typer.Option(metavar="SLOT", help="Only this issue's.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """List what came back, the newest first: whose it was, why, and what it has caused.

    Example: `digest bounces list --kind complaint --since 2026-11-20`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        zone = desk.settings.site.timezone
        wanted = Filter(
            kind=kind,
            verdict=verdict,
            since=_instant(since, zone) if since else None,
            newsletter=newsletter,
            issue_id=which.issue(session, issue, newsletter).id if issue else None,
        )
        found = returns.listing(session, wanted, limit)
    if as_json:
        emit_json(found)
    elif found:
        table(
            ("id", "at", "what", "whose, and why"),
            (row for one in found for row in _rows(one, zone)),
            numbers=("id",),
        )
        if len(found) == limit:
            tell(f"These are the latest {limit}: --limit. `digest bounces show ID` tells more of one.")
    elif wanted == Filter():
        say("Nothing has come back yet that was booked: docs/bounces.md says how bounces are read.")
    else:
        say("Nothing like this has come back.")


def _instant(text: str, zone: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text} is no date: say it as 2026-11-24, or 2026-11-24T07:00.") from error
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


def _rows(one: Returned, zone: str) -> Iterator[tuple[object, ...]]:
    """Give a row for each address that something is about, or one that is about nobody."""
    at = moment(one.at, zone)
    if not one.recipients:
        yield one.id, at, one.kind.value, one.reason
    for whom in one.recipients:
        said = "; ".join(part for part in (whom.reason, COUNTED.get(whom.effect, whom.effect)) if part)
        yield one.id, at, _what(one, whom), f"{whom.email or whom.domain or NOTHING}: {said}"


def _what(one: Returned, whom: Whom) -> str:
    if one.kind is not Kind.BOUNCE:
        return str(one.kind.value)
    return "ours" if whom.verdict is Verdict.OURS else f"{whom.verdict.value} bounce"


def show(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="As `digest bounces list` shows it.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Print the mail itself, as it came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one that came back: whose it was, how that is known, what it said, and what it has caused.

    Example: `digest bounces show 12 --raw`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        one = returns.get(session, number)
        text = returns.raw(session, number) if raw else None
        zone = desk.settings.site.timezone
    if one is None:
        raise UsageError(f"Nothing that came back has the id {number}: `digest bounces list` shows them.")
    if raw and text is None:
        raise UsageError(f"The text of {number} is not kept any more ([bounces] keep_days).")
    if as_json:
        more = {"raw": text.decode(errors="replace")} if text is not None else {}
        told = simple(one)
        assert isinstance(told, dict)
        emit_json(told | more)
    elif text is not None:
        _print_raw(text)
    else:
        facts(_facts(one, zone))
        for whom in one.recipients:
            say()
            facts(_about(whom))


def _print_raw(text: bytes) -> None:
    """Print a mail: byte for byte into a file or a pipe, on a terminal without what could steer it."""
    if sys.stdout.isatty():
        say(plain(text.decode(errors="replace").replace("\r\n", "\n")))
    else:
        typer.echo(text, nl=False)


def _facts(one: Returned, zone: str) -> Iterator[tuple[str, object]]:
    yield "what", f"{one.kind.value}: {one.reason}" if one.reason else one.kind.value
    yield "at", moment(one.at, zone)
    yield "came by", one.source
    yield "text", f"`digest bounces show {one.id} --raw`" if one.is_kept else "not kept any more"
    if not one.recipients:
        yield "whose", "nobody is named; it has caused nothing"


def _about(whom: Whom) -> Iterator[tuple[str, object]]:
    yield "whose", whom.email or f"no reader's; at {whom.domain or 'a domain that is not told'}"
    yield "known", PROOFS[whom.proof]
    yield "issue", f"{whom.newsletter} {whom.slot}".strip()
    yield "says", f"{whom.verdict.value}: {whom.reason}" if whom.reason else whom.verdict.value
    yield "evidence", whom.evidence or whom.status
    yield "caused", EFFECTS[whom.effect]


def in_rows(one: Returned, email: str, zone: str) -> Iterator[tuple[object, ...]]:
    """Give a row for each time that something names a reader."""
    for whom in one.recipients:
        if whom.email == email:
            said = whom.evidence or whom.reason
            what = _what(one, whom)
            yield one.id, moment(one.at, zone), whom.slot, f"{what}: {said}" if said else what
