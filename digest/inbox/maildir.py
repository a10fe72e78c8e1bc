"""Reads a Maildir, one mail at a time. What is booked goes; what nobody understands is put by in a folder.

A mail leaves its place only after its booking is committed, so a crash at any instant loses none: it is read
again, and its booking is found. Other readers of the same Maildir may be faster.
"""

import mailbox
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from digest.errors import InboxError
from digest.inbox.booking import READ_OCTETS, Book, Stopped

FOLDERS = ("new", "cur")
"""Where whole mails are. What is still being written is in `tmp`, and no business of ours."""

UNREAD = ".digest-unread"
"""The folder (Maildir++) of what nobody understood."""


def waiting(maildir: Path) -> int:
    """Give how many mails there are. Raises InboxError where it cannot be looked at."""
    return sum(1 for folder in FOLDERS for _ in _inside(maildir / folder))


def put_by(folder: Path) -> int:
    """Give how many mails nobody understood; their Maildir is made with the first. Raises InboxError."""
    return waiting(folder) if folder.exists() else 0


def scan(maildir: Path, book: Book, stopped: Stopped) -> None:
    """Read everything that is there now, once.

    Raises InboxError at once where a mail cannot be given up, and at the end where one could not be read.
    """
    unread = ""
    for folder in FOLDERS:
        for path in _inside(maildir / folder):
            if stopped():
                return
            try:
                octets = _opening(path)
            except OSError as error:
                unread = (
                    unread or f"The mail {path} cannot be read: {error.strerror}: give this user the file."
                )
                continue
            if octets is not None:
                _give_up(path, maildir, understood=book(octets))
    if unread:
        raise InboxError(unread)


def keep(maildir: Path, mail: bytes) -> None:
    """Put a mail into a Maildir, which is made where it is missing. Raises InboxError."""
    try:
        mailbox.Maildir(maildir).add(mail)
    except OSError as error:
        raise InboxError(f"The Maildir {maildir} cannot be written: {error.strerror}.") from error


def _inside(folder: Path) -> Iterator[Path]:
    """Give the entries of a folder as they come: it may hold more than fit in memory."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield Path(entry.path)
    except OSError as error:
        raise InboxError(
            f"The Maildir's folder {folder} cannot be read: {error.strerror}: check [bounces] maildir. "
            "A mail server makes it with the first mail."
        ) from error


def _opening(path: Path) -> bytes | None:
    """Give the beginning of a mail; None where there is none, or no longer.

    A link would lead out of the Maildir, and a pipe would never end.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(READ_OCTETS)


def _give_up(path: Path, maildir: Path, *, understood: bool) -> None:
    try:
        if understood:
            path.unlink(missing_ok=True)
        else:
            _put_by(path, maildir)
    except OSError as error:
        raise InboxError(
            f"The mail {path} is booked, but cannot be moved: {error.strerror}: "
            f"give this user the right to write in {maildir}."
        ) from error


def _put_by(path: Path, maildir: Path) -> None:
    """Move a mail into the same place of the folder of what nobody understood, over no other mail."""
    place = maildir / UNREAD / path.parent.name
    if not place.is_dir():
        _make(maildir)
    target = place / path.name
    while target.exists():
        target = target.with_name(f"again-{target.name}")
    try:
        path.rename(target)
    except FileNotFoundError:
        # Another reader has put it by.
        return


def _make(maildir: Path) -> None:
    """Make the folder for those who may read the Maildir."""
    folder = maildir / UNREAD
    for made in (folder, *(folder / name for name in ("tmp", *FOLDERS))):
        made.mkdir(exist_ok=True)
        shutil.copymode(maildir / "new", made)
    (folder / "maildirfolder").touch()
