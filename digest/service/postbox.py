"""Sends the mail to single readers that waits in the ledger: confirmations, welcomes.

Each is claimed before it is sent and due again after a pause, so that neither a crash nor a relay in trouble
loses one; after a day it is given up. In a rehearsal they go to the outbox.
"""

import asyncio
import contextlib
import mailbox
from collections.abc import Sequence

import structlog

from digest.alerts import Alerts
from digest.delivery.courier import ConnectError, Relay, connect
from digest.delivery.wire import Wire
from digest.desk import Desk
from digest.errors import AddressError, DigestError, RenderError
from digest.model import Phase, Reply
from digest.publish.readermail import Letter, letter
from digest.store import readermail
from digest.store.readermail import ReaderMail

log = structlog.get_logger()

LOOK_SECONDS = 2
"""How often the ledger is asked: somebody waits for this mail."""

ROUND = 100
"""How many are claimed at once, for one connection."""

PERMANENT = 5
"""The first digit of a reply that stays the same (RFC 5321 4.2.1)."""


class Postbox:
    """The mail to single readers. One process has one: the one that holds the sender's role."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self._broken = ""
        """What is wrong with a template, as far as this round has met it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Send what waits until `stop` is set."""
        while not stop.is_set():
            async with self._alerts.guard("the mail to readers", self._desk.clock):
                while not stop.is_set() and await self.once() == ROUND:
                    pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def once(self) -> int:
        """Send what is due; give how many were tried.

        Raises DigestError for what an operator can mend; what waits is tried again all the same.
        """
        mails = await asyncio.to_thread(self._claim)
        self._broken = ""
        if self._desk.settings.is_rehearsal:
            await asyncio.to_thread(self._rehearse, mails)
        elif mails:
            await self._send(mails)
        if self._broken:
            raise RenderError(self._broken)
        return len(mails)

    async def _send(self, mails: Sequence[ReaderMail]) -> None:
        """Send by the first relay that takes it, the rest by the next one."""
        left, trouble = list(mails), ""
        for relay in self._desk.relays:
            try:
                wire = await connect(relay)
            except ConnectError as error:
                trouble = f"{relay}: {error.reply.phase.value}: {error.reply}"
                continue
            try:
                left = await self._by(relay, wire, left)
            finally:
                await wire.quit()
            if not left:
                break
            trouble = f"{relay}: {wire.lost}"
        for mail in left:
            await asyncio.to_thread(self._failed, mail, trouble)
        if len(left) == len(mails):
            raise DigestError(
                f"No relay takes the mail to single readers ({trouble}): `digest doctor relay` says more. "
                "It is tried for a day."
            )

    def _claim(self) -> list[ReaderMail]:
        with self._desk.store.read() as session:
            if not readermail.waiting(session, self._desk.clock()):
                return []
        with self._desk.store.write() as session:
            return readermail.claim(session, self._desk.clock(), limit=ROUND)

    async def _by(self, relay: Relay, wire: Wire, mails: Sequence[ReaderMail]) -> list[ReaderMail]:
        """Send over a connection; give what is left once it is lost."""
        for place, mail in enumerate(mails):
            if wire.lost:
                return list(mails[place:])
            made = await asyncio.to_thread(self._letter, mail, relay)
            if made is not None:
                reply = await wire.transact(made.sender, mail.email, made.data)
                await asyncio.to_thread(self._answered, mail, reply)
        return []

    def _letter(self, mail: ReaderMail, relay: Relay) -> Letter | None:
        """Write a mail; None, and noted, where it cannot be sent or has become pointless."""
        try:
            made = letter(self._desk, mail, relay, self._desk.clock())
        except AddressError as error:
            self._given_up(mail, str(error))
            return None
        except RenderError as error:
            # It keeps no other mail from being sent.
            self._broken = str(error)
            self._failed(mail, self._broken)
            return None
        if made is None:
            self._given_up(mail, "pointless")
        return made

    def _answered(self, mail: ReaderMail, reply: Reply) -> None:
        if reply.is_positive:
            with self._desk.store.write() as session:
                readermail.sent(session, mail.id, self._desk.clock())
            log.info("readermail.sent", mail=mail.id, kind=mail.kind)
        elif reply.code // 100 == PERMANENT and (reply.phase is Phase.RCPT or not mail.email.isascii()):
            # The mailbox is not there, or wants SMTPUTF8, which this relay does not offer.
            self._given_up(mail, str(reply))
        else:
            self._failed(mail, f"{reply.phase.value}: {reply}")

    def _failed(self, mail: ReaderMail, why: str) -> None:
        with self._desk.store.write() as session:
            last = readermail.failed(session, mail, why, self._desk.clock())
        log.warning("readermail.failed", mail=mail.id, kind=mail.kind, given_up=last, reason=why)

    def _given_up(self, mail: ReaderMail, why: str) -> None:
        with self._desk.store.write() as session:
            readermail.given_up(session, mail.id, why)
        log.info("readermail.given_up", mail=mail.id, kind=mail.kind, reason=why)

    def _rehearse(self, mails: Sequence[ReaderMail]) -> None:
        """Write mails into the outbox, from which nobody gets any."""
        if not mails:
            return
        outbox = self._desk.settings.outbox
        try:
            box = mailbox.Maildir(outbox, create=True)
            for mail in mails:
                made = self._letter(mail, self._desk.relay)
                if made is not None:
                    box.add(made.data)
                    with self._desk.store.write() as session:
                        readermail.sent(session, mail.id, self._desk.clock())
        except OSError as error:
            raise DigestError(
                f"The outbox at {outbox} cannot be written: {error.strerror or error}."
            ) from error
