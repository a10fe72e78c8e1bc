"""`digest issues`: what became of each issue. What can be done to one stands in `acts.py`."""

from dataclasses import asdict, fields
from typing import Annotated, Any

import typer
from sqlmodel import Session

from digest.cli import acts, undelivered, which
from digest.cli.context import open_desk
from digest.cli.output import emit_json, facts, moment, say, table
from digest.model import Counts, Issue, IssueState
from digest.store import issues

Slot = Annotated[
    str, typer.Argument(help="As 2026-11-24T07:00, or a date that has one.", show_default="the latest")
]
Newsletter = Annotated[
    str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

COUNTS = ("audience", *(field.name for field in fields(Counts)))
NUMBERS = ("audience", "accepted", "open", "missed")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See what became of the issues, and steer them.")
    group.command("list")(listed)
    group.command()(show)
    acts.register(group)
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
        found = [told(session, one) for one in issues.listing(session, newsletter=newsletter, limit=limit)]
    if as_json:
        emit_json(found)
    elif found:
        table(
            ("newsletter", "slot", "state", *NUMBERS, "subject"),
            (_row(one) for one in found),
            numbers=NUMBERS,
        )
    else:
        say("No issue yet: `digest preview` shows the next, `digest send` or `digest run` makes it.")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    missed = one["refused"] + one["expired"] + one["unknown"] + one["withdrawn"]
    return (
        *(one["newsletter"], one["slot"], one["state"].value, one["audience"]),
        *(one["accepted"], one["pending"] + one["submitting"], missed, one["subject"]),
    )


def show(
    ctx: typer.Context, slot: Slot = "", newsletter: Newsletter = "", *, as_json: AsJson = False
) -> None:
    """Show one issue: its state, its counts, and what it decided about each article.

    Example: `digest issues show 2026-11-24T07:00 --json`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        issue = which.issue(session, slot, newsletter)
        found = told(session, issue)
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
    if decided:
        say()
        table(("decision", "reason", "article"), decided)
    hint = _hint(issue, found)
    if hint:
        say()
        say(hint)


def told(session: Session, issue: Issue) -> dict[str, Any]:
    """Give everything about an issue that a script may want, flat."""
    rendering = issues.latest_rendering(session, issue.id)
    return {
        "id": issue.id,
        "newsletter": issue.newsletter,
        "slot": issue.slot,
        "state": issue.state,
        "reason": issue.reason,
        "held_from": issue.held_from,
        "subject": rendering.subject if rendering else "",
        "articles": issues.included(session, issue.id),
        "audience": issue.audience,
        **asdict(issues.counts(session, issue.id)),
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


def _hint(issue: Issue, found: dict[str, Any]) -> str:
    at = f"{issue.slot} --newsletter {issue.newsletter}"
    if issue.state is IssueState.HELD:
        return f"`digest issues resume {at}` lets it go on, `digest issues cancel {at}` ends it."
    if found["refused"] or found["expired"] or found["unknown"]:
        return f"`digest issues undelivered {at}` tells who did not get it, and why."
    return ""
