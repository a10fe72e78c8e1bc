"""Reads a folder on an IMAP server (RFC 3501), one mail at a time, and waits there for more (RFC 2177).

What is booked is deleted; what nobody understood is moved into another folder. No UID outlives its
connection, so that a new UIDVALIDITY does no harm: a mail that is read again is found to be booked.
"""

import contextlib
import imaplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Self

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import (
    ImapToolsError,
    MailboxFolderCreateError,
    MailboxLoginError,
    UnexpectedCommandStatusError,
)

from digest.config.bounces import ImapBox
from digest.errors import InboxError
from digest.inbox.booking import READ_OCTETS, Book, Stopped

UNREAD = "digest-unread"
"""The folder of what nobody understood."""

SECONDS = 30
"""What the server may take for an answer."""

MARKED = 50
"""How many are given up at once: a round trip for each would take as long as the reading."""

IDLE_SECONDS = 120
"""How long one IDLE lasts. Of what comes at its very beginning Dovecot tells a minute later, and another
server perhaps never; and many a network forgets a silent connection."""

LOOK_SECONDS = 1.0
"""How often a stop is looked for meanwhile."""

# The server's own troubles with a login (RFC 5530), which say nothing of the password.
_LATER = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")

# ValueError and IndexError: what the libraries make of answers that are none.
_TROUBLES = (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError, IndexError)


class LoginError(InboxError):
    """The server does not let us in. To ask it again and again may lock the account."""


class Session:
    """A connection with the folder selected. Blocking; each method raises InboxError where it is lost."""

    def __init__(self, place: ImapBox, password: str) -> None:
        """Connect. Raises LoginError where the server does not take the user or the password."""
        self._place = place
        self._turn = threading.Lock()
        """One thread at a time talks with the server."""
        with _explained(place):
            self._box = _connected(place)
            try:
                _log_in(self._box, place, password)
                self._capabilities = _capabilities(self._box)
                self._box.folder.set(place.folder)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take leave, where the server is still there."""
        with self._turn:
            with contextlib.suppress(*_TROUBLES):
                self._box.client.logout()
            with contextlib.suppress(OSError):
                self._box.client.shutdown()

    def cut(self) -> None:
        """End the connection without a word, and with it the waiting of another thread. Does not block."""
        # Past TLS, whose own shutdown would have that thread go on in plain text.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._box.client.sock, socket.SHUT_RDWR)

    @property
    def can_idle(self) -> bool:
        """Whether the server tells by itself what comes."""
        return "IDLE" in self._capabilities

    def waiting(self) -> Sequence[str]:
        """Give the UIDs of the mails that are there."""
        with self._asking():
            return self._box.uids("UNDELETED", charset=None)

    def unread(self) -> int:
        """Give how many mails lie where those are that nobody understood."""
        with self._asking():
            for name in self._unread_names:
                if self._box.folder.exists(name):
                    return self._box.folder.status(name, ["MESSAGES"])["MESSAGES"]
        return 0

    def scan(self, book: Book, stopped: Stopped) -> None:
        """Read everything that is there now, once."""
        self._has_news()
        uids = self.waiting()
        for start in range(0, len(uids), MARKED):
            understood, unread = list[str](), list[str]()
            for uid in uids[start : start + MARKED]:
                if stopped():
                    break
                octets = self._opening(uid)
                if octets is not None:
                    (understood if book(octets) else unread).append(uid)
            with self._asking():
                self._delete(understood)
                self._put_by(unread)
            if stopped():
                return

    def idle(self, stopped: Stopped) -> None:
        """Wait until the server tells of something, or some minutes have passed."""
        give_up_at = time.monotonic() + IDLE_SECONDS
        with self._asking():
            self._box.client.noop()
            # What was told beside the answer to a command is not told again.
            if self._has_news():
                return
            with self._box.idle as idle:
                while not stopped() and (began := time.monotonic()) < give_up_at:
                    # A lost connection gives nothing, and at once; that it is lost shows when the IDLE ends.
                    if idle.poll(timeout=LOOK_SECONDS) or time.monotonic() - began < LOOK_SECONDS / 2:
                        return

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        with self._turn, _explained(self._place):
            yield

    def _has_news(self) -> bool:
        """Say whether the server has told of a mail since this was asked before."""
        return self._box.client.response("EXISTS")[1] != [None]

    def _opening(self, uid: str) -> bytes | None:
        """Give the beginning of a mail; None where another has taken it."""
        with self._asking():
            status, told = self._box.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{READ_OCTETS}>)")
            _good(status, told)
        for part in told:
            # A literal comes as a pair, an empty mail as a quoted string within the line.
            if isinstance(part, tuple):
                return bytes(part[1])
            if part and b"BODY[]" in part:
                return b""
        return None

    def _delete(self, uids: Sequence[str]) -> None:
        """Delete these alone: a plain EXPUNGE takes what others have marked, too (RFC 4315)."""
        if uids:
            named = ",".join(uids)
            _good(*self._box.client.uid("STORE", named, "+FLAGS.SILENT", r"(\Seen \Deleted)"))
            if "UIDPLUS" in self._capabilities:
                _good(*self._box.client.uid("EXPUNGE", named))
                # The library would remember each for as long as the connection lasts.
                self._box.client.response("EXPUNGE")

    def _put_by(self, uids: Sequence[str]) -> None:
        if uids and "MOVE" in self._capabilities:
            self._box.move(uids, self._unread)
        elif uids:
            self._box.copy(uids, self._unread)
            self._delete(uids)

    @cached_property
    def _unread_names(self) -> Sequence[str]:
        """What that folder may be called: some servers have every folder below the INBOX."""
        root = self._box.folder.list("", "")
        return (UNREAD, f"INBOX{root[0].delim if root else '.'}{UNREAD}")

    @cached_property
    def _unread(self) -> str:
        """The folder of what nobody understood, made where it is missing."""
        for name in self._unread_names:
            if self._box.folder.exists(name):
                return name
        for name in self._unread_names:
            with contextlib.suppress(MailboxFolderCreateError):
                self._box.folder.create(name)
                self._box.folder.subscribe(name, value=True)
                return name
        raise InboxError(
            f"{self._place.host} makes no folder {UNREAD} for {self._place.user}: make it there."
        )


def _connected(place: ImapBox) -> BaseMailBox:
    if place.is_tls:
        context = ssl.create_default_context()
        return MailBox(place.host, place.port, timeout=SECONDS, ssl_context=context)
    return MailBoxUnencrypted(place.host, place.port, timeout=SECONDS)


def _log_in(box: BaseMailBox, place: ImapBox, password: str) -> None:
    log_in = box.login if (place.user + password).isascii() else box.login_utf8
    try:
        log_in(place.user, password, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except (MailboxLoginError, imaplib.IMAP4.error) as error:
        if (said := _said(error)).startswith(_LATER):
            raise
        raise LoginError(
            f"{place.host} does not let {place.user} in: {said}. Check [bounces] imap and imap_password; "
            "many services want a password made for one program, and Microsoft 365 takes none: "
            "see docs/bounces.md."
        ) from error


def _capabilities(box: BaseMailBox) -> frozenset[str]:
    """Ask what the server can do. Many tell it all only to whom they know."""
    status, told = box.client.capability()
    _good(status, told)
    # One that answers nothing has told it in its greeting.
    if told[-1] is not None:
        box.client.capabilities = tuple(told[-1].decode().upper().split())
    return frozenset(box.client.capabilities)


def _good(status: str, told: object) -> None:
    if status != "OK":
        raise imaplib.IMAP4.error(str(told))


@contextlib.contextmanager
def _explained(place: ImapBox) -> Iterator[None]:
    try:
        yield
    except _TROUBLES as error:
        where = f"The IMAP server {place.host}:{place.port}"
        raise InboxError(f"{where} is in trouble: {_said(error)}.") from error


def _said(error: Exception) -> str:
    """Give the server's own words where there are any."""
    told = error.command_result[1] if isinstance(error, UnexpectedCommandStatusError) else None
    words = b" ".join(part for part in told or () if isinstance(part, bytes)).decode("utf-8", "replace")
    return (words or (error.strerror if isinstance(error, OSError) else "") or str(error)).rstrip(".")
