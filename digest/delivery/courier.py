"""Connects to the relay: TCP, TLS, EHLO, AUTH by aiosmtplib, then hands the transport to `wire.py`.

Knows one relay and no issue. What goes wrong comes back as a Reply that names its phase.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import aiosmtplib

from digest.delivery.legible import legible
from digest.delivery.wire import Wire
from digest.model import Phase, Reply

FAILURES = (aiosmtplib.SMTPException, OSError, UnicodeError)
"""What aiosmtplib raises where a relay, the network or a host's name is at fault."""

CONNECT_SECONDS = 30
"""Each step until the greeting, TLS and AUTH are done: a relay that needs longer is in trouble."""

NOT_OFFERED = 454
"""What stands for a relay that does not offer TLS or AUTH at all."""


@dataclass(frozen=True, kw_only=True)
class Relay:
    """The SMTP server that takes our mail, and how to use it."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    timeout: float = 300
    connections: int = 10
    messages_per_connection: int = 500
    ca_file: str = ""
    """Certificates (PEM) that are trusted beside the system's: for a relay with an authority of its own."""
    name: str = ""
    """What the configuration calls it."""
    rate: float = 0
    """Messages a second over all processes; 0 for no limit."""
    weight: int = 1
    """Its share beside other relays; 0: only while they are in trouble."""
    headers: tuple[tuple[str, str], ...] = ()
    """Fields for its provider, in every message that goes through it."""
    unsigned: frozenset[str] = frozenset()
    """Fields, in lower case, that it replaces, so that no signature of ours may cover them."""

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Whom to believe. Made once: reading the system's certificates takes as long as fifty messages."""
        context = ssl.create_default_context()
        if self.ca_file:
            context.load_verify_locations(cafile=self.ca_file)
        return context

    def __str__(self) -> str:
        """Give `smtp.example:587`."""
        return f"{self.host}:{self.port}"


class ConnectError(Exception):
    """A connection could not be made ready. `reply` says in which phase and why."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


def client_of(relay: Relay, seconds: float) -> aiosmtplib.SMTP:
    """Give a client for a relay, not connected yet; each of its steps may take so many seconds."""
    return aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.security == "tls",
        start_tls=False,
        tls_context=None if relay.security == "none" else relay.tls,
        timeout=seconds,
    )


async def connect(relay: Relay) -> Wire:
    """Give a connection that is ready for a transaction. Raises ConnectError."""
    client = client_of(relay, min(CONNECT_SECONDS, relay.timeout))
    phase = Phase.CONNECT
    try:
        await client.connect()
        await client.ehlo()
        if relay.security == "starttls":
            phase = Phase.TLS
            await client.starttls()
            await client.ehlo()
        if relay.username:
            phase = Phase.AUTH
            await client.login(relay.username, relay.password)
    except FAILURES as error:
        client.close()
        raise ConnectError(reply_of(phase, error)) from error
    except BaseException:
        client.close()
        raise
    # uvloop's transports are no asyncio.Transport, though they do all that one does.
    transport = cast("asyncio.Transport | None", client.transport)
    if transport is None or transport.is_closing():
        raise ConnectError(Reply(phase=phase, code=0, text="the relay closed the connection"))
    extensions = frozenset(name.lower() for name in client.esmtp_extensions)
    wire = Wire(transport, extensions=extensions, timeout=relay.timeout)
    transport.set_protocol(wire)
    return wire


def reply_of(phase: Phase, error: Exception) -> Reply:
    """Give what went wrong in a phase as a reply: the relay's own, or why there was none."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Reply(phase=phase, code=max(0, error.code), text=_told(error.message))
    if type(error) is aiosmtplib.SMTPException and phase in {Phase.TLS, Phase.AUTH}:
        # It does not offer what we are told to use. Where that lasts it is a matter of set-up, like the 454
        # with which a relay says so itself (RFC 3207 §4, RFC 4954 §6).
        return Reply(phase=phase, code=NOT_OFFERED, text=_told(str(error)))
    cause = error.__cause__ or error
    text = str(cause) or str(error) or type(cause).__name__
    if isinstance(cause, ssl.SSLError):
        phase = Phase.TLS
    elif isinstance(cause, ConnectionError) and cause.errno:
        # asyncio says "Connect call failed" whatever the system said.
        text = os.strerror(cause.errno)
    return Reply(phase=phase, code=0, text=_told(text))


def _told(text: str) -> str:
    """Give a reply of several lines in one."""
    return legible(" ".join(text.split()))
