"""`digest stats`: the latest issues and how the audience changes, in figures."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from digest.cli.context import open_desk
from digest.cli.output import counted, emit_json, facts, say, table
from digest.model import Issue
from digest.rates import percent
from digest.store.leavings import Leaving
from digest.store.received import Returns
from digest.store.stats import IssueStats, Stats, summary

NUMBERS = ("audience", "accepted", "refused", "expired", "unknown", "withdrawn", "open", "left")
ALWAYS = ("audience", "accepted")

MOST_DOMAINS = 10
"""How many are shown, those from which most came; a script gets all."""
WEEK = 7


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stats)


def stats(
    ctx: typer.Context,
    newsletter: Annotated[str, typer.Option(help="Only this newsletter.", show_default=False)] = "",
    latest: Annotated[int, typer.Option(min=1, help="How many issues.")] = 14,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days of comings and goings.")] = 30,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Show what became of the latest issues, and how many readers came and left. Nobody's reading is tracked.

    Example: `digest stats --days 90`
    """
    with open_desk(ctx) as desk, desk.store.read() as session:
        if newsletter:
            desk.settings.newsletter_named(newsletter)
        zone = ZoneInfo(desk.settings.site.timezone)
        found = summary(session, desk.clock(), zone, newsletter=newsletter, latest=latest, days=days)
    if as_json:
        emit_json(_told(found))
        return
    facts((f"{state.value} readers", number) for state, number in found.subscribers.items())
    say()
    for name, shown in ((f"last {WEEK} days", found.days[-WEEK:]), (f"last {days} days", found.days)):
        say(f"{name}: {sum(day.joined for day in shown):,} joined, {sum(day.left for day in shown):,} left")
    if found.looks.times:
        readers = counted(found.looks.readers, "reader")
        times = counted(found.looks.times, "time")
        say(f"unsubscribe pages only looked at: {times}, of {readers}, by people and by scanners")
    if found.leavings:
        say()
        _show_leavings(found.leavings)
    if found.returns.domains:
        say()
        _show_returns(found.returns)
    if found.issues:
        say()
        _show_issues(found.issues)


def _show_leavings(leavings: Sequence[Leaving]) -> None:
    """Show who left: a row for all who left alike."""
    rows = (
        (one.newsletter, _issue(one), one.channel.value if one.channel else "", one.reason, one.readers)
        for one in leavings
    )
    table(("newsletter", "from the issue", "by", "because", "left"), rows, numbers=("left",))


def _issue(one: Leaving) -> str:
    return f"{one.slot} ({one.extra})" if one.extra else one.slot


def _show_returns(returns: Returns) -> None:
    """Show what came back beside what was refused at once: from where, and why."""
    names = ("refused", "hard", "soft", "ours", "complaints")
    figures = [
        (one.refused, one.received.hard, one.received.soft, one.received.ours, one.received.complained)
        for one in returns.domains
    ]
    rows = [(one.domain, *numbers) for one, numbers in zip(returns.domains, figures, strict=True)]
    if len(rows) > MOST_DOMAINS:
        others = (sum(column) for column in zip(*figures[MOST_DOMAINS:], strict=True))
        rows = [*rows[:MOST_DOMAINS], (f"{len(rows) - MOST_DOMAINS:,} others", *others)]
    table(("domain", *names), rows, numbers=names)
    say()
    table(
        ("what", "times", "reason"),
        ((one.what, one.count, one.reason) for one in returns.reasons),
        numbers=("times",),
    )


def _show_issues(issues: Sequence[IssueStats]) -> None:
    """Show a row an issue; what is nought in all of them has no column."""
    figures = [
        {"audience": one.issue.audience, **asdict(one.counts), "open": one.counts.open, "left": one.left}
        for one in issues
    ]
    shown = [name for name in NUMBERS if name in ALWAYS or any(row[name] for row in figures)]
    rows = (
        (one.issue.newsletter, _slot(one.issue), one.issue.state.value, *(row[name] for name in shown))
        for one, row in zip(issues, figures, strict=True)
    )
    table(("newsletter", "slot", "state", *shown), rows, numbers=shown)
    if came := [one for one in issues if one.received.total]:
        say()
        names = ("bounced", "soft", "ours", "complained")
        table(("newsletter", "slot", *names), map(_came_back, came), numbers=names)


def _came_back(one: IssueStats) -> tuple[object, ...]:
    """Give a row of what came back of an issue, with the shares by which providers judge."""
    back, accepted = one.received, one.counts.accepted
    hard, complained = (
        f"{count:,} ({percent(count / accepted)})" if count and accepted else count
        for count in (back.hard, back.complained)
    )
    return one.issue.newsletter, _slot(one.issue), hard, back.soft, back.ours, complained


def _slot(issue: Issue) -> str:
    return f"{issue.slot} ({issue.extra})" if issue.extra else issue.slot


def _told(found: Stats) -> dict[str, object]:
    return {
        "issues": [
            {
                "newsletter": one.issue.newsletter,
                "slot": one.issue.slot,
                "extra": one.issue.extra,
                "state": one.issue.state,
                "audience": one.issue.audience,
                **asdict(one.counts),
                "left": one.left,
                "views": one.views,
                "bounced": one.received.hard,
                "bounced_soft": one.received.soft,
                "bounced_ours": one.received.ours,
                "complained": one.received.complained,
                "started_at": one.issue.started_at,
                "finished_at": one.issue.finished_at,
            }
            for one in found.issues
        ],
        "subscribers": found.subscribers,
        "days": [{"day": day.day.isoformat(), "joined": day.joined, "left": day.left} for day in found.days],
        "leavings": found.leavings,
        "looks": found.looks,
        "returns": found.returns,
    }
