"""The reader pages as one ASGI application: which URL answers what. Decides nothing about readers itself.

No cookie, session, script or redirect; no request to anybody else. Behind a proxy, `web.server` takes the
visitor's address from X-Forwarded-For where the proxy is this machine's.
"""

import structlog
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from digest import links
from digest.errors import StoreError, TokenError
from digest.store import installation
from digest.web import api, archive, dress, forms, hooks, preferences, signup
from digest.web.dress import Dress
from digest.web.guard import API, HOOKS, guarded
from digest.web.leaving import Leaving
from digest.web.oneclick import OneClick
from digest.web.pages import Pages
from digest.web.ready import readiness
from digest.web.visitor import visitor

log = structlog.get_logger()

LOOK = ["GET", "HEAD"]

UNSUBSCRIBED = "You are unsubscribed.\n"
"""What the sender of a one click gets. It is a machine: nobody reads it."""

RETRY_SECONDS = 120
"""When to come again after the database failed: it is restarting, or an operator is at it."""


def app(pages: Pages) -> ASGIApp:
    """Give the application of a site's pages. Raises RenderError if one of its templates is wrong."""
    clothes = Dress(pages)
    return guarded(routed(pages, clothes), pages, clothes)


def routed(pages: Pages, clothes: Dress) -> FastAPI:
    """Give every address that is answered, without what stands before them."""
    leaving = Leaving(pages)
    clicks = OneClick(pages.store, pages.titles)
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @made.api_route("/u/{token:path}", methods=[*LOOK, "POST"])
    async def unsubscribe(request: Request, token: str) -> Response:
        """Show the page with the button, or do what a POST asks for (RFC 8058)."""
        link = links.read(token, pages.keys)
        who = visitor(request)
        if request.method == "POST":
            form = await forms.read(request, public_url=pages.public_url)
            if form.act is forms.Act.ONE_CLICK and await clicks.leave(link, who, pages.clock()):
                return dress.plain(UNSUBSCRIBED)
            answer = await run_in_threadpool(leaving.act, link, form, who, pages.clock())
        else:
            answer = await run_in_threadpool(leaving.look, link, who, pages.clock())
        language = clothes.language(who.languages, answer.language)
        return clothes.page(answer.page, answer.shown, answer.status, language=language)

    @made.api_route("/healthz", methods=LOOK)
    def health() -> Response:
        """Tell which installation answers, and that its database does."""
        with pages.store.read() as session:
            return dress.json({"installation": installation.uid(session)})

    @made.api_route("/", methods=LOOK)
    def home() -> Response:
        return clothes.page("home", {})

    @made.api_route("/style.css", methods=LOOK)
    def style() -> Response:
        return clothes.stylesheet()

    @made.api_route("/robots.txt", methods=LOOK)
    def robots() -> Response:
        found = "Allow: /archive\n" if pages.archive.public and pages.archive.index else ""
        return dress.plain(f"User-agent: *\n{found}Disallow: /\n")

    archive.routes(made, pages, clothes)

    preferences.routes(made, pages, clothes)
    signup.routes(made, pages, clothes)
    readiness(made, pages)
    made.mount(API, api.application(pages))
    made.mount(HOOKS, hooks.application(pages))
    _faults(made, clothes)
    return made


def _faults(made: FastAPI, clothes: Dress) -> None:
    """Dress what goes wrong: a page that says so and how a person is reached; the log has the rest."""

    @made.exception_handler(TokenError)
    async def damaged(_request: Request, _exc: TokenError) -> Response:
        return clothes.problem("damaged", 404)

    @made.exception_handler(forms.FormError)
    async def unclear(_request: Request, exc: forms.FormError) -> Response:
        return clothes.problem(exc.problem, exc.status)

    @made.exception_handler(HTTPException)
    async def refused(_request: Request, exc: HTTPException) -> Response:
        known = {404: "missing", 405: "method"}
        return clothes.problem(known.get(exc.status_code, "unclear"), exc.status_code, exc.headers)

    @made.exception_handler(StoreError)
    async def store_failed(request: Request, exc: StoreError) -> Response:
        log.error("web.store_failed", method=request.method, error=str(exc))
        if request.scope["path"] == "/healthz":
            return dress.json({"error": "the database does not answer"}, 503)
        return clothes.problem("fault", 503, {"Retry-After": str(RETRY_SECONDS)})

    @made.exception_handler(Exception)
    async def failed(_request: Request, _exc: Exception) -> Response:
        # The server logs the traceback; a reader is told only that it is our fault.
        return clothes.problem("fault", 500)
