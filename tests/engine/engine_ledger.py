"""An issue in a ledger, ready to be sent, and what the tests of the engine ask about it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from smtp_server import SmtpServer

from digest.delivery.courier import Relay
from digest.engine.job import Job
from digest.engine.sender import Sender
from digest.model import Counts, DeliveryState, Issue, IssueState, Recipient, Slot, SubscriberState
from digest.store import issues, ledger
from digest.store.database import Store
from digest.store.tables import DELIVERY, SUBSCRIBER, SUBSCRIPTION

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
SENDER = "bounces@ledger.example"


def address(number: int) -> str:
    return f"reader{number}@mail.example"


def subscribe(store: Store, count: int, *, newsletter: str = "daily", first: int = 1) -> None:
    """Bring in `count` active readers, with the ids `first` and up."""
    ids = range(first, first + count)
    with store.write() as session:
        connection = session.connection()
        connection.execute(
            sa.insert(SUBSCRIBER),
            [
                {
                    "id": number,
                    "email": address(number),
                    "address_key": address(number),
                    "address_version": 1,
                    "name": "",
                    "language": "",
                    "state": SubscriberState.ACTIVE,
                    "created_at": START,
                    "confirmed_at": START,
                    "consent": "",
                    "consent_ip": "",
                    "consent_agent": "",
                    "consent_form": "",
                    "consent_text": "",
                    "confirmed_ip": "",
                    "soft_bounces": 0,
                }
                for number in ids
            ],
        )
        connection.execute(
            sa.insert(SUBSCRIPTION),
            [{"newsletter": newsletter, "subscriber_id": number, "created_at": START} for number in ids],
        )


def sending(store: Store, *, newsletter: str = "daily", slot: str = "2026-11-24T07:00") -> Issue:
    """Freeze an issue to everybody who reads the newsletter, and bring it to `sending`."""
    with store.write() as session:
        draft = issues.open_draft(session, newsletter, Slot(name=slot, instant=START), START)
        frozen = ledger.freeze(session, draft, START)
        sent = issues.move(session, frozen, IssueState.SENDING, START, allowed=(IssueState.FROZEN,))
    assert sent is not None
    return sent


def message_id(issue_id: int, recipient: Recipient) -> str:
    return f"<{issue_id}.{recipient.id}@ledger.example>"


def message(issue_id: int, recipient: Recipient, body: bytes = b"Good morning.\r\n") -> bytes:
    head = f"To: {recipient.email}\r\nMessage-ID: {message_id(issue_id, recipient)}\r\n\r\n"
    return head.encode() + body


def job(issue: Issue, compose: Callable[[Recipient, datetime], bytes] | None = None) -> Job:
    return Job(
        issue=issue,
        sender=SENDER,
        composers={"": compose or (lambda recipient, _: message(issue.id, recipient))},
    )


def counts(store: Store, issue: Issue) -> Counts:
    with store.read() as session:
        return issues.counts(session, issue.id)


def state(store: Store, issue: Issue) -> IssueState:
    return reread(store, issue).state


def reread(store: Store, issue: Issue) -> Issue:
    with store.read() as session:
        return issues.get(session, issue.id)


def delivery(store: Store, issue: Issue, subscriber_id: int) -> sa.Row[tuple[int, ...]]:
    with store.read() as session:
        query = sa.select(DELIVERY).where(
            DELIVERY.c.issue_id == issue.id, DELIVERY.c.subscriber_id == subscriber_id
        )
        return session.connection().execute(query).one()


def doubtful(store: Store, issue: Issue) -> set[int]:
    """Give the ids of those who may have been mailed twice."""
    with store.read() as session:
        query = sa.select(DELIVERY.c.subscriber_id).where(
            DELIVERY.c.issue_id == issue.id, DELIVERY.c.doubtful == 1
        )
        return set(session.connection().execute(query).scalars())


def in_state(store: Store, issue: Issue, wanted: DeliveryState) -> set[int]:
    with store.read() as session:
        query = sa.select(DELIVERY.c.subscriber_id).where(
            DELIVERY.c.issue_id == issue.id, DELIVERY.c.state == wanted.value
        )
        return set(session.connection().execute(query).scalars())


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def sender(
    store: Store,
    server: SmtpServer,
    *,
    connections: int = 5,
    messages: int = 500,
    seconds: float = 30,
    account: tuple[str, str] = ("", ""),
    rate: float = 0,
    **options: Any,
) -> Sender:
    """Give a sender for a test's server. `seconds` is how long the relay may take for a reply."""
    relay = Relay(
        host="127.0.0.1",
        port=server.port,
        security="none",
        username=account[0],
        password=account[1],
        timeout=seconds,
        connections=connections,
        messages_per_connection=messages,
        rate=rate,
    )
    return Sender(store, [relay], **options)


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that another task or thread brings about."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - another thread sets no event of ours
            await asyncio.sleep(0.002)
