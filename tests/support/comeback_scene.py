"""Short ways to set a scene for what comes back: readers, issues that a relay took, and mails about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ledger_scene import NOW, claim_all, readers, sending, take, turn
from press import CONFIG, DAILY, KEYS, Clock

from digest import links, message
from digest.config import load
from digest.desk import Desk
from digest.links import Link, LinkKind
from digest.model import Channel, DeliveryState, Slot, Subscriber, SubscriberState
from digest.publish.returned import Arrival, Outcome, mail_key, take_in
from digest.store import installation, ledger, newaddress, subscribers
from digest.store.bounces import Effect
from digest.store.database import Store
from digest.store.reader_tables import ReaderMailRow
from digest.store.subscribers import Visit
from digest.store.tables import metadata
from digest.store.tick import Result
from digest.verp import Mark, Marker, Purpose

PUBLIC = "https://news.ledger.example"
BOUNCES = "bounces@ledger.example"
READ = {"DIGEST_BOUNCES__ADDRESS": BOUNCES, "DIGEST_BOUNCES__PIPE": "yes"}
VERP = READ | {"DIGEST_MAIL__ENVELOPE": "verp"}
DAY = timedelta(days=1)

UNKNOWN = "550 5.1.1 <{address}>: user unknown"
FULL = "452 4.2.2 <{address}>: mailbox full"
DISABLED = "550 5.2.1 <{address}>: mailbox disabled"
BLOCKED = "550 5.7.1 message refused as spam, your IP is on our block list"


@dataclass(kw_only=True)
class Room:
    """An installation whose issues a relay takes, each with a 250, whatever comes of them."""

    store: Store
    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: READ)
    clock: Clock = field(default_factory=lambda: Clock(now=NOW))
    ids: list[int] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        text = CONFIG.format(
            feeds='["https://ledger.example/feed"]',
            newsletters=DAILY,
            host="127.0.0.1",
            port=25,
            operator="ops@ledger.example",
            base=PUBLIC,
        )
        path = self.folder / "config.toml"
        path.write_text(text, encoding="utf-8")
        return Desk(settings=load(path, self.environ), store=self.store, keys=KEYS, clock=self.clock)

    @property
    def key(self) -> bytes:
        with self.store.read() as session:
            return installation.permanent_key(session)

    def subscribe(self, count: int, *, newsletter: str = "daily") -> list[int]:
        self.ids = readers(self.store, count, newsletter=newsletter)
        return self.ids

    def mail(self, *, newsletter: str = "daily") -> int:
        """Mail an issue to everybody at this hour, and have the relay take it all; give its id."""
        now = self.clock()
        slot = Slot(name=f"{now:%Y-%m-%dT%H:%M}", instant=now)
        issue = sending(self.store, newsletter=newsletter, slot=slot)
        batch = take(self.store, issue, now=now)
        with self.store.read() as session:
            blemished = {
                row.recipient.id: row.blemished for row in ledger.rows(session, batch, ledger.epoch(now))
            }
        claimed = claim_all(self.store, batch, now)
        results = [
            Result(
                subscriber_id=one,
                state=DeliveryState.ACCEPTED,
                code=250,
                effect=Effect.CLEAR if blemished[one] else Effect.NONE,
            )
            for one in claimed
        ]
        turn(self.store, batch, results=results, now=now)
        return issue.id

    def take(self, raw: bytes, *, source: str = "maildir", **told: Any) -> Outcome:
        return take_in(self.desk, Arrival(key=mail_key(raw), source=source, raw=raw, **told))

    def reader(self, subscriber_id: int) -> Subscriber:
        with self.store.read() as session:
            found = subscribers.get(session, subscriber_id)
        assert found is not None
        return found

    def state(self, subscriber_id: int) -> SubscriberState:
        return self.reader(subscriber_id).state

    @property
    def states(self) -> list[SubscriberState]:
        return [self.state(one) for one in self.ids]

    def rows(self, table: str) -> list[Any]:
        it = metadata.tables[table]
        with self.store.read() as session:
            return list(session.connection().execute(sa.select(it).order_by(*it.primary_key)))

    def events(self, *kinds: str) -> list[tuple[str, int | None, int | None]]:
        """The events of some kinds, with whose and of which issue they are."""
        return [
            (row.kind, row.subscriber_id, row.issue_id) for row in self.rows("event") if row.kind in kinds
        ]

    def verp(self, issue: int, reader: int, version: int = 1, *, wish: bool = False) -> str:
        purpose = Purpose.UNSUBSCRIBE if wish else Purpose.BOUNCE
        return Marker(BOUNCES, "+", self.key)(Mark(purpose, issue, reader, version))

    def message_id(self, issue: int, reader: int) -> str:
        return message.message_id(key=self.key, issue_id=issue, subscriber_id=reader, domain="ledger.example")

    def link(self, issue: int, reader: int, version: int = 1, kind: LinkKind = LinkKind.UNSUBSCRIBE) -> str:
        link = Link(kind=kind, subscriber_id=reader, address_version=version, issue_id=issue)
        return links.unsubscribe_url(PUBLIC, link, KEYS)

    def head(self, issue: int, reader: int) -> str:
        """The header of a message as it comes back, all marks in it."""
        number, whom = self.message_id(issue, reader), self.reader(reader)
        return (
            f"From: The Harbour Ledger <news@ledger.example>\nTo: {whom.email}\n"
            f"Message-ID: {number}\nX-Digest-Delivery: {number}\n"
            f"List-Unsubscribe: <{self.link(issue, reader, whom.address_version)}>\n"
            "Subject: The ferry was late\n"
        )


def move(room: Room, reader: int, email: str) -> None:
    """Have a reader take another address, as the reader's page does."""
    visit = Visit(channel=Channel.PAGE)
    with room.store.write() as session:
        assert newaddress.ask(session, reader, email, visit, room.clock())
        (mail,) = (
            session.connection()
            .execute(sa.select(sa.func.max(sa.inspect(ReaderMailRow).columns["id"])))
            .scalars()
        )
        link = Link(kind=LinkKind.CONFIRM, subscriber_id=reader, address_version=1, issue_id=mail)
        assert newaddress.confirm_change(session, link, visit, room.clock()) is newaddress.Outcome.CHANGED


def address(number: int) -> str:
    return f"reader{number}@ledger.example"


def dsn(
    said: str = UNKNOWN,
    *,
    about: str = address(1),
    head: str = "Subject: The ferry was late\n",
    sent_to: str = BOUNCES,
    action: str = "failed",
    at: datetime = NOW,
) -> bytes:
    """A delivery status as Postfix writes it (RFC 3464), about one address."""
    said = said.format(address=about)
    return f"""\
Return-Path: <>
Delivered-To: {sent_to}
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: {sent_to}
Date: {at:%a, %d %b %Y %H:%M:%S} +0000
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

This is the mail system at host mx.example.

<{about}>: host mail.example said: {said}

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {about}
Action: {action}
Status: {said.split()[1]}
Diagnostic-Code: smtp; {said}

--b1
Content-Type: text/rfc822-headers

{head}
--b1--
""".encode()


def arf(head: str, *, kind: str = "abuse", about: str = "", body: str = "") -> bytes:
    """A complaint (RFC 5965), whose recipient is blacked out unless it is told."""
    told = f"Original-Rcpt-To: <{about}>\n" if about else ""
    return f"""\
From: staff@fbl.example
To: abuse@ledger.example
Subject: FW: The ferry was late
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report.

--b1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: FBL/1.0
Version: 1
{told}
--b1
Content-Type: message/rfc822

{head}
{body}
--b1--
""".encode()


def letter(*, sender: str, to: str, subject: str = "unsubscribe", body: str = "", head: str = "") -> bytes:
    return f"From: {sender}\nTo: {to}\nSubject: {subject}\n{head}\n{body}\n".encode()
