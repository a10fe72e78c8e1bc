"""Tells the operator of each trouble once, and once when it is over; and how each issue ended.

Never raises: what cannot be told is logged, tried again, and the work goes on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from sqlmodel import Session

from digest.desk import Desk
from digest.errors import DigestError
from digest.spans import spelled
from digest.store.troubles import Trouble
from digest.telling import Attempt, Telling, clean, reached
from digest.troubles import Troubles

log = structlog.get_logger()

REPEAT = timedelta(days=1)
"""A trouble that lasts is told again after this long: a mail is easily overlooked."""

NEVER = timedelta(days=3650)
"""As good as never again: for what nothing can be done about by being told of it twice."""

SLACK = timedelta(hours=1)
"""By so much a clock may be put right. What is due again later than its longest pause, and this, was noted
by a clock that has been set back since: it would be quiet for as long."""

AGAIN = timedelta(minutes=10)
"""What reached nobody is told again after this long: the relay that failed the mail may be the trouble."""

LATEST = timedelta(days=1)
"""What reached nobody for so long is no news any more."""

CALM = timedelta(minutes=10)
"""What fails now and then is over once it has not failed for so long."""

KEY_CHARACTERS = 500
"""PostgreSQL indexes some 2,700 octets, and a character has four at most."""

SECONDS = 30
"""What the relay, the command or the pinged page may take."""


OWED, REPORT, PING = "owed:", "owed:report:", "owed:ping:"
"""How the keys begin of what is still to be told: of all, and of what goes by a way of its own."""


Mark = Callable[[Session], None]
"""Notes something in a transaction."""


class Alerts:
    """The operator's ear. `seconds` is what each way of telling may take."""

    def __init__(self, desk: Desk, *, seconds: float = SECONDS) -> None:
        self._alerts = desk.settings.alerts
        self._telling = Telling(desk, seconds=seconds)
        self._troubles = Troubles(desk.store)
        self._calm_since: dict[str, datetime] = {}
        """Since when a trouble that is still open has not been found any more."""

    async def alert(self, key: str, subject: str, text: str, now: datetime, *, once: bool = False) -> None:
        """Tell about the trouble that `key` names: when it begins, and then once a day, or `once` alone."""
        key, subject, text = _key(key), clean(subject), clean(text)
        await self._troubles.load(now)
        self._calm_since.pop(key, None)
        known, pause = self._troubles.get(key), NEVER if once else REPEAT
        if known is not None and now < known.next_at <= now + pause + SLACK:
            return
        # That it was over is no news any more.
        self._troubles.drop(_over(subject))
        since = min(known.since, now) if known else now
        trouble = Trouble(
            key=key,
            subject=subject,
            since=since,
            next_at=now + AGAIN,
            told=known is not None and known.told,
        )
        # Before anything is awaited, so that two who find the same trouble tell it once; and who is stopped
        # meanwhile tells it after the next start.
        self._troubles.note(trouble)
        log.error("alert", key=key, subject=subject)
        if trouble.told:
            text = f"{text.rstrip()}\n\nThis has lasted for {spelled(now - since)}; it is told once a day."
        told = await self._tell(subject, text, now)
        if told and self._troubles.get(key) is trouble:
            self._troubles.note(replace(trouble, told=True, next_at=now + pause))
        await self._troubles.save()

    async def lasting(self, prefix: str, now: datetime) -> list[str]:
        """Give the keys of the troubles that have been found and are not over, and begin so."""
        await self._troubles.load(now)
        return [trouble.key for trouble in self._troubles.beginning(clean(prefix))]

    async def event(
        self, key: str, subject: str, text: str, now: datetime, *, mark: Mark | None = None
    ) -> None:
        """Tell of something that happened once, and is not over at any time. `mark` as for a report."""
        log.error("alert", key=clean(key), subject=clean(subject))
        await self._owe({f"{OWED}{now.isoformat()} {key}": (subject, text)}, now, mark)

    async def over(self, key: str, now: datetime, *, given_up: str = "", quietly: bool = False) -> None:
        """Tell that a trouble is over, if it was one. `quietly` where something else tells how it went on.

        `given_up` says why nobody waits any more for an end that has not come.
        """
        key = _key(key)
        await self.end(key, now, but=lambda other: other != key, given_up=given_up, quietly=quietly)

    async def end(
        self,
        prefix: str,
        now: datetime,
        *,
        but: Callable[[str], bool] = lambda _: False,
        calm: timedelta = timedelta(),
        given_up: str = "",
        quietly: bool = False,
    ) -> None:
        """Tell of all troubles whose keys begin so that they are over, `but` for those that last.

        Only what has been over for as long as `calm` is over.
        """
        await self._troubles.load(now)
        over = []
        for trouble in self._troubles.beginning(clean(prefix)):
            if but(trouble.key):
                self._calm_since.pop(trouble.key, None)
            elif not timedelta() <= now - self._calm_since.setdefault(trouble.key, now) < calm:
                over.append(trouble)
        if not over:
            return
        for trouble in over:
            self._calm_since.pop(trouble.key, None)
            self._troubles.drop(trouble.key)
        for subject in {trouble.subject: None for trouble in over}:
            told = [trouble for trouble in over if trouble.subject == subject and trouble.told]
            log.info("alert.over", subject=subject)
            if told and not quietly:
                since = min(now, *(trouble.since for trouble in told))
                span = f"{spelled(now - since)}, since {since:%Y-%m-%d %H:%M} UTC"
                text = given_up or f"{subject}: that is over. It lasted {span}."
                how = "Given up" if given_up else "Over"
                await self._owe({_over(subject): (f"{how}: {subject}", text)}, now)
        await self._troubles.save()

    @contextlib.asynccontextmanager
    async def guard(
        self, what: str, clock: Callable[[], datetime], *, calm: timedelta = CALM
    ) -> AsyncIterator[None]:
        """Tell of trouble that an operator can mend, and go on after it; once there is `calm`, of its end."""
        try:
            yield
        except DigestError as error:
            await self.alert(f"trouble:{what}:{error}", f"digest: trouble with {what}", str(error), clock())
        else:
            await self.end(f"trouble:{what}:", clock(), calm=calm)

    async def report(
        self,
        subject: str,
        text: str,
        now: datetime,
        *,
        ping: bool = True,
        mark: Mark | None = None,
    ) -> None:
        """Tell how an issue ended, and `ping` where it went right: silence is never success.

        The command is run where the mail fails: what refuses it may have refused the issue's last readers.
        `mark` notes in the ledger that this was reported, in the transaction in which it is kept until it has
        reached anybody. Where that fails, nothing is told: whoever finds no mark reports anew.
        """
        owed = {}
        if self._alerts.to and self._telling.speaks:
            owed[f"{REPORT}{now.isoformat()} {subject}"] = (subject, text)
        if ping and self._alerts.ping_url:
            owed[f"{PING}{now.isoformat()}"] = ("ping", "")
        await self._owe(owed, now, mark)

    async def catch_up(self, now: datetime) -> None:
        """Try again what reached nobody, also before a restart."""
        await self._troubles.load(now)
        for owed in self._troubles.beginning(OWED):
            if not owed.since <= now < owed.next_at:
                await self._settle(owed, now)

    async def test(self, now: datetime) -> list[Attempt]:
        """Send a test by every way that is configured, and give how each went."""
        subject = "digest: a test of your alerts"
        text = "If you read this, alerts reach you by this way. Nothing is wrong."
        ways: Iterable[Awaitable[list[Attempt]]] = (
            self._telling.mail(subject, text, now),
            self._telling.command(_spoken(subject, text)),
            self._telling.ping(),
        )
        return [attempt for attempts in await asyncio.gather(*ways) for attempt in attempts]

    async def _owe(
        self, told: Mapping[str, tuple[str, str]], now: datetime, mark: Mark | None = None
    ) -> None:
        """Tell subjects and texts, by keys, and keep them until they have reached anybody, over a restart."""
        await self._troubles.load(now)
        owed = [
            Trouble(key=_key(key), subject=clean(subject), since=now, next_at=now + AGAIN, text=clean(text))
            for key, (subject, text) in told.items()
        ]
        for one in owed:
            self._troubles.note(one)
        if not await self._troubles.save(mark) and mark is not None:
            for one in owed:
                self._troubles.drop(one.key)
            return
        for one in owed:
            if await self._pay(one, now):
                self._troubles.drop(one.key)
                await self._troubles.save()

    async def _settle(self, owed: Trouble, now: datetime) -> None:
        """Tell what is owed. It is given up where it is no news any more."""
        if now - owed.since < LATEST:
            self._troubles.note(replace(owed, since=min(owed.since, now), next_at=now + AGAIN))
            await self._troubles.save()
            if not await self._pay(owed, now):
                return
        else:
            log.warning("alert.given_up", what=owed.subject)
        self._troubles.drop(owed.key)
        await self._troubles.save()

    async def _pay(self, owed: Trouble, now: datetime) -> bool:
        subject, text = owed.subject, owed.text or ""
        if owed.key.startswith(PING):
            return reached(await self._telling.ping())
        if owed.key.startswith(REPORT):
            return reached(await self._telling.mail(subject, text, now)) or reached(
                await self._telling.command(_spoken(subject, text))
            )
        return await self._tell(subject, text, now)

    async def _tell(self, subject: str, text: str, now: datetime) -> bool:
        """Tell by mail and by the command; True where any took it, or where there is the log alone."""
        ways = (self._telling.mail(subject, text, now), self._telling.command(_spoken(subject, text)))
        return any(map(reached, await asyncio.gather(*ways))) or not self._telling.speaks


def _over(subject: str) -> str:
    """Give the key of what tells that a trouble is over."""
    return _key(f"{OWED}over {subject}")


def _spoken(subject: str, text: str) -> str:
    return f"{subject}\n\n{text.rstrip()}\n"


def among(keys: Iterable[str]) -> Callable[[str], bool]:
    """Give what tells for `Alerts.end` whether a trouble has one of these keys."""
    return {_key(key) for key in keys}.__contains__


def _key(key: str) -> str:
    """Shorten a key to what a database's index holds, and leave it apart from every other."""
    key = clean(key)
    if len(key) <= KEY_CHARACTERS:
        return key
    hashed = sha256(key.encode()).hexdigest()
    return f"{key[: KEY_CHARACTERS - len(hashed)]}{hashed}"
