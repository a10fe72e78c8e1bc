"""Goes to an address and on to where it redirects. Whatever is in the way becomes one sentence.

Where a target may be is the client's to know: see `guard.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from digest.feed import agent, reasons
from digest.feed.urls import absolute, public


class Refused(Exception):  # noqa: N818 - an outcome on its way, not an error
    """Ends the asking, with a reason that says what an operator can do."""


@asynccontextmanager
async def follow(
    client: httpx2.AsyncClient,
    url: str,
    *,
    seconds: float,
    method: str = "GET",
    headers: Mapping[bytes, bytes] | None = None,
) -> AsyncIterator[tuple[httpx2.Response, str | None]]:
    """Follow redirects to the answer. Gives it, its body unread, and where permanent redirects led.

    `seconds` bound the whole, with what is done inside. Raises Refused.
    """
    try:
        async with asyncio.timeout(seconds):
            here, moved, permanent = absolute(url, ""), None, True
            if not here:
                raise Refused(f"{public(url)} is no http or https address; correct the address.")
            for _ in range(agent.MOST_REDIRECTS + 1):
                async with client.stream(method, here, headers=headers) as response:
                    if response.status_code not in agent.REDIRECTS:
                        yield response, moved
                        return
                    location = response.headers.get("location", "")
                target = absolute(location, here)
                if not target:
                    where = public(location) or "nowhere"
                    raise Refused(f"{public(here)} redirects to {where}, which is no web address.")
                permanent = permanent and response.status_code in agent.PERMANENT
                moved = target if permanent else moved
                here = target
            where = f"{public(url)} redirects more than {agent.MOST_REDIRECTS} times, last to {public(here)}"
            raise Refused(f"{where}; see where it went.")
    except TimeoutError:
        late = f"{public(url)} took longer than {seconds:g} seconds; see whether the site is slow."
        raise Refused(late) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, UnicodeError) as exc:
        raise Refused(reasons.of_loss(url, exc)) from exc
