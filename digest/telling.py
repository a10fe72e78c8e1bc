"""The ways of telling an operator: a mail, a command, a ping. Each says how it went, and none raises."""

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import make_msgid

import httpx2
import structlog

from digest import address
from digest.config import SigningKey
from digest.delivery.courier import ConnectError, Relay, connect
from digest.desk import Desk
from digest.errors import DigestError
from digest.notice import notice

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to tell somebody. `trouble` is empty where it went well."""

    way: str
    where: str
    trouble: str = ""


def reached(attempts: Sequence[Attempt]) -> bool:
    """Whether any of these attempts went well."""
    return any(not attempt.trouble for attempt in attempts)


class Telling:
    """The ways that are configured. `seconds` is what a relay, the command or the pinged page may take."""

    def __init__(self, desk: Desk, *, seconds: float) -> None:
        self._desk, self._seconds = desk, seconds

    @property
    def mails(self) -> bool:
        """Whether there is anybody to mail to, and a relay."""
        return bool(self._desk.settings.alerts.to) and not self._desk.settings.is_rehearsal

    @property
    def speaks(self) -> bool:
        """Whether there is any way to tell of trouble."""
        return self.mails or bool(self._desk.settings.alerts.command)

    async def mail(self, subject: str, text: str, now: datetime) -> list[Attempt]:
        """Mail to every operator as to readers: signed as that is, by the first relay that takes it."""
        left, attempts = list(self._desk.settings.alerts.to), list[Attempt]()
        if not self.mails:
            return attempts
        for relay in self._desk.relays:
            tried = await self._mail_by(relay, left, subject, text, now)
            attempts += tried
            taken = {attempt.where for attempt in tried if not attempt.trouble}
            left = [one for one in left if _by(one, relay) not in taken]
            if not left:
                break
        return attempts

    async def _mail_by(
        self, relay: Relay, to: Sequence[str], subject: str, text: str, now: datetime
    ) -> list[Attempt]:
        attempts: list[Attempt] = []
        trouble = ""
        try:
            letter = self._letter(relay, subject, text, now)
            async with asyncio.timeout(self._seconds):
                wire = await connect(replace(relay, timeout=self._seconds))
                try:
                    for one in to:
                        reply = await wire.transact(self._desk.settings.envelope, one, letter)
                        refusal = "" if reply.is_positive else f"{reply.phase.value}: {reply}"
                        attempts.append(_attempt("mail", _by(one, relay), refusal))
                finally:
                    await wire.quit()
        except ConnectError as error:
            trouble = f"{error.reply.phase.value}: {error.reply}"
        except TimeoutError:
            trouble = f"took longer than {self._seconds:g} s"
        except (DigestError, OSError, ValueError) as error:
            trouble = str(error) or type(error).__name__
        asked = {attempt.where for attempt in attempts}
        if trouble:
            attempts += [
                _attempt("mail", _by(one, relay), trouble) for one in to if _by(one, relay) not in asked
            ]
        return attempts

    def _letter(self, relay: Relay, subject: str, text: str, now: datetime) -> bytes:
        sender = self._desk.settings.mail.sender.address
        return notice(
            sender=sender,
            to=self._desk.settings.alerts.to,
            subject=subject,
            text=text,
            message_id=make_msgid(domain=address.domain(sender)),
            date=now,
            extra=relay.headers,
            keys=self._keys(),
            unsigned=relay.unsigned,
        )

    def _keys(self) -> tuple[SigningKey, ...]:
        try:
            return self._desk.signing
        except DigestError as error:
            # That a key is gone is a trouble to be told of.
            log.warning("alert.unsigned", reason=str(error))
            return ()

    async def command(self, text: str) -> list[Attempt]:
        """Run the operator's command, which finds the text on its standard input."""
        command = shlex.split(self._desk.settings.alerts.command)
        if not command:
            return []
        trouble = ""
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, cwd=self._desk.settings.folder
            )
        except (OSError, ValueError) as error:
            trouble = str(error)
        else:
            with contextlib.suppress(TimeoutError):
                try:
                    async with asyncio.timeout(self._seconds):
                        await process.communicate(text.encode())
                finally:
                    if process.returncode is None:
                        trouble = f"took longer than {self._seconds:g} s"
                        process.kill()
                        await process.wait()
            if process.returncode and not trouble:
                trouble = f"ended with exit code {process.returncode}"
        return [_attempt("command", command[0], trouble)]

    async def ping(self) -> list[Attempt]:
        """Call the URL by which an outside watchdog knows that all is well."""
        url = self._desk.settings.alerts.ping_url
        if not url:
            return []
        trouble = ""
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx2.AsyncClient(timeout=self._seconds) as client,
            ):
                (await client.get(url)).raise_for_status()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            trouble = str(error) or type(error).__name__
        return [_attempt("ping", url, trouble)]


def _by(one: str, relay: Relay) -> str:
    return f"{one} by {relay}"


def _attempt(way: str, where: str, trouble: str) -> Attempt:
    trouble = clean(trouble)
    if trouble:
        log.warning("alert.failed", way=way, where=where, reason=trouble)
    return Attempt(way=way, where=where, trouble=trouble)


def clean(text: str) -> str:
    """Replace what cannot be encoded, or kept: a relay's words may hold any octets."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
