import asyncio
import signal
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from plain import PLAIN

from digest.errors import DigestError
from digest.web.server import listen, serve


def echo() -> FastAPI:
    """Answers with the visitor's address; `/slow` with a stream that never ends by itself."""
    made = FastAPI()

    @made.get("/")
    def who(request: Request) -> str:
        assert request.client is not None
        return request.client.host

    @made.get("/slow")
    def slow() -> StreamingResponse:
        async def forever() -> AsyncIterator[bytes]:
            while True:
                yield b"."
                await asyncio.sleep(0.05)

        return StreamingResponse(forever())

    return made


async def start(stop: asyncio.Event) -> tuple[asyncio.Task[None], str]:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(echo(), "127.0.0.1", 0, stop=stop, started=started.set_result, patience=1)
    )
    return task, await started


async def test_it_tells_where_it_listens_and_stops_when_told() -> None:
    stop = asyncio.Event()
    task, url = await start(stop)
    async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
        assert (await client.get(url)).json() == "127.0.0.1"
    stop.set()
    await asyncio.wait_for(task, 20)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


async def test_it_stops_even_where_a_client_hangs_on() -> None:
    stop = asyncio.Event()
    task, url = await start(stop)
    async with (
        httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client,
        client.stream("GET", f"{url}/slow") as answer,
    ):
        chunks = answer.aiter_bytes()
        await anext(chunks)
        stop.set()
        with pytest.raises(httpx2.HTTPError):
            async for _ in chunks:
                pass
        await asyncio.wait_for(task, 20)


async def test_signals_stay_with_the_service() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    stop = asyncio.Event()
    task, _ = await start(stop)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    stop.set()
    await task


async def test_a_proxy_on_this_machine_names_the_visitor() -> None:
    stop = asyncio.Event()
    task, url = await start(stop)
    async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
        answer = await client.get(url, headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    assert answer.json() == "203.0.113.9"
    stop.set()
    await task


async def test_a_taken_port_is_said_in_one_sentence() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DigestError, match=rf"Port {port} on 127\.0\.0\.1 is taken.*\[web\] port"):
            await serve(echo(), "127.0.0.1", port, stop=asyncio.Event())


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
def test_an_address_that_is_not_ours_is_said_in_one_sentence(host: str) -> None:
    with pytest.raises(DigestError, match=r"\[web\] host"):
        listen(host, 0)


def test_a_name_with_both_is_listened_on_as_ipv4() -> None:
    with listen("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_no_answer_waits_for_its_beginning_to_be_acknowledged() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
