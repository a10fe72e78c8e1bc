"""`digest issues amend`: other words for an issue that is held while it is sent."""

import asyncio
import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import which
from digest.cli.context import open_desk
from digest.cli.output import NOTHING, counted, facts, say
from digest.desk import Desk
from digest.errors import DigestError, UsageError
from digest.model import Issue, IssueState
from digest.publish import amend as publish
from digest.publish import collect
from digest.publish.amend import Amendment
from digest.publish.letter import checked_subject
from digest.publish.parts import to_edit
from digest.publish.report import counts
from digest.store import issues, revisions

STDIN = Path("-")


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(amend)


def amend(
    ctx: typer.Context,
    slot: Annotated[
        str,
        typer.Argument(help="As 2026-11-24T07:00, or a date that has one.", show_default="the one held"),
    ] = "",
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
    subject: Annotated[str, typer.Option(help="Another subject, as it is.", show_default=False)] = "",
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Ask the feeds, and render the same articles anew.")
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option("--html", help="The HTML part, from `show --part html`.", show_default=False),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option("--text", help="The plain part, from `show --part text`.", show_default=False),
    ] = None,
    body: Annotated[
        Path | None,
        typer.Option("--body", help="For an extra: its words, as plain text.", show_default=False),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would differ, and keep it.")] = False,
) -> None:
    """Give a held issue other words, for those who still wait for it. It stays held until it is resumed.

    Example: `digest issues amend --subject "The ferry is on time" --refetch`
    """
    _check(subject=subject, bodies=(refetch, page or text, body), parts=(page, text))
    subject = checked_subject(subject) if subject else ""
    with open_desk(ctx) as desk:
        with desk.store.read() as session:
            issue = which.issue(session, slot, newsletter, suits=(IssueState.HELD,))
        made = publish.standing(desk, issue)
        if refetch:
            if issue.extra is not None:
                raise UsageError(f"{issues.name(issue)} holds no article: give it other words with --body.")
            asyncio.run(_ask_feeds(desk, issue))
            made = publish.from_articles(desk, made, subject)
        elif body is not None:
            if issue.extra is None:
                raise UsageError(f"{issues.name(issue)} is no extra: --refetch, or --html and --text.")
            made = publish.from_words(desk, made, subject, read(body))
        elif page is not None and text is not None:
            made = publish.from_parts(made, read(page), read(text))
        if subject:
            made = publish.with_subject(made, subject)
        _show(desk, made)
        if not made.about:
            say("That is what it says already: nothing was amended.")
        elif dry_run:
            say("Nothing was amended.")
        else:
            amended, at = publish.amend(desk, made), issue.slot
            say(
                f"{issues.name(amended)} has revision {amended.revision} and is still held: "
                f"`digest preview --slot {at}` shows it, `digest issues resume {at}` sends it."
            )


def read(path: Path) -> str:
    """Read a text that an operator has written; `-` is standard input. Raises UsageError."""
    try:
        return sys.stdin.read() if path == STDIN else path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.") from error


def _check(*, subject: str, bodies: tuple[object, ...], parts: tuple[Path | None, Path | None]) -> None:
    chosen = sum(bool(one) for one in bodies)
    if not chosen and not subject:
        raise UsageError("Say what to amend: --subject, --refetch, --html and --text, or --body.")
    if chosen > 1:
        raise UsageError("Say one of --refetch, --html with --text, and --body.")
    if (parts[0] is None) != (parts[1] is None):
        raise UsageError(
            "A mail has two parts, and some readers see one alone: give both --html and --text. "
            "`digest issues show --part html` and `--part text` print what stands there now."
        )
    if parts == (STDIN, STDIN):
        raise UsageError("Standard input holds one of the two parts: give the other as a file.")


async def _ask_feeds(desk: Desk, issue: Issue) -> None:
    """Ask the issue's own newsletter's feeds. Raises DigestError that names those which fail."""
    feeds = desk.settings.newsletter_named(issue.newsletter).feeds
    asked = await collect(desk, feeds, conditional=False)
    if failed := [one.error for one in asked if one.error]:
        raise DigestError("\n".join([*failed, "Nothing was amended."]))


def _show(desk: Desk, made: Amendment) -> None:
    before, after = made.before, made.after
    have = counts(desk, made.issue)
    changed = f"{before.subject} → {after.subject}" if revisions.SUBJECT in made.about else after.subject
    facts(
        (
            ("Issue", issues.name(made.issue)),
            ("Subject", changed),
            ("Body", "changed" if revisions.BODY in made.about else "as it was"),
            ("Taken out", "; ".join(made.taken_out) or NOTHING),
            ("Have it as it was", counted(have.accepted + have.submitting, "reader")),
            ("Wait for it", counted(have.pending, "reader")),
        )
    )
    old, new = (to_edit(one.text, before.nonce).splitlines() for one in (before, after))
    for line in list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]:
        say(line)
