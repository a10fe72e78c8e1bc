"""`digest send`: the issue of a slot, now. A second call finds it sent."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from digest.address import normalise
from digest.cli import loop, output
from digest.cli.amend import read
from digest.cli.context import open_desk, settings
from digest.cli.extra import Wanted, send_extra
from digest.cli.instead import Made, mail_test, rehearsal, show
from digest.cli.sending import deliver, held
from digest.config import SAMPLE_FEED, Newsletter
from digest.desk import Desk, utc_now
from digest.duties import waits_for_check
from digest.errors import DigestError, IssueError, UsageError
from digest.links import new_key, parse_keys
from digest.model import Issue, IssueState, Slot
from digest.publish import Draft, awaited, collect, draft
from digest.publish.extra import checked_name
from digest.publish.report import counts
from digest.store import articles, issues
from digest.store.database import Store
from digest.store.schema import upgrade


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the command was asked to do."""

    newsletter: Newsletter
    slot: Slot
    dry_run: bool
    to: tuple[str, ...]
    yes: bool
    wait: bool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="send", rich_help_panel="Publish")(command)


def command(
    ctx: typer.Context,
    slot: Annotated[
        str, typer.Option(help="The slot, or a date that has one: 2026-11-24T07:00. Default: today's.")
    ] = "",
    newsletter: Annotated[str, typer.Option(help="Which newsletter, where there are several.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and mail nobody.")
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(help="Mail a test to this address instead, with links that do nothing."),
    ] = None,
    extra: Annotated[
        str,
        typer.Option(
            help="A name: mail your own words outside of the schedule, such as a correction.",
            show_default=False,
        ),
    ] = "",
    subject: Annotated[str, typer.Option(help="The extra's subject, as it is.", show_default=False)] = "",
    body: Annotated[
        Path | None,
        typer.Option(help="The extra's words: plain text, blank lines between paragraphs; - is stdin."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until deferred deliveries are through.")] = False,
) -> None:
    """Send the issue of a slot now: today's latest that is due, else today's next.

    Nobody is mailed twice: a second call finds the issue sent, and one that was interrupted goes on.

    Example: digest send --slot 2026-11-24T07:00
    """
    if not extra and (subject or body):
        raise UsageError("--subject and --body are an extra's: name it with --extra.")
    if extra and slot:
        raise UsageError("An extra has no slot of the schedule: leave out --slot.")
    with _desk(ctx) as desk:
        chosen = desk.settings.newsletter_named(newsletter or None)
        if extra:
            wanted = Wanted(
                newsletter=chosen,
                name=checked_name(extra),
                subject=subject,
                body=read(body) if body else "",
                dry_run=dry_run,
                to=tuple(normalise(address) for address in to or ()),
                yes=yes,
                wait=wait,
            )
            loop.run(send_extra(desk, wanted))
            return
        choice = Choice(
            newsletter=chosen,
            slot=_slot(desk, chosen, slot),
            dry_run=dry_run,
            to=tuple(normalise(address) for address in to or ()),
            yes=yes,
            wait=wait,
        )
        loop.run(_send(desk, choice))


@contextlib.contextmanager
def _desk(ctx: typer.Context) -> Iterator[Desk]:
    """Open the desk. The sample site is rehearsed without a database too: a first look needs no set-up."""
    found = settings(ctx)
    only_sample = all(feed == SAMPLE_FEED for feed in found.site.feeds)
    database = make_url(found.database_url).database
    if not (found.is_rehearsal and only_sample and database and not Path(database).exists()):
        with open_desk(ctx) as desk:
            yield desk
        return
    output.tell(
        "There is no database here yet (`digest init` makes one): this is the sample site, rehearsed."
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Store(f"sqlite:///{folder}/db")) as store,
    ):
        upgrade(store, utc_now())
        yield Desk(settings=found, store=store, keys=parse_keys(new_key()))


def _slot(desk: Desk, newsletter: Newsletter, text: str) -> Slot:
    """Find the slot that is meant. The ledger knows slots of schedules that have changed since."""
    with desk.store.read() as session:
        issue = issues.find(session, newsletter.name, text) if text else None
    if issue is not None:
        return Slot(name=issue.slot, instant=issue.due_at)
    schedule = desk.schedule(newsletter)
    found = schedule.named(text, desk.clock()) if text else schedule.today(desk.clock())
    if found is None:
        raise DigestError(
            f"The schedule of {newsletter.name} never comes due: correct [[newsletter]] schedule."
        )
    return found


async def _send(desk: Desk, choice: Choice) -> None:
    issue = await asyncio.to_thread(_existing, desk, choice)
    if issue is not None and issue.state is IssueState.SENT and not choice.to:
        done = counts(desk, issue)
        at = f", finished {output.moment(issue.finished_at, _zone(desk))}" if issue.finished_at else ""
        output.say(f"{issues.name(issue)} is sent{at}: {done.accepted} accepted. Nobody was mailed again.")
        return
    if issue is None or issue.state not in {IssueState.FROZEN, IssueState.SENDING}:
        made = await _prepare(desk, choice)
        if made is None:
            return
        issue = made.issue
    await deliver(desk, choice.newsletter, issue, wait=choice.wait)


def _existing(desk: Desk, choice: Choice) -> Issue | None:
    """Look at the slot's issue, and refuse where it is not to be sent."""
    now = desk.clock()
    with desk.store.write() as session:
        issue = issues.find(session, choice.newsletter.name, choice.slot.name)
        if issue is None or choice.to or choice.dry_run:
            return issue
        if issue.state is IssueState.SKIPPED:
            # Nobody got it: whoever asks for it now may have it.
            return issues.move(
                session,
                issue,
                IssueState.DRAFT,
                now,
                allowed=(IssueState.SKIPPED,),
                reason="",
                finished_at=None,
            )
    if issue.state is IssueState.CANCELLED:
        raise IssueError(
            f"{issues.name(issue)} was cancelled ({issue.reason}): its articles go into the next issue."
        )
    if issue.state is IssueState.HELD and not waits_for_check(issue):
        raise IssueError(held(issue))
    return issue


async def _prepare(desk: Desk, choice: Choice) -> Draft | None:
    """Collect, draft, and do what needs no freezing; None where that was all."""
    await _collect(desk, choice.newsletter)
    made = await asyncio.to_thread(draft, desk, choice.newsletter, choice.slot)
    name = f"{choice.newsletter.name} {choice.slot.name}"
    if made.rendering is None:
        count = len(made.selection.articles)
        output.say(
            f"{name} has nothing to send: {count} new article{'' if count == 1 else 's'}, "
            f"min_articles is {choice.newsletter.min_articles}. `digest articles list` shows what is known."
        )
        return None
    shown = Made(
        newsletter=choice.newsletter,
        slot=choice.slot.name,
        name=name,
        rendering=made.rendering,
        articles=len(made.selection.articles) or "as approved",
    )
    if choice.to:
        await mail_test(desk, shown, choice.to)
        return None
    if desk.settings.is_rehearsal and not choice.dry_run:
        await asyncio.to_thread(rehearsal, desk, shown)
        return None
    show(desk, shown)
    if choice.dry_run:
        output.say("Nobody was mailed.")
        return None
    if choice.newsletter.approval == "required" and made.issue.state is IssueState.DRAFT:
        raise IssueError(
            f"{name} waits for an editor: `digest issues approve {choice.slot.name}`, then send it."
        )
    if sys.stdin.isatty() and sys.stderr.isatty():
        output.confirm("Send it?", yes=choice.yes)
    return made


async def _collect(desk: Desk, newsletter: Newsletter) -> None:
    collected = await collect(desk, conditional=False)
    failed = {one.url: one.error for one in collected if one.error and one.url in newsletter.feeds}
    if not failed:
        return
    with desk.store.read() as session:
        known = [feed for feed in articles.feeds(session) if feed.url in newsletter.feeds]
    waits = awaited(known, failed, desk.clock())
    for feed in known:
        if feed.url in waits:
            raise DigestError(f"{failed[feed.url]} Nothing was sent.")
    for feed in known:
        if feed.url in failed:
            said = (
                f"what it said {output.moment(feed.good_at, _zone(desk))}" if feed.good_at else "the others"
            )
            output.tell(f"{failed[feed.url]} Going on with {said}.")


def _zone(desk: Desk) -> str:
    return desk.settings.site.timezone
