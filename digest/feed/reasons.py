"""Why no feed came, in one sentence that says what an operator can do; and how long the site asks to wait."""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2

from digest.feed.sniff import Kind
from digest.feed.urls import public

# Seconds. A site that asks us to wait for longer than a day has made a mistake.
_LONGEST_WAIT = 86_400.0
_CHALLENGES = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def of_status(response: httpx2.Response) -> str:
    """Say why a status brings no feed."""
    status, url = response.status_code, public(str(response.url))
    page = "html" in response.headers.get("content-type", "")
    agent = response.request.headers.get("user-agent", "")
    if status in _CHALLENGES and (page or "cf-mitigated" in response.headers):
        return (
            f"{url} answers {status} with a page, perhaps a challenge for browsers;"
            f" allow the user agent {agent!r} in the site's firewall or bot protection."
        )
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return (
            f"{url} answers {status}; allow the user agent {agent!r}, or give the address with its password."
        )
    if status == HTTPStatus.NOT_FOUND:
        return f"{url} answers 404: nothing is there; correct the feed's address."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"{url} answers 429: it was asked too often; it will be asked again later."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{url} answers {status}: the site has an error of its own; see its log."
    return f"{url} answers {status}, which is no feed; open it in a browser to see why."


def of_body(response: httpx2.Response, found: Kind) -> str:
    """Say what came with a good status in place of a feed."""
    url = public(str(response.url))
    if found is Kind.EMPTY:
        return f"{url} answers 200 with nothing in it; see the site's log for an error."
    if found is Kind.PAGE:
        return (
            f"{url} is a web page where a feed was due: a challenge, an error page, or the site's"
            " own address; open it in a browser, and give the feed's address."
        )
    return f"{url} is neither a feed nor a page; open it in a browser to see what it says."


def of_loss(url: str, exc: Exception) -> str:
    """Say what became of a connection."""
    url = public(url)
    said = str(exc) or type(exc).__name__
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"{url} has no valid certificate ({said}); renew it, or correct the address."
        cause = cause.__cause__ or cause.__context__
    match exc:
        case httpx2.TimeoutException():
            return f"{url} did not answer in time; see whether the site is up."
        case httpx2.ConnectError():
            return f"{url} cannot be reached ({said}); see whether the site is up and the address is right."
        case httpx2.DecodingError():
            return f"{url} sends a damaged compression ({said}); see the site's cache or proxy."
        case httpx2.RemoteProtocolError() | httpx2.ReadError():
            return f"{url} was cut off or is no HTTP ({said}); see the site's server or proxy."
        case _:
            return f"{url} cannot be fetched ({said}); correct the feed's address."


def wait(response: httpx2.Response, now: datetime) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3): seconds or a date."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), _LONGEST_WAIT)
    try:
        due = parsedate_to_datetime(value)
        due = due.replace(tzinfo=UTC) if due.tzinfo is None else due
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max((due - now).total_seconds(), 0.0), _LONGEST_WAIT)
