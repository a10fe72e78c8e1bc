"""Keeps a feed from leading us into our own network: connects to public addresses alone.

A feed names its articles' pages, and whoever writes a feed may name anything: `http://169.254.169.254/`
hands out a cloud machine's credentials. So a name is looked up here, and the connection goes to an address
that was looked at, not to what a second look-up might give.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx2

from digest.feed import agent

MOST_ADDRESSES = 3
"""Of one host that are tried: a machine without IPv6 takes the second."""

_NOWHERE = (".example", ".invalid")
"""Names that nobody has (RFC 2606, 2): no look-up is worth its time."""
_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
        address = wrapped or address
    return address.is_global and not address.is_multicast


class PrivateAddressError(httpx2.ConnectError):
    """A host that is not the public's."""


class Guarded(httpx2.AsyncBaseTransport):
    """Carries requests to public addresses, and to those of the host `own`, wherever that is."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, *, own: str) -> None:
        self._inner, self._own = inner, own

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of its host that may be asked. Raises httpx2.ConnectError."""
        host = request.url.raw_host.decode("ascii")
        lost: httpx2.ConnectError | None = None
        for address in await self._allowed(host):
            # The name stays in the Host header, and in TLS, which checks the certificate against it.
            name = {} if _is_address(host) else {"sni_hostname": host}
            there = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, **name},
            )
            try:
                return await self._inner.handle_async_request(there)
            except httpx2.ConnectError as exc:
                lost = exc
        raise lost or PrivateAddressError(f"{host} has no public address")

    async def aclose(self) -> None:
        """Close what carries the requests."""
        await self._inner.aclose()

    async def _allowed(self, host: str) -> list[str]:
        if host.rstrip(".").endswith(_NOWHERE):
            raise PrivateAddressError(f"{host} is nobody's")
        found = await _addresses(host)
        allowed = [address for address in found if is_public(address)]
        if found and not allowed:
            own = found if host == self._own else await _addresses(self._own)
            allowed = [address for address in found if address in own]
        return allowed[:MOST_ADDRESSES]


def guarded_client(contact_url: str, feed_url: str) -> httpx2.AsyncClient:
    """Make the client that asks the pages which a feed names. Reads the system's authorities at first."""
    # No connection is kept: they are known by address, and two hosts may share one.
    limits = httpx2.Limits(max_keepalive_connections=0)
    inner = httpx2.AsyncHTTPTransport(verify=agent.tls(), limits=limits)
    return httpx2.AsyncClient(
        headers=agent.headers(contact_url, _ACCEPT),
        timeout=httpx2.Timeout(agent.CONNECT_SECONDS),
        follow_redirects=False,
        transport=Guarded(inner, own=urlsplit(feed_url).hostname or ""),
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _addresses(host: str) -> list[str]:
    if not host:
        return []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise httpx2.ConnectError(f"{host} is not known: {exc}") from exc
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
