"""A web server that does on the wire whatever it was told to, however rude; and remembers every request."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

DATA = Path(__file__).parents[1] / "feeds"
FEED = (DATA / "t0.xml").read_bytes()
PAGE = b"<!DOCTYPE html><html><title>The Harbour Ledger</title><p>News</p></html>"
CHALLENGE = (
    b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    b"<noscript>Enable JavaScript and cookies to continue</noscript>"
    b"<script>(function(){window._cf_chl_opt={cvId:'3'};}());</script></body></html>"
)
ETAG = 'W/"e512c91c480577167e04cf91a54ce655"'
MODIFIED = "Tue, 24 Nov 2026 02:33:42 GMT"

Request = dict[str, str]
"""A request's headers by lower-case name, its path as `:path`."""
Deed = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Writes as it likes; the connection ends with it."""
Page = bytes | Deed
"""What a path answers: bytes at once, or a deed."""

# Seconds between two bytes of a trickle.
_DRIP = 0.005


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Give an answer as bytes; `length` lies about the body."""
    return head(f"Content-Length: {len(body) if length is None else length}", *headers, status=status) + body


def head(*headers: str, status: str = "200 OK") -> bytes:
    """Give an answer's head alone. Without a length the body ends with the connection."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def trickle(start: bytes, drop: bytes = b" ") -> Deed:
    """Answer in drops, never long silent and never done."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(_DRIP)

    return deed


def endless(start: bytes, piece: bytes) -> Deed:
    """Answer as fast as the line takes it, without end."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()

    return deed


def torn(start: bytes) -> Deed:
    """Answer with a beginning and reset the connection."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(_DRIP)
        writer.transport.abort()

    return deed


async def silence(writer: asyncio.StreamWriter) -> None:
    """Take the question and say nothing."""
    assert writer is not None
    await asyncio.Event().wait()


class WireSite:
    """Answers by path."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.questions: dict[str, Callable[[Request], bytes]] = {}
        """Paths whose answer depends on the request."""
        self.requests: list[Request] = []
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/feed/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._answer(await self._request(reader), writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines[1:] if line)
        request = {name.lower(): value for name, _, value in pairs} | {":path": lines[0].split(" ")[1]}
        self.requests.append(request)
        return request

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request[":path"]
        if path in self.questions:
            page: Page = self.questions[path](request)
        else:
            page = self.pages.get(path, answer(PAGE, status="404 Not Found"))
        if isinstance(page, bytes):
            writer.write(page)
            await writer.drain()
        else:
            await page(writer)

    async def end(self) -> None:
        """End the deeds that do not end by themselves."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def wire_site() -> AsyncIterator[WireSite]:
    """Serve until the end of the context."""
    site = WireSite()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        await site.end()
        await server.wait_closed()
