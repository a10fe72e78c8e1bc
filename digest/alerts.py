"""Tells the operator: by mail, by a command, and by a ping after each issue.

Never raises: an alert that cannot be delivered is logged, and the work goes on.
"""

import asyncio
import shlex
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import aiosmtplib
import httpx2
import structlog

from digest.config import Settings

log = structlog.get_logger()

REPEAT = timedelta(hours=6)
"""The same trouble is told again after this long, not at every look."""

SECONDS = 30
"""What the relay, the command or the pinged page may take."""


class Alerts:
    """The operator's ear. One for the life of a process: it remembers what it has told."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told: dict[str, datetime] = {}

    async def alert(self, key: str, subject: str, text: str, now: datetime) -> None:
        """Tell about trouble. `key` names the trouble; while it lasts it is told once in a while."""
        told = self._told.get(key)
        if told is not None and now - told < REPEAT:
            return
        self._told[key] = now
        log.error("alert", key=key, subject=subject)
        await self._tell(subject, text, now)

    def over(self, key: str) -> None:
        """Forget a trouble that is over, so that its return is told at once."""
        self._told.pop(key, None)

    async def report(self, subject: str, text: str, now: datetime) -> None:
        """Tell how an issue ended, and call the ping's URL: silence is never success."""
        await self._mail(subject, text, now)
        url = self._settings.alerts.ping_url
        if url:
            try:
                async with httpx2.AsyncClient(timeout=SECONDS) as client:
                    (await client.get(url)).raise_for_status()
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                log.warning("alert.ping_failed", url=url, reason=str(error))

    async def _tell(self, subject: str, text: str, now: datetime) -> None:
        await self._mail(subject, text, now)
        command = shlex.split(self._settings.alerts.command)
        if command:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.PIPE, cwd=self._settings.folder
                )
                await asyncio.wait_for(process.communicate(f"{subject}\n\n{text}\n".encode()), SECONDS)
            except (OSError, TimeoutError) as error:
                log.warning("alert.command_failed", command=command[0], reason=str(error))

    async def _mail(self, subject: str, text: str, now: datetime) -> None:
        smtp, to = self._settings.smtp, self._settings.alerts.to
        if not to or not smtp.host:
            return
        message = EmailMessage(policy=SMTP)
        message["From"] = f"digest <{self._settings.mail.sender.address}>"
        message["To"] = ", ".join(to)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=self._settings.mail.sender.address.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                sender=self._settings.mail.envelope,
                hostname=smtp.host,
                port=smtp.port,
                username=smtp.username or None,
                password=smtp.password.get_secret_value() or None,
                use_tls=smtp.security == "tls",
                start_tls=smtp.security == "starttls",
                timeout=SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("alert.mail_failed", reason=str(error))
