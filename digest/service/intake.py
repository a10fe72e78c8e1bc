"""Reads what came back, for as long as the service lives: a Maildir, an IMAP folder, and what comes by LMTP.

Each way in goes on whatever happens to the others. What blocks runs in threads.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from digest.alerts import Alerts
from digest.config.bounces import ImapBox, Listener
from digest.desk import Desk
from digest.errors import DigestError, InboxError
from digest.inbox import imap, maildir
from digest.inbox.lmtp import Door
from digest.service.clerk import Clerk

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)
"""How long an IMAP server may be away before anybody is told."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=10)
"""Until an IMAP server is asked again: each time twice as long."""

LOGIN_PAUSE = timedelta(minutes=30)
"""The same once it has refused the password: it locks out whoever asks often."""

LOOK_PAUSE = timedelta(minutes=1)
"""Until a port that was taken is tried again, and until it is looked what was not understood."""

UNREAD = "digest-unread"
"""The Maildir beside config.toml for what came by LMTP or a pipe and was not understood."""


def pause_after(error: DigestError, failures: int) -> timedelta:
    """Give how long an IMAP server is left alone, after so many failures in a row."""
    if isinstance(error, imap.LoginError):
        return LOGIN_PAUSE
    return min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)


class Intake:
    """The ways in. One process has one: the one that holds the sender's role."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        bounces, folder = desk.settings.bounces, desk.settings.folder
        self._ways: list[_Way] = []
        if bounces.maildir:
            self._ways.append(_Maildir(desk, alerts, folder / bounces.maildir))
        if bounces.imap_box is not None:
            self._ways.append(_Imap(desk, alerts, bounces.imap_box))
        if bounces.listener is not None:
            self._ways.append(_Lmtp(desk, alerts, bounces.listener, folder / UNREAD))
        if bounces.pipe:
            self._ways.append(_Pipe(desk, alerts, folder / UNREAD))

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set."""
        async with asyncio.TaskGroup() as ways:
            for way in self._ways:
                ways.create_task(way.run(stop), name=way.source)
            await stop.wait()


class _Way(ABC):
    """One way in, and what the operator hears of it."""

    source: str
    """Its name in the ledger."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self._clerk = Clerk(desk, self.source)

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set: a mistake of ours in one way ends neither another nor the service."""
        while not stop.is_set():
            try:
                await self._read(stop)
            except Exception as error:
                log.exception("inbox.broken", source=self.source)
                minutes = LONGEST_PAUSE // timedelta(minutes=1)
                await self._trouble(
                    f"A mistake of digest's own, of which its log tells more: {error!r}. "
                    f"It is tried again after {minutes} minutes."
                )
                await self._pause(stop, LONGEST_PAUSE)

    @abstractmethod
    async def _read(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set. What an operator can mend is told, and ends nothing."""

    async def _trouble(self, text: str) -> None:
        # Its words may hold a time or a number: the trouble is the same.
        subject = f"digest: bounces do not come in by {self.source}"
        await self._alerts.alert(self._key, subject, text, self._desk.clock())

    async def _well(self) -> None:
        await self._alerts.over(self._key, self._desk.clock())

    @property
    def _key(self) -> str:
        return f"inbox:{self.source}"

    async def _look(self, folder: Path) -> None:
        """Look at a Maildir of what was not understood, and tell of it. Raises InboxError."""
        await self._tell_unread(str(folder), await asyncio.to_thread(maildir.put_by, folder))

    async def _tell_unread(self, folder: str, count: int) -> None:
        """Tell of what was not understood, whoever has read it, until somebody has seen to it."""
        # Two ways in may have the same folder.
        key, now = f"unread:{folder}", self._desk.clock()
        if not count:
            await self._alerts.over(key, now, quietly=True)
            return
        what, them = ("1 mail was", "it") if count == 1 else (f"{count:,} mails were", "them")
        text = (
            f"{what} no bounce, no complaint and no wish to leave that we understand, and changed nobody. "
            f"Somebody should look at {them}, and then remove {them}: {folder}."
        )
        await self._alerts.alert(key, f"digest: {what} not understood", text, now)

    async def _pause(self, stop: asyncio.Event, span: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), span.total_seconds())


class _Folder(_Way):
    """One that looks into a folder of this computer every so often."""

    every: timedelta

    async def _read(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._once(stop)
            except DigestError as error:
                await self._trouble(str(error))
            else:
                await self._well()
            await self._pause(stop, self.every)

    @abstractmethod
    async def _once(self, stop: asyncio.Event) -> None:
        """Look once. Raises DigestError."""


class _Maildir(_Folder):
    source = "maildir"

    def __init__(self, desk: Desk, alerts: Alerts, path: Path) -> None:
        super().__init__(desk, alerts)
        self._path, self.every = path, desk.settings.bounces.every

    async def _once(self, stop: asyncio.Event) -> None:
        # First: one mail that cannot be read ends the scan with an error, each time.
        await self._look(self._path / maildir.UNREAD)
        await asyncio.to_thread(maildir.scan, self._path, self._clerk, stop.is_set)


class _Imap(_Way):
    source = "imap"

    def __init__(self, desk: Desk, alerts: Alerts, place: ImapBox) -> None:
        super().__init__(desk, alerts)
        self._place = place
        self._failures = 0
        self._failing_since: datetime | None = None
        self._waits = True
        """Whether the server's news are waited for. It is not, right after that has failed."""

    async def _read(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause = self._desk.settings.bounces.every
            try:
                async with self._session() as session:
                    await self._follow(session, stop)
            except DigestError as error:
                self._failures += 1
                pause = pause_after(error, self._failures)
                await self._failed(error)
            await self._pause(stop, pause)

    async def _failed(self, error: DigestError) -> None:
        """Tell of it where it does not pass: a server may begin anew at any time."""
        now = self._desk.clock()
        self._failing_since = self._failing_since or now
        log.warning("imap.failed", failures=self._failures, reason=str(error))
        passes = type(error) is InboxError and now - self._failing_since < PATIENCE
        if not passes:
            await self._trouble(str(error))

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[imap.Session]:
        password = self._desk.settings.bounces.imap_password.get_secret_value()
        session = await asyncio.to_thread(imap.Session, self._place, password)
        try:
            yield session
        except asyncio.CancelledError:
            # A thread may still wait for the server.
            session.cut()
            raise
        finally:
            await asyncio.to_thread(session.close)

    async def _follow(self, session: imap.Session, stop: asyncio.Event) -> None:
        """Read what is there, and what comes while the server tells of it."""
        while not stop.is_set():
            await asyncio.to_thread(session.scan, self._clerk, stop.is_set)
            self._failures, self._failing_since = 0, None
            await self._well()
            unread = await asyncio.to_thread(session.unread)
            await self._tell_unread(f"{imap.UNREAD} of {self._place.user} at {self._place.host}", unread)
            if not (session.can_idle and self._waits):
                self._waits = True
                return
            self._waits = False
            await asyncio.to_thread(session.idle, stop.is_set)
            self._waits = True


class _Lmtp(_Way):
    source = "lmtp"

    def __init__(self, desk: Desk, alerts: Alerts, place: Listener, unread: Path) -> None:
        super().__init__(desk, alerts)
        self._place, self._unread = place, unread

    async def _read(self, stop: asyncio.Event) -> None:
        bounces = self._desk.settings.bounces
        door = Door(bounces.address, bounces.separator, self._take)
        while not stop.is_set():
            try:
                async with door.opened(self._place):
                    await self._well()
                    while not stop.is_set():
                        await self._look(self._unread)
                        await self._pause(stop, LOOK_PAUSE)
            except DigestError as error:
                await self._trouble(str(error))
                await self._pause(stop, LOOK_PAUSE)

    def _take(self, mail: bytes, recipients: tuple[str, ...]) -> None:
        if not self._clerk(mail, recipients):
            # In a file lines end as they do on this system.
            maildir.keep(self._unread, mail.replace(b"\r\n", b"\n"))


class _Pipe(_Folder):
    """The mail server starts what reads. What that has put by is told until somebody has seen to it."""

    source = "pipe"
    every = LOOK_PAUSE

    def __init__(self, desk: Desk, alerts: Alerts, unread: Path) -> None:
        super().__init__(desk, alerts)
        self._unread = unread

    async def _once(self, stop: asyncio.Event) -> None:  # noqa: ARG002 - a folder's
        await self._look(self._unread)
