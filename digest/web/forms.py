"""Reads what a POST asks for: a mail client's one click (RFC 8058) or a button of our own pages.

Knows no reader and no page. What it does not recognise it refuses, so that nothing happens by accident.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

BODY_OCTETS = 64 * 1024
"""One click takes 26 octets, or some 200 as multipart: nothing honest comes near this."""

BODY_SECONDS = 15
"""How long a body may take to arrive, so that nobody holds a connection open with a trickle."""

FIELDS = 60
"""How many fields a body may have: a box for each newsletter is one."""


class Act(Enum):
    """What a reader asks for."""

    ONE_CLICK = "one-click"
    LEAVE = "leave"
    RETURN = "return"
    REASON = "reason"
    """To say why one has left."""
    RARER = "rarer"
    """To get a newsletter that comes less often instead."""
    SAVE = "save"
    """To get the newsletters whose boxes are ticked, and no other."""
    PAUSE = "pause"
    RESUME = "resume"
    LINK = "link"
    """To be mailed the link to one's own page."""
    LANGUAGE = "language"
    ADDRESS = "address"
    CHANGE = "change"
    """To confirm a new address."""
    DELETE = "delete"
    """To be asked whether everything is to be erased."""
    ERASE = "erase"
    DATA = "data"


LEAVING = (Act.LEAVE, Act.RETURN, Act.REASON, Act.RARER)
"""What the page of an unsubscribe link has buttons for."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """An act, and the fields that came with it."""

    act: Act
    fields: Sequence[tuple[str, str]] = ()

    def one(self, name: str) -> str:
        """Give a field's value, stripped; empty where there is none."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> tuple[str, ...]:
        """Give all values of a field, stripped."""
        return tuple(value.strip() for key, value in self.fields if key.strip().lower() == name)


class FormError(Exception):
    """A body that cannot be read or asks for nothing known; `status` is HTTP's, `problem` the page's."""

    def __init__(self, problem: str, status: int) -> None:
        self.problem = problem
        self.status = status
        super().__init__(problem)


UNCLEAR = ("unclear", 400)


def asked(fields: Iterable[tuple[str, str]], among: Collection[Act] = LEAVING) -> Act:
    """Decide which act a form's fields ask for.

    The one click wins where leaving is among the acts: RFC 8058, section 3.1, names it alone. Raises
    FormError where they ask for nothing that we know.
    """
    said = {(name.strip().lower(), value.strip().lower()) for name, value in fields}
    if among is LEAVING and ("list-unsubscribe", "one-click") in said:
        return Act.ONE_CLICK
    acts = [act for act in among if ("act", act.value) in said]
    if len(acts) != 1:
        raise FormError(*UNCLEAR)
    return acts[0]


async def read(request: Request, among: Collection[Act] = LEAVING, *, public_url: str = "") -> Form:
    """Read a request's body and decide what it asks for.

    Raises FormError, also where a browser says that another site's page sends it. The one click comes from
    anywhere (RFC 8058, section 3.2).
    """
    said = await fields(request)
    form = Form(act=asked(said, among), fields=said)
    if form.act is not Act.ONE_CLICK and foreign(request, public_url):
        raise FormError("unclear", 403)
    return form


def foreign(request: Request, public_url: str = "") -> bool:
    """Tell whether a browser says that another site's page has sent a request.

    Our own pages, which ask for no Referer, have browsers send `Origin: null` (Fetch, section 3.2): so what
    Sec-Fetch-Site says counts, where it is said.
    """
    if request.headers.get("sec-fetch-site", "").lower() in ("cross-site", "same-site"):
        return True
    origin = request.headers.get("origin", "null")
    ours = {request.headers.get("host", "").lower(), urlsplit(public_url).netloc.lower()}
    return origin != "null" and urlsplit(origin).netloc.lower() not in ours - {""}


async def fields(request: Request) -> list[tuple[str, str]]:
    """Read the fields of a request's body, in their order. Raises FormError.

    Both encodings of RFC 8058 are read; a client that names neither means the plain one.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(request)
            if request.headers.get("content-type", "").lower().lstrip().startswith("multipart/"):
                return await _multipart(request, body)
    except TimeoutError as exc:
        raise FormError("unclear", 408) from exc
    except ClientDisconnect as exc:
        raise FormError(*UNCLEAR) from exc
    try:
        return parse_qsl(body.decode(), max_num_fields=FIELDS)
    except ValueError as exc:
        raise FormError(*UNCLEAR) from exc


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_OCTETS:
            raise FormError("unclear", 413)
    return bytes(body)


async def _multipart(request: Request, body: bytes) -> list[tuple[str, str]]:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, chunks(), max_files=FIELDS, max_fields=FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        raise FormError(*UNCLEAR) from exc
    found = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    return found
