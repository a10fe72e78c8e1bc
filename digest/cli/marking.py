"""What an editor says about articles: pin, hold, release, order; and whether those in question are news."""

import getpass
import os
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from sqlmodel import Session

from digest.cli.context import open_desk
from digest.cli.output import counted, say
from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import waits_for_check
from digest.errors import UsageError
from digest.model import IssueState, Slot
from digest.publish import draft
from digest.store import articles, issues, marks

Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="As `digest articles list` shows them.")]
NewsletterName = Annotated[
    str | None,
    typer.Option("--newsletter", help="Which newsletter, where there are several.", show_default=False),
]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for act in (pin, hold, release, order, accept):
        group.command()(act)


def pin(ctx: typer.Context, ids: Ids, newsletter: NewsletterName = None) -> None:
    """Put articles into the next issue, before all others, whatever rules and age say.

    Example: `digest articles pin 12`
    """

    def pinned(session: Session, name: str, desk: Desk, article_id: int) -> None:
        by, now = operator(), desk.clock()
        articles.answer(session, name, [article_id], now, news=True, by=by)
        marks.pin(session, name, article_id, now, by=by)

    _mark(ctx, ids, newsletter, pinned, "pinned: next issue")


def hold(ctx: typer.Context, ids: Ids, newsletter: NewsletterName = None) -> None:
    """Keep articles back for a later issue, until they are released.

    Example: `digest articles hold 12 15`
    """

    def held(session: Session, name: str, desk: Desk, article_id: int) -> None:
        marks.hold(session, name, article_id, desk.clock(), by=operator())

    _mark(ctx, ids, newsletter, held, "held back until `digest articles release`")


def release(ctx: typer.Context, ids: Ids, newsletter: NewsletterName = None) -> None:
    """Take back what was said of articles: pins, holds and places.

    Example: `digest articles release 12`
    """

    def released(session: Session, name: str, desk: Desk, article_id: int) -> None:
        marks.release(session, name, article_id, desk.clock(), by=operator())

    _mark(ctx, ids, newsletter, released, "released")


def order(ctx: typer.Context, ids: Ids, newsletter: NewsletterName = None) -> None:
    """Show articles in this order, the lead first; the others follow as ever.

    Example: `digest articles order 15 12 14`
    """
    if len(set(ids)) < len(ids):
        raise UsageError("An article has one place: name each once.")
    with open_desk(ctx) as desk:
        chosen = desk.settings.newsletter_named(newsletter)
        with desk.store.write() as session:
            titles = [_open_title(session, chosen, article_id) for article_id in ids]
            marks.order(session, chosen.name, ids, desk.clock(), by=operator())
        for place, title in enumerate(titles, 1):
            say(f"{place}. {title}")
        _draft_anew(desk, chosen)


def accept(
    ctx: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID…]", help="Which ones.", show_default="all in question")
    ] = None,
    newsletter: NewsletterName = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="They are news: mail them.")] = False,
    nothing: Annotated[bool, typer.Option("--none", help="They are not: never mail them.")] = False,
) -> None:
    """Answer whether articles of a suddenly new feed are news. The issue that waits for it goes on.

    Example: `digest articles accept --none`
    """
    with open_desk(ctx) as desk:
        chosen = desk.settings.newsletter_named(newsletter)
        with desk.store.read() as session:
            asked = {one.id: one for one in articles.asked(session, chosen.name, chosen.feeds)}
        if everything == nothing:
            for one in asked.values():
                say(f"{one.id}  {one.title}")
            are = counted(len(asked), "article is", "articles are")
            raise UsageError(f"{are} in question: say --all to mail them, or --none.")
        if strangers := set(ids or ()) - asked.keys():
            raise UsageError(f"Not in question for {chosen.name}: {', '.join(map(str, sorted(strangers)))}.")
        with desk.store.write() as session:
            number = articles.answer(
                session, chosen.name, ids or list(asked), desk.clock(), news=everything, by=operator()
            )
        then = f"will be mailed by {chosen.name}" if everything else f"will never be mailed by {chosen.name}"
        say(f"{counted(number, 'article')} {then}." if number else "No article is in question.")
        _draft_anew(desk, chosen)


def _mark(
    ctx: typer.Context,
    ids: Sequence[int],
    newsletter: str | None,
    act: Callable[[Session, str, Desk, int], None],
    what: str,
) -> None:
    with open_desk(ctx) as desk:
        chosen = desk.settings.newsletter_named(newsletter)
        with desk.store.write() as session:
            titles = [_open_title(session, chosen, article_id) for article_id in ids]
            for article_id in ids:
                act(session, chosen.name, desk, article_id)
        for title in titles:
            say(f"{title}: {what}.")
        _draft_anew(desk, chosen)


def _open_title(session: Session, newsletter: Newsletter, article_id: int) -> str:
    """Give the title of an article that is still to be mailed; else raise UsageError."""
    account = articles.why(session, article_id)
    if account is None:
        raise UsageError(f"There is no article {article_id}: `digest articles list` shows their ids.")
    phrase = articles.standing(session, article_id).get(newsletter.name)
    if phrase is None:
        raise UsageError(f"{newsletter.name} takes nothing from the feed of article {article_id}.")
    if phrase.startswith("mailed"):
        raise UsageError(f"Article {article_id} is {phrase} of {newsletter.name} already.")
    return account.article.title


def _draft_anew(desk: Desk, newsletter: Newsletter) -> None:
    """Let the drafts that there are follow at once, and an issue that was held for an answer go on."""
    with desk.store.read() as session:
        waiting = [
            issue
            for issue in issues.unfinished(session)
            if issue.newsletter == newsletter.name
            and issue.extra is None
            and (issue.state in issues.UNFROZEN or waits_for_check(issue))
        ]
    for issue in waiting:
        made = draft(desk, newsletter, Slot(name=issue.slot, instant=issue.due_at)).issue
        if issue.state is IssueState.APPROVED and made.state is IssueState.DRAFT:
            say(f"{issues.name(made)} was approved before, and is a draft again.")
        elif issue.state is IssueState.HELD and made.state is not IssueState.HELD:
            say(f"{issues.name(made)} is {made.state.value} again.")


def operator() -> str:
    """Give the login name of whoever calls, for the record; in a container without names the number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())
