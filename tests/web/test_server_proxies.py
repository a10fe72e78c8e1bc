"""Whom the server believes who a visitor is."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI, Request
from plain import PLAIN

from digest.web.server import believed, serve


@asynccontextmanager
async def standing(*proxies: str, host: str = "127.0.0.1") -> AsyncIterator[httpx2.AsyncClient]:
    """A server that says whom it has seen, by which scheme."""
    made = FastAPI()

    @made.get("/")
    def who(request: Request) -> str:
        assert request.client is not None
        return f"{request.scope['scheme']} {request.client.host}"

    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(made, host, 0, stop=stop, started=started.set_result, proxies=proxies))
    try:
        port = (await started).rpartition(":")[2]
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=PLAIN
        ) as client:
            yield client
    finally:
        stop.set()
        await task


async def seen(client: httpx2.AsyncClient, forwarded: Iterable[str], proto: str = "https") -> str:
    headers = [("X-Forwarded-For", one) for one in forwarded] + [("X-Forwarded-Proto", proto)]
    return str((await client.get("/", headers=headers)).json())


async def test_nobody_but_a_proxy_says_who_the_visitor_is() -> None:
    for proxies in ((), ("192.0.2.1",), ("10.0.0.0/8", "::1")):
        async with standing(*proxies) as client:
            assert await seen(client, ["203.0.113.9"]) == "http 127.0.0.1"


async def test_what_a_visitor_has_written_before_the_proxy_is_not_believed() -> None:
    async with standing("127.0.0.1") as client:
        assert await seen(client, ["198.51.100.7, 203.0.113.9"]) == "https 203.0.113.9"
        assert await seen(client, ["198.51.100.7", "203.0.113.9"]) == "https 203.0.113.9"
        assert await seen(client, ["127.0.0.1, 203.0.113.9, 127.0.0.1"]) == "https 203.0.113.9"
        assert await seen(client, ["203.0.113.9"], "javascript") == "http 203.0.113.9"


async def test_a_row_of_proxies_is_gone_through_by_their_networks() -> None:
    async with standing("127.0.0.0/8", "10.0.0.0/8") as client:
        assert await seen(client, ["198.51.100.7, 203.0.113.9, 10.1.2.3"]) == "https 203.0.113.9"


async def test_a_proxy_is_known_on_a_socket_of_both_kinds_too() -> None:
    async with standing("127.0.0.1", host="::") as client:
        assert await seen(client, ["203.0.113.9"]) == "https 203.0.113.9"


@pytest.mark.parametrize(
    ("proxy", "names"),
    [
        ("127.0.0.1", ["127.0.0.1/32", "::ffff:7f00:1/128"]),
        ("10.0.0.0/8", ["10.0.0.0/8", "::ffff:a00:0/104"]),
        ("2001:db8::/32", ["2001:db8::/32"]),
    ],
)
def test_a_proxy_of_ipv4_is_known_by_both_its_names(proxy: str, names: list[str]) -> None:
    assert [name.replace("10.0.0.0/104", "a00:0/104") for name in believed([proxy])] == names
