"""Several relays for a sender, each a test's server, and what goes through them."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import engine_ledger
from smtp_server import SmtpServer

from digest.delivery.breaker import Breaker
from digest.delivery.courier import Relay
from digest.engine.job import Job, OpenBatch, Order, Running
from digest.model import Issue, IssueState, Recipient
from digest.store.ledger import Batch, Row


def relay(
    server: SmtpServer,
    name: str = "",
    *,
    weight: int = 1,
    connections: int = 5,
    messages: int = 500,
    rate: float = 0,
    account: tuple[str, str] = ("", ""),
    seconds: float = 30,
) -> Relay:
    """Give the relay that a server is. `seconds` is how long it may take for a reply."""
    return Relay(
        name=name,
        host="127.0.0.1",
        port=server.port,
        security="none",
        username=account[0],
        password=account[1],
        weight=weight,
        connections=connections,
        messages_per_connection=messages,
        rate=rate,
        timeout=seconds,
    )


def job(
    issue: Issue,
    *names: str,
    compose: Callable[[Recipient, datetime], bytes] | None = None,
    signs: bool = False,
) -> Job:
    """Give an issue to send through relays of these names."""
    plain = engine_ledger.job(issue, compose)
    return replace(plain, composers=dict.fromkeys(names or ("",), plain.composers[""]), signs=signs)


def order(number: int = 1) -> Order:
    """Give an order outside of any ledger."""
    issue = Issue(
        id=1,
        newsletter="daily",
        slot="2026-11-24T07:00",
        due_at=engine_ledger.START,
        state=IssueState.SENDING,
        created_at=engine_ledger.START,
    )
    batch = Batch(issue_id=1, newsletter="daily", seq=0, first_id=1, last_id=999, token=1)
    return Order(
        running=Running(job=job(issue), breaker=Breaker(audience=999)),
        batch=OpenBatch(batch=batch, cutoff=0, queue=deque()),
        row=Row(recipient=Recipient(id=number, email=engine_ledger.address(number))),
    )
