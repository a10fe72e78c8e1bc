"""`digest bounces read --apply`: books mails and does what they cause, also those that a mail server pipes.

That one is told by the exit code to try again: what was delivered, for all it knows, it forgets.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from digest.bounce.report import Report
from digest.cli import failure
from digest.cli.context import open_desk, options
from digest.cli.output import tell
from digest.desk import Desk
from digest.errors import DigestError
from digest.inbox import maildir
from digest.service.clerk import Clerk
from digest.service.intake import UNREAD

TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h, which Postfix and others know."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What a mail has caused, in the ledger's words."""

    effects: tuple[str, ...]
    known: bool
    """It was booked before: nothing was done."""
    understood: bool

    def __str__(self) -> str:
        """Say it in a word or two."""
        if self.known:
            return "booked before"
        if not self.understood:
            return "not understood"
        return ", ".join(self.effects) or "nobody is changed"


Apply = Callable[[bytes, Report], Applied]
"""Books a mail of which a report has been read."""


@contextmanager
def applying(ctx: typer.Context, *, piped: bool, recipients: Iterable[str]) -> Iterator[Apply]:
    """Give what books a mail.

    `piped` ones are a mail server's: it told the envelope's `recipients`, and brings again what failed.
    """
    with _trying_again(ctx) if piped else open_desk(ctx) as desk:
        sent_to = tuple(one for one in recipients if one)
        unread = desk.settings.folder / UNREAD

        def apply(mail: bytes, report: Report) -> Applied:
            # One for each mail: what it counts is this one's.
            clerk = Clerk(desk, "pipe" if piped else "file")
            understood = clerk(mail, sent_to, report)
            if piped and not understood:
                maildir.keep(unread, mail)
            effects = tuple(clerk.tally.effects.elements())
            return Applied(effects=effects, known=clerk.tally.known > 0, understood=understood)

        yield apply


@contextmanager
def _trying_again(ctx: typer.Context) -> Iterator[Desk]:
    """Give the desk; whatever goes wrong, the mail server is to bring the mail again."""
    try:
        with open_desk(ctx) as desk:
            yield desk
    except DigestError as error:
        failure.report(error, verbose=options(ctx).verbose)
        raise typer.Exit(TRY_AGAIN) from error
    except Exception as error:  # a bug of ours must not lose a mail either
        tell(traceback.format_exc().rstrip())
        raise typer.Exit(TRY_AGAIN) from error
