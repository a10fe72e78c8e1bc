"""What is asked of a mail service, over real sockets."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import Request
from hook_site import desk_of
from plain import PLAIN
from starlette.exceptions import HTTPException
from starlette.types import Message

from digest.store.database import Store
from digest.web.asking import MOST_OCTETS, UnansweredError, get
from digest.web.desk import hooks
from digest.web.gates import READ_AT_ONCE, Apart
from digest.web.hooks import Room


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says one thing to everybody; gives its URL."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x.pem"


def http(status: str, body: bytes = b"", head: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )


async def test_a_good_answer_is_given_and_no_other() -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
        async with answering(http("200 OK", b"a certificate")) as url:
            assert await get(client, url) == b"a certificate"
        for answer in (
            http("404 Not Found"),
            http("302 Found", head="Location: https://evil.example/\r\n"),
            http("200 OK", b"x" * (MOST_OCTETS + 1)),
            b"nothing of HTTP\r\n\r\n",
        ):
            async with answering(answer) as url:
                with pytest.raises(UnansweredError):
                    await get(client, url)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_hook_leads_into_no_network_of_ours(store: Store, tmp_path: Path) -> None:
    async with answering(http("200 OK", b"a secret of this machine")) as url:
        with pytest.raises(UnansweredError, match="PrivateAddressError"):
            await hooks(desk_of(store, tmp_path)).ask(url)


async def test_bodies_have_so_much_room_and_give_it_back() -> None:
    def request(*pieces: bytes) -> Request:
        left = list(pieces)

        async def receive() -> Message:
            body = left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(left)}

        return Request({"type": "http", "headers": []}, receive)

    room = Room(7, most=10)
    async with room.body(request(b"12", b"345")) as body:
        assert body == b"12345"
        with pytest.raises(HTTPException) as refused:
            async with room.body(request(b"1234", b"56")):
                pass
        assert refused.value.status_code == 503
        async with room.body(request(b"12345")) as another:
            assert another == b"12345"
    with pytest.raises(HTTPException) as refused:
        async with room.body(request(b"12345", b"678")):
            pass
    assert refused.value.status_code == 413
    async with room.body(request(b"1234567")) as whole:
        assert len(whole) == 7


async def test_so_many_bodies_are_taken_apart_at_a_time() -> None:
    apart, loop, started = Apart(), asyncio.get_running_loop(), asyncio.Queue[int]()
    go, running, most = threading.Event(), set[int](), 0

    def read(body: int) -> None:
        nonlocal most
        running.add(body)
        most = max(most, len(running))
        loop.call_soon_threadsafe(started.put_nowait, body)
        go.wait(30)
        running.discard(body)

    async with asyncio.TaskGroup() as reading:
        for body in range(READ_AT_ONCE + 1):
            reading.create_task(apart.run(read, body))
        for _ in range(READ_AT_ONCE):
            await started.get()
        go.set()
    assert most == READ_AT_ONCE
