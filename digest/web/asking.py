"""Asks a mail service for its certificate, or to confirm. Which addresses are its, the caller knows."""

import asyncio

import httpx2

SECONDS = 10.0
"""For one answer. A service waits meanwhile."""
MOST_OCTETS = 64 * 1024
"""A certificate with those that vouch for it has 6 kB."""


class UnansweredError(Exception):
    """Nothing of use came. Says what, in a few words."""


async def get(client: httpx2.AsyncClient, url: str) -> bytes:
    """Give the body of a good answer. Raises UnansweredError for anything else, a redirect too."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS), client.stream("GET", url) as response:
            if not response.is_success:
                raise UnansweredError(f"HTTP {response.status_code}")
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MOST_OCTETS:
                    raise UnansweredError("too long")
    except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as exc:
        raise UnansweredError(type(exc).__name__) from exc
    return bytes(body)
