"""Serves an application over HTTP until told to stop. Leaves signals to the service that it runs in."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Address, ip_network

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from digest.errors import DigestError
from digest.web.connection import Patience, patient
from digest.web.ready import STOPPING

log = structlog.get_logger()

STOP_SECONDS = 4
"""How long a request may still take once the service stops: with what surrounds it, under five seconds."""

PROXIES = ("127.0.0.1", "::1")
"""Whose X-Forwarded-For is believed. Anybody else could write any address into it."""

_MAPPED_BITS = 96
"""How much of an IPv6 address stands before the IPv4 address that it maps (RFC 4291 2.5.5.2)."""

REASONS = {
    errno.EADDRINUSE: "is taken: stop what listens there, or choose another with [web] port",
    errno.EACCES: "may not be opened by this user: choose one of 1024 or more with [web] port",
    errno.EADDRNOTAVAIL: "is not on this machine: choose one of its addresses with [web] host",
}


class _Server(uvicorn.Server):
    """A uvicorn that touches no signal handler and tells when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the service stops in its own order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell()


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    started: Callable[[str], None] | None = None,
    stopping: Callable[[], bool] | None = None,
    proxies: Iterable[str] = PROXIES,
    patience: int = STOP_SECONDS,
    clients: Patience = Patience(),
) -> None:
    """Serve until `stop` is set; then finish what was begun, for at most `patience` seconds.

    `started` is called once with the URL, when requests are answered; port 0 takes a free one. `stopping`
    says whether `stop` will be set soon, which the application finds in its scope. Only `proxies`, addresses
    or networks, may name the visitor's address in X-Forwarded-For. `clients` says how long one may keep us
    waiting. Raises DigestError where the address cannot be listened on.
    """
    listener = listen(host, port)
    url = _url(listener)

    def tell() -> None:
        log.info("web.started", url=url)
        if started:
            started(url)

    config = uvicorn.Config(
        _told(app, stopping or stop.is_set),
        http=patient(clients),
        ws="none",
        lifespan="off",
        log_config=None,
        # A path is a reader's token: it stands in no log.
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=believed(proxies),
        timeout_graceful_shutdown=patience,
    )
    server = _Server(config, tell)
    watcher = asyncio.create_task(_stop(server, stop), name="web.stop")
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
        listener.close()
    log.info("web.stopped", url=url)


def believed(proxies: Iterable[str]) -> list[str]:
    """Give the proxies as uvicorn knows them: those of IPv4 also as a socket of both kinds names them."""
    found = []
    for proxy in proxies:
        network = ip_network(proxy)
        found.append(str(network))
        if isinstance(network, IPv4Network):
            mapped = IPv6Address(f"::ffff:{network.network_address}")
            found.append(f"{mapped}/{_MAPPED_BITS + network.prefixlen}")
    return found


def _told(app: ASGIApp, stopping: Callable[[], bool]) -> ASGIApp:
    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope[STOPPING] = stopping()
        await app(scope, receive, send)

    return told


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket, IPv4 before IPv6 where a name has both. Raises DigestError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise DigestError(f"{host} is no address to listen on: {exc.strerror}; see [web] host.") from exc
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
    except OSError as exc:
        reason = REASONS.get(exc.errno or 0, f"cannot be listened on: {exc.strerror}; see [web]")
        raise DigestError(f"Port {port} on {host} {reason}.") from exc
    # Every connection inherits it. asyncio sets it on none whose protocol was not named as it was opened, and
    # an answer's body would then wait 40 ms for the client to acknowledge its head (RFC 1122, 4.2.3.4).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
