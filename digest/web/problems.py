"""Tells the site's software what did not work, as problem details (RFC 9457). Repeats nothing that came."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from digest.errors import StoreError
from digest.store.software import RefusedError, TooManyError
from digest.web.dress import FLEETING
from digest.web.messages import PROBLEM, Problem

log = structlog.get_logger()

RETRY_SECONDS = {429: 60, 503: 120}
"""When to come again: a minute is what is counted in, and a database is restarted in two."""

MOST_MISTAKES = 10
PLACE_CHARACTERS = 100


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer that something did not work (RFC 9457)."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    more = {"Retry-After": str(RETRY_SECONDS[status])} if status in RETRY_SECONDS else {}
    return JSONResponse(
        told.model_dump(), status, headers={**FLEETING, **more, **(headers or {})}, media_type=PROBLEM
    )


def faults(made: FastAPI) -> None:
    """Have an application answer every fault with a problem."""

    @made.exception_handler(HTTPException)
    async def refused(request: Request, exc: HTTPException) -> Response:
        headers = exc.headers
        if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # A path's methods are several routes: RFC 9110 10.2.1 wants them all.
            routes = [one for one in made.routes if one.matches(request.scope)[0] is not Match.NONE]
            allowed = {method for one in routes if isinstance(one, Route) for method in one.methods or ()}
            headers = {"Allow": ", ".join(sorted(allowed))}
        return problem(exc.status_code, exc.detail, headers)

    @made.exception_handler(RequestValidationError)
    async def invalid(_request: Request, exc: RequestValidationError) -> Response:
        return problem(422, "; ".join(_told(error) for error in exc.errors()[:MOST_MISTAKES]))

    @made.exception_handler(RefusedError)
    async def conflict(_request: Request, exc: RefusedError) -> Response:
        return problem(409, str(exc))

    @made.exception_handler(TooManyError)
    async def too_many(_request: Request, exc: TooManyError) -> Response:
        return problem(429, str(exc))

    @made.exception_handler(StoreError)
    async def store_failed(request: Request, exc: StoreError) -> Response:
        log.error("web.store_failed", method=request.method, error=str(exc))
        return problem(503, "The database does not answer.")

    @made.exception_handler(Exception)
    async def failed(_request: Request, _exc: Exception) -> Response:
        return problem(500, "It is our fault; the log says more.")


def _told(error: dict[str, Any]) -> str:
    """Say what is wrong where, repeating nothing that came."""
    place = (
        ".".join(str(part) for part in error["loc"])[:PLACE_CHARACTERS].encode("utf-8", "replace").decode()
    )
    said = str(error["msg"]).removeprefix("Value error, ")
    # A field's name is a stranger's, and may be no text (a lone surrogate).
    return f"{place}: {said}".encode("utf-8", "replace").decode()
