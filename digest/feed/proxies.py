"""The environment's proxies on the way to a site: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY."""

import ipaddress
from collections.abc import Mapping
from urllib.request import getproxies

import httpx2

from digest.feed import agent

_SCHEMES = ("http", "https", "all")


def mounts() -> Mapping[str, httpx2.AsyncBaseTransport | None]:
    """Give the transports of a client's that lead through a proxy, by what they are for.

    Each is for its own scheme. A host of NO_PROXY has None: it is left to the client's own transport, as is
    every scheme for which no proxy is named. The names of that variable are understood as httpx2 does.
    """
    named = getproxies()
    without = [host.strip() for host in named.get("no", "").split(",")]
    if "*" in without:
        return {}
    by_scheme = {f"{scheme}://": _through(named[scheme]) for scheme in _SCHEMES if named.get(scheme)}
    return by_scheme | {pattern: None for host in without if by_scheme and (pattern := _pattern(host))}


def _through(proxy: str) -> httpx2.AsyncBaseTransport:
    return httpx2.AsyncHTTPTransport(verify=agent.tls(), proxy=proxy if "://" in proxy else f"http://{proxy}")


def _pattern(host: str) -> str:
    """Give the pattern of what an entry of NO_PROXY names, empty where that cannot be read.

    `.ledger.example` means what is below it, `ledger.example` that and itself.
    """
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError:
        pattern = _named(host)
    else:
        address, mark, length = host.partition("/")
        pattern = f"all://{address if network.version == 4 else f'[{address}]'}{mark}{length}"  # noqa: PLR2004 - IPv4
    try:
        httpx2.URL(pattern)
    except httpx2.InvalidURL:
        return ""
    return pattern


def _named(host: str) -> str:
    if "://" in host:
        return host
    if not host or "/" in host:
        return ""
    return (
        f"all://{host}" if host.lower() == "localhost" or host.startswith(("[", "*.")) else f"all://*{host}"
    )
