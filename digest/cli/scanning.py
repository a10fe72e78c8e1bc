"""`digest bounces scan`: reads once what came back and waits to be read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from digest.bounce.report import Kind
from digest.cli.context import open_desk
from digest.cli.failure import lines
from digest.cli.output import counted, say, tell
from digest.cli.progress import progress
from digest.config.bounces import ImapBox
from digest.desk import Desk
from digest.errors import InboxError, UsageError
from digest.inbox import imap, maildir
from digest.inbox.booking import Book
from digest.service.clerk import Clerk, Tally

KINDS = {
    Kind.BOUNCE: ("bounce", "bounces"),
    Kind.DELAY: ("delay", "delays"),
    Kind.COMPLAINT: ("complaint", "complaints"),
    Kind.AUTO_REPLY: ("automatic reply", "automatic replies"),
    Kind.UNSUBSCRIBE: ("wish to leave", "wishes to leave"),
    Kind.NONE: ("other", "others"),
}


def scan(ctx: typer.Context) -> None:
    """Read once what waits in the Maildir and the IMAP folder of the settings, and do what it causes.

    `digest run` does so all the time. Both may do it at once: nothing is counted twice.

    Example: digest bounces scan
    """
    troubles: list[InboxError] = []
    with open_desk(ctx) as desk:
        for read in _ways(desk):
            try:
                read()
            except InboxError as error:
                troubles.append(error)
    for trouble in troubles[:-1]:
        for line in lines(trouble):
            tell(line)
    if troubles:
        raise troubles[-1]


def _ways(desk: Desk) -> Iterator[Callable[[], None]]:
    bounces = desk.settings.bounces
    if not (bounces.maildir or bounces.imap):
        raise UsageError("There is nothing to scan: set [bounces] maildir or imap (docs/bounces.md).")
    if bounces.maildir:
        yield lambda: _maildir(desk, desk.settings.folder / bounces.maildir)
    if (place := bounces.imap_box) is not None:
        yield lambda: _imap(desk, place)


def _maildir(desk: Desk, path: Path) -> None:
    with _booking(desk, "maildir", maildir.waiting(path), str(path), str(path / maildir.UNREAD)) as book:
        maildir.scan(path, book, _never)


def _imap(desk: Desk, place: ImapBox) -> None:
    where = f"{place.folder} of {place.user} at {place.host}"
    password = desk.settings.bounces.imap_password.get_secret_value()
    with (
        imap.Session(place, password) as session,
        _booking(desk, "imap", len(session.waiting()), where, f"the folder {imap.UNREAD}") as book,
    ):
        session.scan(book, _never)


@contextmanager
def _booking(desk: Desk, source: str, waiting: int, where: str, unread: str) -> Iterator[Book]:
    """Give what books a mail; show how far it has come, and at the end, whatever that is, what was read."""
    clerk = Clerk(desk, source)
    try:
        with progress("read", waiting) as advance:

            def book(mail: bytes) -> bool:
                understood = clerk(mail)
                advance(clerk.tally.read)
                return understood

            yield book
    finally:
        say(f"{where}: {_words(clerk.tally, unread)}")


def _never() -> bool:
    return False


def _words(tally: Tally, unread: str) -> str:
    """Say what was read and what came of it: `12 read: 7 bounces, 5 automatic replies; 2 suppressed.`."""
    if not tally.read:
        return "nothing waits."
    kinds = [counted(tally.kinds[kind], *words) for kind, words in KINDS.items() if tally.kinds[kind]]
    kinds += [f"{tally.known:,} booked before"] * bool(tally.known)
    told = f"{tally.read:,} read: {', '.join(kinds)}"
    if tally.effects:
        told += "; " + ", ".join(f"{count:,} {effect}" for effect, count in sorted(tally.effects.items()))
    if tally.unread:
        told += (
            f"; {tally.unread:,} not understood: {'it is' if tally.unread == 1 else 'they are'} in {unread}"
        )
    return f"{told}."
