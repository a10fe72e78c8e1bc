"""Asks for one page over HTTP: a feed's further one, an article's own. Whatever happens becomes an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx2

from digest.feed.follow import Refused, follow
from digest.feed.urls import public

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
        async with follow(client, url, seconds=seconds, method=method) as (response, _):
            return await _answer(response, str(response.url), most=most, cut=cut)
    except Refused as refused:
        return Answer(url=url, reason=str(refused))


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
