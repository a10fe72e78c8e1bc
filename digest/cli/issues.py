"""`digest issues`: what became of each issue. What can be done to one stands in `acts.py`."""

from dataclasses import asdict, fields
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from digest.cli import acts, amend, undelivered, which
from digest.cli.context import open_desk
from digest.cli.output import NOTHING, emit_json, facts, moment, say, table
from digest.cli.progress import span
from digest.cli.watching import watch
from digest.desk import Desk
from digest.errors import IssueError
from digest.model import Counts, Issue, IssueState
from digest.publish.parts import to_edit
from digest.rates import percent
from digest.store import issues, received, revisions
from digest.store.headway import headway

Slot = Annotated[
    str, typer.Argument(help="As 2026-11-24T07:00, or a date that has one.", show_default="the latest")
]
Newsletter = Annotated[
    str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

COUNTS = ("audience", *(field.name for field in fields(Counts)))
NUMBERS = ("audience", "accepted", "open", "missed")


class Part(Enum):
    """Which part of a mail is shown."""

    HTML = "html"
    TEXT = "text"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See what became of the issues, and steer them.")
    group.command("list")(listed)
    group.command()(show)
    acts.register(group)
    amend.register(group)
    undelivered.register(group)
    app.add_typer(group, name="issues")


def listed(
    ctx: typer.Context,
    newsletter: Newsletter = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """List the latest issues, the newest first.

    Example: `digest issues list --limit 7`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        latest = issues.listing(session, newsletter=newsletter, limit=limit)
        found = [told(session, one, desk.clock()) for one in latest]
    if as_json:
        emit_json(found)
    elif found:
        extras = any(one["extra"] for one in found)
        table(
            ("newsletter", "slot", *(["extra"] if extras else []), "state", *NUMBERS, "subject"),
            (_row(one, extras=extras) for one in found),
            numbers=NUMBERS,
        )
    else:
        say("No issue yet: `digest preview` shows the next, `digest send` or `digest run` makes it.")


def _row(one: dict[str, Any], *, extras: bool) -> tuple[object, ...]:
    missed = one["refused"] + one["expired"] + one["unknown"] + one["withdrawn"]
    return (
        *(one["newsletter"], one["slot"], *([one["extra"] or NOTHING] if extras else [])),
        *(one["state"].value, one["audience"]),
        *(one["accepted"], one["pending"] + one["submitting"], missed, one["subject"]),
    )


def show(
    ctx: typer.Context,
    slot: Slot = "",
    newsletter: Newsletter = "",
    part: Annotated[
        Part | None, typer.Option(help="Print this part alone, to be edited.", show_default=False)
    ] = None,
    *,
    watched: Annotated[bool, typer.Option("--watch", help="Follow it until it is not being sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one issue: its state, its counts, how fast it goes, and what it decided about each article.

    Example: `digest issues show 2026-11-24T07:00 --json`
    """
    with open_desk(ctx) as desk:
        with desk.store.read() as session:
            issue = which.issue(session, slot, newsletter)
        if part is not None:
            typer.echo(_part(desk, issue, part), nl=False)
            return
        if watched:
            watch(desk, issue)
        _show(desk, issue, as_json=as_json)


def _part(desk: Desk, issue: Issue, part: Part) -> str:
    with desk.store.read() as session:
        rendering = issues.latest_rendering(session, issue.id)
    if rendering is None:
        raise IssueError(f"{issues.name(issue)} has no bytes yet.")
    return to_edit(rendering.html if part is Part.HTML else rendering.text, rendering.nonce)


def _show(desk: Desk, issue: Issue, *, as_json: bool) -> None:
    with desk.store.read() as session:
        issue = issues.get(session, issue.id)
        found = told(session, issue, desk.clock())
        decided = [(d.decision.value, d.reason, a.title) for a, d in issues.decisions(session, issue.id)]
        zone = desk.settings.site.timezone
    if as_json:
        emit_json(found)
        return
    say(f"{issues.name(issue)} is {_standing(issue)}", style="bold")
    if found["subject"]:
        say(found["subject"])
    say()
    facts(_times(issue, zone))
    if issue.audience:
        say()
        facts((name, found[name]) for name in COUNTS if found[name] or name in {"audience", "accepted"})
    if came := _came_back(found):
        say()
        facts(came)
    if pace := _pace(found):
        say()
        facts(pace)
    if issue.revision > 1:
        say()
        reached = found["accepted_by_revision"].items()
        facts((f"revision {revision}", f"{count:,} accepted") for revision, count in reached)
    if decided:
        say()
        table(("decision", "reason", "article"), decided)
    hint = _hint(issue, found)
    if hint:
        say()
        say(hint)


def told(session: Session, issue: Issue, now: datetime) -> dict[str, Any]:
    """Give everything about an issue that a script may want, flat."""
    rendering = issues.latest_rendering(session, issue.id)
    going = headway(session, issue, now)
    back = received.by_issue(session, [issue.id])[issue.id]
    accepted = going.counts.accepted
    amended = revisions.accepted(session, issue.id) if issue.revision > 1 else {1: accepted}
    return {
        "id": issue.id,
        "newsletter": issue.newsletter,
        "slot": issue.slot,
        "extra": issue.extra,
        "state": issue.state,
        "reason": issue.reason,
        "held_from": issue.held_from,
        "subject": rendering.subject if rendering else "",
        "articles": issues.included(session, issue.id),
        "audience": issue.audience,
        **asdict(going.counts),
        "bounced": back.hard,
        "bounced_soft": back.soft,
        "bounced_ours": back.ours,
        "complained": back.complained,
        "bounce_rate": back.hard / accepted if accepted else None,
        "complaint_rate": back.complained / accepted if accepted else None,
        "rate": going.rate,
        "seconds_left": going.seconds_left,
        "deferred": going.deferred,
        "revision": issue.revision,
        "accepted_by_revision": amended,
        "due_at": issue.due_at,
        "created_at": issue.created_at,
        "approved_at": issue.approved_at,
        "frozen_at": issue.frozen_at,
        "started_at": issue.started_at,
        "finished_at": issue.finished_at,
    }


def _standing(issue: Issue) -> str:
    state = issue.state.value
    return f"{state}: {issue.reason}" if issue.reason else state


def _times(issue: Issue, zone: str) -> list[tuple[str, str]]:
    times = (
        ("due", issue.due_at),
        ("approved", issue.approved_at),
        ("frozen", issue.frozen_at),
        ("started", issue.started_at),
        ("finished", issue.finished_at),
    )
    return [(name, moment(when, zone)) for name, when in times if when]


def _came_back(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Tell what came back since, as far as anything did."""
    told = [
        ("bounced", found["bounced"], found["bounce_rate"]),
        ("complained", found["complained"], found["complaint_rate"]),
        ("soft", found["bounced_soft"], None),
        ("ours", found["bounced_ours"], None),
    ]
    return [
        (name, f"{count:,}" if rate is None else f"{count:,} ({percent(rate)} of the accepted)")
        for name, count, rate in told
        if count
    ]


def _pace(found: dict[str, Any]) -> list[tuple[str, str]]:
    if found["rate"] is None:
        return []
    left, deferred = found["seconds_left"], found["deferred"]
    told = [("rate", f"{found['rate']:,.1f} a second"), ("left", NOTHING if left is None else span(left))]
    return [*told, ("deferred", f"{deferred:,}")] if deferred else told


def _hint(issue: Issue, found: dict[str, Any]) -> str:
    at = f"{issue.slot} --newsletter {issue.newsletter}"
    if issue.state is IssueState.HELD:
        mend = f"`digest issues amend {at}` mends it, " if issue.held_from in revisions.STARTED else ""
        return f"{mend}`digest issues resume {at}` lets it go on, `digest issues cancel {at}` ends it."
    if found["refused"] or found["expired"] or found["unknown"]:
        return f"`digest issues undelivered {at}` tells who did not get it, and why."
    if found["doubtful"]:
        return f"`digest issues undelivered {at} --doubtful` tells who may have got it twice."
    return ""
