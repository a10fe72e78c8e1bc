"""Fetches a feed over HTTP. Whatever a server does becomes an outcome; nothing it does raises.

Knows nothing of what a feed says: it only tells one from a page. Stores nothing: the caller keeps the
validators of an outcome once it could use the body, and keeps the old ones on any failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus

import httpx2

from digest.feed import reasons
from digest.feed.follow import Refused, follow
from digest.feed.guard import guarded_client
from digest.feed.proxies import mounts
from digest.feed.sniff import Kind, is_whole, kind
from digest.feed.urls import public

# Seconds.
FETCH_SECONDS = 30.0
# Bytes, decompressed. A gzip of 194 kB became 200 MB; ten full posts are under 1 MB.
MOST_BYTES = 15 * 1024 * 1024
_GOOD = frozenset({HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION})
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What makes the next fetch conditional, verbatim as the server sent it (quotes and `W/` included)."""

    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    """SHA-256 of the last body, in hex."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A body that looks like a feed. `headers` have lower-case names, `url` is where it was found."""

    body: bytes
    headers: Mapping[str, str]
    url: str
    validators: Validators
    permanent_url: str | None = None
    """Where 301 and 308 led, None where the address still stands. 302 and 307 never move it."""


@dataclass(frozen=True, kw_only=True)
class NotModified:
    """The feed is as it was. `validators` are those to send next."""

    url: str
    validators: Validators = field(default_factory=Validators)
    permanent_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Gone:
    """410: the feed was taken down for good."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """No feed came. `reason` is a sentence that says what an operator can do."""

    url: str
    reason: str
    retry_after: float | None = None
    """Seconds that the server asks us to wait, None where it does not say."""
    page: bytes = field(default=b"", repr=False)
    """The web page that came with a good status where a feed was due: it may name the feed."""
    page_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Blocked(Failed):
    """The site turns us away: a challenge for browsers, a ban, "too often". It has to let us in."""


Outcome = Fetched | NotModified | Gone | Failed


def client(contact_url: str, own: str) -> httpx2.AsyncClient:
    """Make the client for fetching the feed of a site at `own`, the address that the operator gave.

    It leads to that and to public addresses alone. Where a proxy of the environment's is named for a scheme,
    that one looks names up itself. Sites' operators find us at `contact_url` if we are a nuisance.
    """
    return guarded_client(contact_url, own, accept=_ACCEPT, seconds=FETCH_SECONDS, mounts=mounts())


async def fetch(
    client: httpx2.AsyncClient,
    url: str,
    validators: Validators,
    *,
    now: datetime,
    conditional: bool = True,
    seconds: float = FETCH_SECONDS,
) -> Outcome:
    """Fetch a feed. `now` (aware) gives a Retry-After date its meaning; `seconds` bounds the whole.

    Unconditional, it sends no validators: a 304 can hide a trashed post, a late scheduled one, an edit.
    """
    sent = validators if conditional else Validators()
    try:
        async with follow(client, url, seconds=seconds, headers=_conditions(sent)) as (response, moved):
            return await _judged(response, url=url, sent=sent, stored=validators, moved=moved, now=now)
    except Refused as refused:
        return Failed(url=url, reason=str(refused))


def _conditions(sent: Validators) -> dict[bytes, bytes]:
    """Give the conditional headers (RFC 9110, 13.1), as the bytes that came."""
    headers = {b"If-None-Match": sent.etag, b"If-Modified-Since": sent.last_modified}
    return {name: value.encode("latin-1", "replace") for name, value in headers.items() if value}


async def _judged(
    response: httpx2.Response,
    *,
    url: str,
    sent: Validators,
    stored: Validators,
    moved: str | None,
    now: datetime,
) -> Outcome:
    status = response.status_code
    if status == HTTPStatus.GONE:
        return Gone(url=url)
    if status == HTTPStatus.NOT_MODIFIED and (sent.etag or sent.last_modified):
        return NotModified(url=url, validators=sent, permanent_url=moved)
    if status not in _GOOD:
        return _failed(url, response, reasons.of_status(response), now)
    body = await _body(response)
    found = kind(body)
    if found not in {Kind.XML, Kind.JSON} or not is_whole(body):
        failed = _failed(url, response, reasons.of_body(response, found, body), now, body)
        return replace(failed, page=body, page_url=str(response.url)) if found is Kind.PAGE else failed
    new = Validators(
        etag=_raw(response, b"etag"),
        last_modified=_raw(response, b"last-modified"),
        body_hash=sha256(body).hexdigest(),
    )
    dropped = bool(stored.last_modified and stored.body_hash and not stored.etag)
    if new.body_hash == sent.body_hash and (sent.etag or sent.last_modified):
        # A front server that compresses rewrites the ETag and then never recognises it: from here on
        # Last-Modified goes alone, and its 304 comes.
        return NotModified(url=url, validators=replace(new, etag=""), permanent_url=moved)
    return Fetched(
        body=body,
        headers={name.lower(): value for name, value in response.headers.items()},
        url=str(response.url),
        validators=replace(new, etag="") if dropped and new.last_modified else new,
        permanent_url=moved,
    )


def _failed(url: str, response: httpx2.Response, reason: str, now: datetime, page: bytes = b"") -> Failed:
    outcome = Blocked if reasons.turned_away(response, page) else Failed
    return outcome(url=url, reason=reason, retry_after=reasons.wait(response, now))


async def _body(response: httpx2.Response) -> bytes:
    """Read the body, decompressed piece by piece, and stop at the limit."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            where = f"{public(str(response.url))} is larger than {MOST_BYTES // 1024**2} MiB"
            raise Refused(f"{where}; have the site list fewer items.")
        pieces.append(piece)
    return b"".join(pieces)


def _raw(response: httpx2.Response, name: bytes) -> str:
    """Give a header byte for byte: an ETag may hold any of 0x80 to 0xFF (RFC 9110, 8.8.3)."""
    return next((value.decode("latin-1") for key, value in response.headers.raw if key.lower() == name), "")
