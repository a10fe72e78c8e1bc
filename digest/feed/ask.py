"""Asks for one page over HTTP: a feed's further one, an article's own. Whatever happens becomes an answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx2

from digest.feed import agent, reasons
from digest.feed.urls import absolute, public

MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""The two that say that nothing is there; every other one says that something is wrong."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a page answered. `status` 0 means nothing, told by `reason`; 200 with a reason, too much."""

    url: str
    """Where it was found at last."""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = field(default=b"", repr=False)
    reason: str = ""
    """One sentence wherever the page did not come."""

    @property
    def came(self) -> bool:
        """Whether there is a page."""
        return self.status == HTTPStatus.OK and not self.reason


async def ask(
    client: httpx2.AsyncClient, url: str, *, method: str = "GET", seconds: float, most: int, cut: bool = False
) -> Answer:
    """Ask once, for `seconds` and `most` bytes at most (decompressed); a longer body is refused, or `cut`."""
    try:
        async with asyncio.timeout(seconds):
            return await _asked(client, url, method=method, most=most, cut=cut)
    except TimeoutError:
        return Answer(url=url, reason=f"{public(url)} took longer than {seconds:g} seconds.")
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, UnicodeError) as exc:
        return Answer(url=url, reason=reasons.of_loss(url, exc))


async def _asked(client: httpx2.AsyncClient, url: str, *, method: str, most: int, cut: bool) -> Answer:
    here = absolute(url, "")
    for _ in range(agent.MOST_REDIRECTS + 1):
        if not here:
            return Answer(url=url, reason=f"{public(url)} leads to no http or https address.")
        async with client.stream(method, here) as response:
            if response.status_code not in agent.REDIRECTS:
                return await _answer(response, here, most=most, cut=cut)
            here = absolute(response.headers.get("location", ""), here)
    return Answer(url=url, reason=f"{public(url)} redirects more than {agent.MOST_REDIRECTS} times.")


async def _answer(response: httpx2.Response, url: str, *, most: int, cut: bool) -> Answer:
    status = response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    if status != HTTPStatus.OK:
        return Answer(url=url, status=status, headers=headers, reason=f"{public(url)} answers {status}.")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            if cut:
                break
            reason = f"{public(url)} is larger than {most // 1024**2} MiB."
            return Answer(url=url, status=status, headers=headers, reason=reason)
    return Answer(url=url, status=status, headers=headers, body=bytes(body[:most]))
