"""The mail services that may post to us: each proves itself before anything of it is believed.

What they say is read in `digest.hooks`; this is what needs a network, a ledger or a thread for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ParamSpec, Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from digest.config.bounces import Bounces
from digest.config.publickey import p256_key
from digest.hooks import mailgun, postmark, sendgrid, ses, sns, sparkpost
from digest.hooks.event import Event, Headers
from digest.hooks.proof import NotProvedError, demand_secret
from digest.publish.returned import Arrival, Outcome
from digest.store import nonces
from digest.store.database import Store
from digest.web.asking import UnansweredError

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

SNS_OCTETS = 256 * 1024
"""SNS's own limit of a message; those of SES have some 10 kB."""
EVENT_OCTETS = 1024 * 1024
"""Of one event, with a mail's headers or its beginning."""
BATCH_OCTETS = 4 * 1024 * 1024
"""Of many events: services post up to 2 MB at a time."""

READ_AT_ONCE = 2
"""Bodies that are taken apart at a time: JSON takes twenty times its octets, proved or not."""

SNS_SECONDS = 12.0
"""For a certificate and a confirmation together: SNS waits for 15 seconds."""

AGAIN_AFTER = timedelta(seconds=10)
"""When a certificate that could not be fetched is asked for again."""

CERTIFICATES = 8
"""How many are kept: SNS has one a region, and a new one a year."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What the hooks work with."""

    bounces: Bounces = field(repr=False)
    """Which services are believed, and by what."""
    take_in: Callable[[Arrival], Outcome]
    """Books something in one transaction. Blocking; raises StoreError."""
    ask: Callable[[str], Awaitable[bytes]]
    """Gives what is at a URL. Raises UnansweredError."""
    patience: float = SNS_SECONDS
    """Seconds that everything may take that one message has us ask."""


class Gate(Protocol):
    """A service's way in. Both raise NotProvedError; the second UnreadableError and UnansweredError too."""

    most_octets: int
    """The largest body that it takes."""

    def admit(self, headers: Headers) -> None:
        """See whether it is worth while to read the body."""

    async def events(self, headers: Headers, body: bytes, now: datetime) -> Sequence[Event]:
        """Prove what was posted, and read it."""


def gates(hooks: Hooks, store: Store) -> Mapping[str, Gate]:
    """Give the services that are configured, by name."""
    keys = hooks.bounces
    apart = Apart()
    found: dict[str, Gate] = {}
    if keys.ses_topics:
        found[ses.NAME] = _Ses(apart, hooks)
    if secret := keys.postmark_secret.get_secret_value():
        found[postmark.NAME] = _Secret(apart, EVENT_OCTETS, secret, postmark.read)
    if secret := keys.mailgun_key.get_secret_value():
        found[mailgun.NAME] = _Mailgun(apart, secret, store)
    if secret := keys.sendgrid_key.get_secret_value():
        found[sendgrid.NAME] = _SendGrid(apart, p256_key(secret))
    if secret := keys.sparkpost_secret.get_secret_value():
        found[sparkpost.NAME] = _Secret(apart, BATCH_OCTETS, secret, sparkpost.read)
    return found


class Apart:
    """Has bodies read in threads, two at a time, whatever their service. Waits for no network."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(READ_AT_ONCE)

    async def run(self, read: Callable[P, T], *told: P.args, **more: P.kwargs) -> T:
        """Call something in a thread, when it is its turn."""
        async with self._turns:
            return await asyncio.to_thread(read, *told, **more)


class _Secret:
    """A service that brings a secret of ours."""

    def __init__(
        self, apart: Apart, most_octets: int, secret: str, read: Callable[[bytes], Sequence[Event]]
    ) -> None:
        self._apart, self.most_octets = apart, most_octets
        self._secret, self._read = secret, read

    def admit(self, headers: Headers) -> None:
        demand_secret(headers, self._secret)

    async def events(self, headers: Headers, body: bytes, now: datetime) -> Sequence[Event]:  # noqa: ARG002 - a gate's
        return await self._apart.run(self._read, body)


class _SendGrid:
    most_octets = BATCH_OCTETS

    def __init__(self, apart: Apart, key: EllipticCurvePublicKey) -> None:
        self._apart, self._key = apart, key

    def admit(self, headers: Headers) -> None:
        if sendgrid.SIGNATURE not in headers:
            raise NotProvedError("no signature")

    async def events(self, headers: Headers, body: bytes, now: datetime) -> Sequence[Event]:
        def proved() -> Sequence[Event]:
            sendgrid.verify(headers, body, self._key, now)
            return sendgrid.read(body)

        return await self._apart.run(proved)


class _Mailgun:
    most_octets = EVENT_OCTETS

    def __init__(self, apart: Apart, key: str, store: Store) -> None:
        self._apart, self._key, self._store = apart, key, store

    def admit(self, headers: Headers) -> None:
        """Its signature is in the body."""

    async def events(self, headers: Headers, body: bytes, now: datetime) -> Sequence[Event]:  # noqa: ARG002 - a gate's
        def proved() -> Sequence[Event]:
            posted = mailgun.read(body, self._key, now)
            with self._store.bare() as hand:
                if not nonces.is_for(hand, posted.token, posted.key, now):
                    raise NotProvedError("a token of another event")
            return posted.events

        return await self._apart.run(proved)


class _Ses:
    most_octets = SNS_OCTETS

    def __init__(self, apart: Apart, hooks: Hooks) -> None:
        self._apart, self._topics = apart, hooks.bounces.ses_topics
        self._ask, self._patience = hooks.ask, hooks.patience
        self._certificates: dict[str, bytes] = {}
        self._failed: dict[str, datetime] = {}
        self._asking = asyncio.Lock()

    def admit(self, headers: Headers) -> None:
        if headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            raise NotProvedError("raw delivery, which is not signed")

    async def events(self, headers: Headers, body: bytes, now: datetime) -> Sequence[Event]:  # noqa: ARG002 - a gate's
        envelope = await self._apart.run(sns.read, body, self._topics)
        try:
            async with asyncio.timeout(self._patience):
                certificate = await self._certificate(envelope.certificate_url, now)
                await asyncio.to_thread(sns.verify, envelope, certificate, now)
                if envelope.type is sns.Type.SUBSCRIPTION:
                    await self._ask(sns.confirmation_url(envelope))
        except TimeoutError as exc:
            raise UnansweredError("not in time") from exc
        if envelope.type is sns.Type.SUBSCRIPTION:
            log.info("hooks.subscribed", topic=envelope.topic)
        elif envelope.type is sns.Type.UNSUBSCRIPTION:
            log.warning("hooks.unsubscribed", topic=envelope.topic)
        return ses.read(envelope)

    async def _certificate(self, url: str, now: datetime) -> bytes:
        if url in self._certificates:
            return self._certificates[url]
        async with self._asking:
            if url not in self._certificates:
                self._failed = {one: at for one, at in self._failed.items() if abs(now - at) < AGAIN_AFTER}
                if url in self._failed:
                    raise UnansweredError("has just not answered")
                # Taken back once there is one, so a fetch that is cancelled counts too.
                self._failed[url] = now
                found = await self._ask(url)
                sns.signer(found, now)  # what is none is not kept
                while len(self._certificates) >= CERTIFICATES:
                    del self._certificates[next(iter(self._certificates))]
                self._certificates[url] = found
                del self._failed[url]
            return self._certificates[url]
