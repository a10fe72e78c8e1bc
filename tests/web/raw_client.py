"""A client that says what no library would: octets on a connection of its own."""

import asyncio
from contextlib import suppress


class _Ear(asyncio.Protocol):
    """Hears everything, also where the connection is then reset."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, _exc: Exception | None) -> None:
        self.over.set_result(None)


def port_of(base: str) -> int:
    return int(base.rpartition(":")[2])


async def said(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """Everything that is answered to what is sent piece by piece, until the server ends the connection."""
    transport, ear = await asyncio.get_running_loop().create_connection(_Ear, "127.0.0.1", port)
    try:
        for piece in pieces:
            transport.write(piece)
            await asyncio.wait({ear.over}, timeout=pause)
        with suppress(ConnectionError):
            await asyncio.wait_for(asyncio.shield(ear.over), 10)
        return bytes(ear.heard)
    finally:
        transport.abort()
