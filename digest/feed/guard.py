"""Keeps a feed from leading us into our own network: connects to public addresses alone.

A feed names its articles' pages and its own next one, it redirects, and whoever writes a feed may name
anything: `http://169.254.169.254/` hands out a cloud machine's credentials. So a name is looked up here, and
the connection goes to an address that was looked at, not to what a second look-up might give.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain, zip_longest
from urllib.parse import urlsplit

import httpx2

from digest.feed import agent

MOST_ADDRESSES = 3
"""Of one host that are tried: a machine without IPv6 takes the second."""
NEXT_SECONDS = 3.0
"""How long an address may keep us waiting while there is another."""

_NOWHERE = (".example", ".invalid")
"""Names that nobody has (RFC 2606, 2): no look-up is worth its time."""
_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that is given out to the internet (RFC 4291, 2.4, and IANA's registry of the address space). Outside of
# it are forms that lead to IPv4 addresses inside: `::127.0.0.1`, `64:ff9b:1::/48`, `::ffff:0:0:0/96`.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""Gives a host's addresses. Raises httpx2.ConnectError."""


def is_public(text: str) -> bool:
    """Tell whether an IP address is one of the whole internet's, also where it wraps an IPv4 address."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(address.packed[-4:])
        if wrapped is None and address not in _UNICAST:
            return False
        address = wrapped or address
    return address.is_global and not address.is_multicast


class PrivateAddressError(httpx2.ConnectError):
    """A host that is not the public's."""


class Guarded(httpx2.AsyncBaseTransport):
    """Carries requests to public addresses, and to that of the feed `own` at its port, wherever that is.

    Where the feed is, is looked up once: a name that is public now and inside later leads nowhere inside.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, *, own: str, look_up: LookUp | None = None) -> None:
        self._inner, self._look_up = inner, look_up or addresses
        self._host, self._ports = _place(own)
        self._own: Sequence[str] | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of its host that may be asked. Raises httpx2.ConnectError."""
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or _DEFAULT_PORTS.get(request.url.scheme, 0)
        allowed = await self._allowed(host, port)
        lost: httpx2.TransportError = PrivateAddressError(
            f"{host} has no public address, and is not the feed's"
        )
        for address in allowed:
            extensions = dict(request.extensions)
            if not _is_address(host):
                # The name stays in the Host header, and in TLS, which checks the certificate against it.
                extensions["sni_hostname"] = host
            if address != allowed[-1]:
                extensions["timeout"] = {**extensions.get("timeout", {}), "connect": NEXT_SECONDS}
            there = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return await self._inner.handle_async_request(there)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
                lost = exc
        raise lost

    async def aclose(self) -> None:
        """Close what carries the requests."""
        await self._inner.aclose()

    async def _allowed(self, host: str, port: int) -> list[str]:
        if host.rstrip(".").endswith(_NOWHERE):
            raise PrivateAddressError(f"{host} is nobody's")
        found = await self._look_up(host)
        if host == self._host and self._own is None:
            self._own = found
        allowed = [address for address in found if is_public(address)]
        if found and not allowed and port in self._ports:
            if self._own is None:
                self._own = await self._look_up(self._host)
            allowed = [address for address in found if address in self._own]
        return _alternating(allowed)[:MOST_ADDRESSES]


def guarded_client(
    contact_url: str,
    own: str,
    *,
    accept: str = _ACCEPT,
    seconds: float = agent.CONNECT_SECONDS,
    mounts: Mapping[str, httpx2.AsyncBaseTransport | None] | None = None,
) -> httpx2.AsyncClient:
    """Make the client that goes where the feed at `own` leads. Reads the system's authorities at first.

    `seconds` bound each of its waits but the one for a connection. `mounts` are transports for what does not
    go by the guard.
    """
    # No connection is kept: they are known by address, and two hosts may share one.
    limits = httpx2.Limits(max_keepalive_connections=0)
    inner = httpx2.AsyncHTTPTransport(verify=agent.tls(), limits=limits)
    return httpx2.AsyncClient(
        headers=agent.headers(contact_url, accept),
        timeout=httpx2.Timeout(seconds, connect=agent.CONNECT_SECONDS),
        follow_redirects=False,  # each target is looked at first
        transport=Guarded(inner, own=own),
        mounts=mounts,
    )


def _place(url: str) -> tuple[str, frozenset[int]]:
    """Give a feed's host, and its port: of the two ordinary ones either, since sites move to https."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", frozenset()
    ordinary = frozenset(_DEFAULT_PORTS.values())
    return parts.hostname or "", ordinary if port in ordinary else frozenset({port})


def _alternating(found: Sequence[str]) -> list[str]:
    """Give addresses with the two families by turns: where one of them leads nowhere, the other is next."""
    first = [address for address in found if (":" in address) == (":" in found[0])]
    other = [address for address in found if address not in first]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def addresses(host: str) -> list[str]:
    """Look a host up, in the system's order. Raises httpx2.ConnectError."""
    if not host:
        return []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise httpx2.ConnectError(f"{host} is not known: {exc}") from exc
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
