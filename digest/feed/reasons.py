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
# Digits of a number of seconds, that of a month being seven.
_LONGEST_NUMBER = 9

_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
# With a page these are a challenge, or maintenance; without one the site is in trouble of its own.
_WITH_PAGE = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE})
_SAID: dict[int, str] = {
    HTTPStatus.NOT_MODIFIED: " to a question that had no condition; see the site's cache or proxy",
    HTTPStatus.NOT_FOUND: ": nothing is there; correct the feed's address",
}
# What Cloudflare, AWS and SiteGround say of their challenges.
_CHALLENGE_HEADERS = ("cf-mitigated", "x-amzn-waf-action", "sg-captcha")
# And what the first and the last write into the page, whatever its status.
_CHALLENGE_PAGE = re.compile(rb"_cf_chl_opt|/\.well-known/sgcaptcha", re.IGNORECASE)
# Bytes: a challenge is a short page.
_CHALLENGE_SIZE = 65_536


def turned_away(response: httpx2.Response, page: bytes = b"") -> bool:
    """Tell a site that refuses us from one that is in trouble itself."""
    status = response.status_code
    return status in _REFUSALS or (status in _WITH_PAGE and _is_page(response)) or challenged(response, page)


def challenged(response: httpx2.Response, page: bytes = b"") -> bool:
    """Tell a challenge that only a browser passes, by what its makers say of it."""
    if any(name in response.headers for name in _CHALLENGE_HEADERS):
        return True
    return _CHALLENGE_PAGE.search(page[:_CHALLENGE_SIZE]) is not None


def of_status(response: httpx2.Response) -> str:
    """Say why a status brings no feed."""
    status = response.status_code
    if turned_away(response):
        said = _refusal(response)
    elif status in _SAID:
        said = _SAID[status]
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        said = ": the site has an error of its own; see its log"
    else:
        said = ", which is no feed; open it in a browser to see why"
    return f"{public(str(response.url))} answers {status}{said}."


def _refusal(response: httpx2.Response) -> str:
    status, let_in = response.status_code, _let_in(response)
    if challenged(response):
        return f" with a challenge for browsers; {let_in}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f": it was asked too often; if it lasts, {let_in}"
    if status in _WITH_PAGE:
        return f" with a page: maintenance, or a challenge for browsers; if it lasts, {let_in}"
    if _is_page(response):
        return f" with a page, perhaps a challenge for browsers; {let_in}"
    return f"; {let_in}, or give the address with its password"


def of_body(response: httpx2.Response, found: Kind, body: bytes) -> str:
    """Say what came with a good status in place of a feed."""
    url = public(str(response.url))
    if found is Kind.EMPTY:
        return f"{url} answers 200 with nothing in it; see the site's log for an error."
    if found is Kind.XML:
        return f"{url} was cut off: the feed's end is missing; see the site's log, its cache or proxy."
    if challenged(response, body):
        return f"{url} answers with a challenge for browsers; {_let_in(response)}."
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
    """Read Retry-After (RFC 9110, 10.2.3) in seconds: at most a day, None where it says nothing.

    A date is measured by the site's own clock where it tells it (Date, and the Age that the answer spent
    in a cache since: RFC 9111, 5.1), because ours may differ.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value), _LONGEST_WAIT) if len(value) <= _LONGEST_NUMBER else _LONGEST_WAIT
    due, there = _date(value), _date(response.headers.get("date", ""))
    if due is None:
        return None
    age = response.headers.get("age", "").strip()
    passed = int(age) if there and re.fullmatch(r"[0-9]{1,9}", age) else 0
    return min(max((due - (there or now)).total_seconds() - passed, 0.0), _LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _is_page(response: httpx2.Response) -> bool:
    return "html" in response.headers.get("content-type", "").lower()


def _let_in(response: httpx2.Response) -> str:
    agent = response.request.headers.get("user-agent", "")
    return f"allow the user agent {agent!r} in the site's firewall or bot protection"
