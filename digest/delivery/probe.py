"""Asks the relay, step by step, whether it would take a message of ours, and sends none.

The steps of `courier.py` and the beginning of a transaction, at leisure: every reply is kept. What goes wrong
comes back as a Reply that names its phase.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import aiosmtplib

from digest.delivery.courier import FAILURES, Relay, client_of, reply_of
from digest.model import Phase, Reply

OK_CLASSES = (2, 3)
GOODBYE_SECONDS = 1

Step = tuple[Phase, Callable[[], Awaitable[aiosmtplib.SMTPResponse]]]


def is_good(reply: Reply) -> bool:
    """Whether the next step may follow."""
    return reply.code // 100 in OK_CLASSES


async def probe(relay: Relay, sender: str, recipient: str, *, seconds: float) -> list[Reply]:
    """Give the relay's reply to each step; the last one failed unless the relay would take the message.

    All steps together take `seconds` at most.
    """
    client = client_of(relay, seconds)
    heard: list[Reply] = []
    phase = Phase.CONNECT
    try:
        async with asyncio.timeout(seconds):
            for phase, step in _steps(client, relay, sender, recipient):
                response = await step()
                heard.append(Reply(phase=phase, code=response.code, text=_line(response.message)))
    except TimeoutError:
        heard.append(Reply(phase=phase, code=0, text=f"no reply within {seconds:g} seconds"))
    except FAILURES as error:
        failed = reply_of(phase, error)
        heard.append(replace(failed, text=_line(failed.text)))
    if client.is_connected:
        # A transaction that was only begun ends with the connection (RFC 5321 §4.1.1.10).
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=GOODBYE_SECONDS)
    client.close()
    return heard


def _steps(client: aiosmtplib.SMTP, relay: Relay, sender: str, recipient: str) -> list[Step]:
    """Give the steps in their order. The client says EHLO by itself, and again after STARTTLS."""
    steps: list[Step] = [(Phase.CONNECT, client.connect)]
    if relay.security == "starttls":
        steps.append((Phase.TLS, client.starttls))
    if relay.username:
        steps.append((Phase.AUTH, partial(client.login, relay.username, relay.password)))
    return [
        *steps,
        (Phase.MAIL, partial(client.mail, sender)),
        (Phase.RCPT, partial(client.rcpt, recipient, encoding="utf-8")),
    ]


def _line(text: str) -> str:
    return " ".join(text.split())
