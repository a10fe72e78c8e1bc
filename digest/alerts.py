"""Tells the operator: by mail, by a command, and by a ping after each issue.

Never raises: an alert that cannot be delivered is logged, and the work goes on.
"""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import aiosmtplib
import httpx2
import structlog

from digest.config import Settings
from digest.errors import DigestError

log = structlog.get_logger()

REPEAT = timedelta(hours=6)
"""The same trouble is told again after this long, not at every look."""

AGAIN = timedelta(minutes=10)
"""What reached nobody is told again after this long: the relay that failed the mail may be the trouble."""

SECONDS = 30
"""What the relay, the command or the pinged page may take."""


class Alerts:
    """The operator's ear. One for the life of a process: it remembers what it has told.

    `seconds` is what each way of telling may take.
    """

    def __init__(self, settings: Settings, *, seconds: float = SECONDS) -> None:
        self._settings, self._seconds = settings, seconds
        self._next: dict[str, datetime] = {}

    async def alert(self, key: str, subject: str, text: str, now: datetime) -> None:
        """Tell about trouble. `key` names the trouble; while it lasts it is told once in a while."""
        if now < self._next.get(key, now):
            return
        # Before anything is awaited, so that two who find the same trouble tell it once.
        self._next = {old: at for old, at in self._next.items() if now < at} | {key: now + REPEAT}
        subject, text = _clean(subject), _clean(text)
        log.error("alert", key=_clean(key), subject=subject)
        mailed = await self._mail(subject, text, now)
        called = await self._call(f"{subject}\n\n{text}\n")
        if not (mailed or called):
            self._next[key] = now + AGAIN

    def over(self, key: str) -> None:
        """Forget a trouble that is over, so that its return is told at once."""
        self._next.pop(key, None)

    @contextlib.asynccontextmanager
    async def guard(self, what: str, clock: Callable[[], datetime]) -> AsyncIterator[None]:
        """Tell of trouble that an operator can mend, and go on after it."""
        try:
            yield
        except DigestError as error:
            await self.alert(f"trouble:{what}:{error}", f"digest: trouble with {what}", str(error), clock())

    async def report(self, subject: str, text: str, now: datetime) -> None:
        """Tell how an issue ended, and call the ping's URL: silence is never success.

        The command is run where the mail fails: what refuses it may have refused the issue's last readers.
        """
        subject, text = _clean(subject), _clean(text)
        if self._settings.alerts.to and not await self._mail(subject, text, now):
            await self._call(f"{subject}\n\n{text}\n")
        url = self._settings.alerts.ping_url
        if url:
            try:
                async with (
                    asyncio.timeout(self._seconds),
                    httpx2.AsyncClient(timeout=self._seconds) as client,
                ):
                    (await client.get(url)).raise_for_status()
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
                log.warning("alert.ping_failed", reason=str(error) or type(error).__name__)

    async def _call(self, text: str) -> bool:
        """Run the operator's command; True where it took the text."""
        command = shlex.split(self._settings.alerts.command)
        if not command:
            return False
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, cwd=self._settings.folder
            )
        except (OSError, ValueError) as error:
            log.warning("alert.command_failed", command=command[0], reason=str(error))
            return False
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(self._seconds):
                    await process.communicate(text.encode())
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            log.warning("alert.command_failed", command=command[0], exit_code=process.returncode)
        return process.returncode == 0

    async def _mail(self, subject: str, text: str, now: datetime) -> bool:
        """Mail to the operator; True where the relay took it for any of the addresses."""
        smtp, mail, to = self._settings.smtp, self._settings.mail, self._settings.alerts.to
        if not to or not smtp.host:
            return False
        message = EmailMessage(policy=SMTP)
        message["From"] = f"digest <{mail.sender.address}>"
        message["To"] = ", ".join(to)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=mail.sender.address.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            async with asyncio.timeout(self._seconds):
                await aiosmtplib.send(
                    message,
                    sender=mail.envelope,
                    recipients=list(to),
                    hostname=smtp.host,
                    port=smtp.port,
                    username=smtp.username or None,
                    password=smtp.password.get_secret_value() or None,
                    use_tls=smtp.security == "tls",
                    start_tls=smtp.security == "starttls",
                    timeout=self._seconds,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            log.warning("alert.mail_failed", reason=_clean(str(error)) or type(error).__name__)
            return False
        return True


def _clean(text: str) -> str:
    """Replace what cannot be encoded: a relay's words may hold any octets."""
    return text.encode("utf-8", "replace").decode()
