"""Reads what a POST asks for: a mail client's one click (RFC 8058) or a button of our own pages.

Knows no reader and no page. What it does not recognise it refuses, so that nothing happens by accident.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from enum import Enum
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

BODY_OCTETS = 64 * 1024
"""One click takes 26 octets, or some 200 as multipart: nothing honest comes near this."""

BODY_SECONDS = 15
"""How long a body may take to arrive, so that nobody holds a connection open with a trickle."""

FIELDS = 20
"""How many fields a body may have."""


class Act(Enum):
    """What a reader asks for."""

    ONE_CLICK = "one-click"
    LEAVE = "leave"
    RETURN = "return"


class FormError(Exception):
    """A body that cannot be read or asks for nothing known; `status` is HTTP's, `problem` the page's."""

    def __init__(self, problem: str, status: int) -> None:
        self.problem = problem
        self.status = status
        super().__init__(problem)


UNCLEAR = ("unclear", 400)


def asked(fields: Iterable[tuple[str, str]]) -> Act:
    """Decide what a form's fields ask for. The one click wins: RFC 8058, section 3.1, names it alone.

    Raises FormError where they ask for nothing that we know.
    """
    said = {(name.strip().lower(), value.strip().lower()) for name, value in fields}
    if ("list-unsubscribe", "one-click") in said:
        return Act.ONE_CLICK
    acts = [act for act in (Act.LEAVE, Act.RETURN) if ("act", act.value) in said]
    if len(acts) != 1:
        raise FormError(*UNCLEAR)
    return acts[0]


async def read(request: Request) -> Act:
    """Read a request's body and decide what it asks for.

    Both encodings of RFC 8058 are read; a client that names neither means the plain one. Raises FormError.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(request)
            if request.headers.get("content-type", "").lower().lstrip().startswith("multipart/"):
                return asked(await _multipart(request, body))
    except TimeoutError as exc:
        raise FormError("unclear", 408) from exc
    except ClientDisconnect as exc:
        raise FormError(*UNCLEAR) from exc
    try:
        return asked(parse_qsl(body.decode(), max_num_fields=FIELDS))
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
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    return fields
