"""Stands before the application: refuses what is too big, too often or for another host; logs each answer.

Knows which address is a robot's business and no more of what the pages do. It keeps nothing but counts, of
the last minute.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.config.values import is_loopback
from digest.signup import network
from digest.web.dress import HEADERS, Dress
from digest.web.gates import BATCH_OCTETS
from digest.web.pages import Pages
from digest.web.problems import problem

log = structlog.get_logger()

API = "/api"
"""Under which path the site's software is answered."""

HOOKS = "/hooks"
"""Under which path mail services tell what came back, all of an issue's at once."""

ONE_CLICK = "/u/"
"""Where mail providers post for their users, many from one address: never too often (RFC 8058)."""

FORM_OCTETS, API_OCTETS = 64 * 1024, 256 * 1024
"""The largest body of a page's form, and of the API. Each hook has a limit of its own."""

MINUTE = 60.0
VISITORS = 100_000
"""How many addresses are counted at a time: about 15 MB."""

UNKNOWN = "-"


class Refusal(Enum):
    """Why a request is not passed on, with HTTP's status (RFC 9110 15.5, RFC 6585 4)."""

    TWO_LENGTHS = HTTPStatus.BAD_REQUEST
    """A length besides chunks: one server reads one request where another reads two (RFC 9112 6.1)."""
    TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ELSEWHERE = HTTPStatus.MISDIRECTED_REQUEST
    TOO_OFTEN = HTTPStatus.TOO_MANY_REQUESTS


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is let through."""

    public_url: str = ""
    hosts: Sequence[str] = ()
    """Those that are answered for besides that of `public_url` and this computer; none: all."""
    hsts_days: int = 0
    posts_a_minute: int = 120

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer carries."""
        if not self.hsts_days or not self.public_url.startswith("https:"):
            return HEADERS
        seconds = int(timedelta(days=self.hsts_days).total_seconds())
        return HEADERS | {"Strict-Transport-Security": f"max-age={seconds}"}

    def answers(self, host: str) -> bool:
        """Whether a Host header (RFC 9110 7.2) names one that is answered for."""
        if not self.hosts:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        known = {urlsplit(self.public_url).hostname, *(one.lower() for one in self.hosts)}
        return name in known or is_loopback(name)


@dataclass(kw_only=True)
class Often:
    """Counts what comes in the running minute, by who sends it."""

    most: int
    _counts: Counter[str] = field(default_factory=Counter)
    _until: float = 0.0

    def count(self, who: str) -> bool:
        """Count one more; say whether that is within the limit. Whoever cannot be counted any more is not."""
        now = time.monotonic()
        if now >= self._until:
            self._counts.clear()
            self._until = now + MINUTE
        if who not in self._counts and len(self._counts) >= VISITORS:
            return False
        self._counts[who] += 1
        return self._counts[who] <= self.most

    def is_over(self, who: str) -> bool:
        """Say whether the limit has been passed, counting nothing."""
        return time.monotonic() < self._until and self._counts[who] > self.most


def visitor(scope: Scope) -> str:
    """Give whom to count: an IPv4 address, or a /56 of IPv6, which is one customer's (RIPE-690)."""
    client = scope.get("client")
    address, net = network(client[0] if client else "")
    return net if ":" in address else address


class Guard:
    """An ASGI application before another. `refuse` makes the answer to a request that goes no further."""

    def __init__(self, app: ASGIApp, rules: Rules, refuse: Callable[[Scope, Refusal], Response]) -> None:
        self._app, self._rules, self._refuse = app, rules, refuse
        self._headers = [*rules.headers.items()]
        self._posts = Often(most=rules.posts_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started, status = time.perf_counter(), 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._pass_on(scope, receive, dressed)
        finally:
            log.info(
                "web.answered",
                # A path may hold a reader's token: what is logged is the route's template.
                route=_route(scope),
                method=scope["method"],
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = _most(scope)
        refusal = self._refusal(scope, most)
        if refusal is not None:
            await self._refuse(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, _limited(receive, most), send)

    def _refusal(self, scope: Scope, most: int) -> Refusal | None:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers and "content-length" in headers:
            return Refusal.TWO_LENGTHS
        if not self._rules.answers(headers.get("host", "")):
            return Refusal.ELSEWHERE
        length = headers.get("content-length", "0")
        # h11 has seen to it that it is a number.
        if int(length) > most:
            return Refusal.TOO_LARGE
        counted = scope["method"] == "POST" and not (
            is_software(scope) or scope["path"].startswith(ONE_CLICK)
        )
        if counted and not self._posts.count(visitor(scope)):
            return Refusal.TOO_OFTEN
        return None


def guarded(app: ASGIApp, pages: Pages, clothes: Dress) -> ASGIApp:
    """Stand before the application of a site's pages, and refuse in their dress."""

    def refuse(scope: Scope, refusal: Refusal) -> Response:
        status = refusal.value
        # Whatever follows on the same connection may be the first one's body.
        headers = {"Connection": "close"} if refusal is Refusal.TWO_LENGTHS else {}
        if is_software(scope):
            return problem(status, "The request is not answered.", headers)
        shown = "unclear"
        if refusal is Refusal.TOO_OFTEN:
            shown, headers = "often", {"Retry-After": str(round(MINUTE))}
        return clothes.problem(shown, status, headers)

    rules = Rules(
        public_url=pages.public_url,
        hosts=pages.hosts,
        hsts_days=pages.hsts_days,
        posts_a_minute=pages.posts_a_minute,
    )
    return Guard(app, rules, refuse)


def is_software(scope: Scope) -> bool:
    """Whether a request is software's: of the site, or of a mail service."""
    return _is_under(scope, API) or _is_under(scope, HOOKS)


def _is_under(scope: Scope, root: str) -> bool:
    path: str = scope["path"]
    return path == root or path.startswith(f"{root}/")


def _most(scope: Scope) -> int:
    """Give the octets that a request's body may have."""
    if _is_under(scope, HOOKS):
        return BATCH_OCTETS
    return API_OCTETS if is_software(scope) else FORM_OCTETS


def _limited(receive: Receive, most: int) -> Receive:
    """Give a body only so long as it is within its limit; then whoever reads it gets HTTP's 413."""
    came = 0

    async def limited() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            raise HTTPException(Refusal.TOO_LARGE.value)
        return message

    return limited


def _route(scope: Scope) -> str:
    route = scope.get("route")
    path = getattr(route, "path", "") if route is not None else ""
    return f"{scope.get('root_path', '')}{path}" if path else UNKNOWN
