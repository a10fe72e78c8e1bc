"""The JSON API for the site's own software: adds, looks up, unsubscribes and erases subscribers.

It says no more than the ledger's rules allow: whoever has left is brought back by nobody but himself. The
document is at /api/openapi.json.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Path, Query, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from digest import __version__
from digest.model import Subscriber
from digest.store import software, subscribers
from digest.store.asking import Rates, Wish
from digest.store.erasure import erase as erase_everywhere
from digest.store.software import CHANNEL
from digest.store.subscribers import Visit
from digest.store.tokens import Scope, Token
from digest.web.guard import API
from digest.web.messages import (
    AHEAD,
    EARLIEST,
    MOST_ID,
    Added,
    Addition,
    ByAddress,
    Changes,
    Departure,
    Happened,
    Problem,
    Reader,
    Since,
    problems,
)
from digest.web.pages import Pages
from digest.web.problems import faults
from digest.web.tokens import lets_in

log = structlog.get_logger()

ALWAYS = (401, 403, 422, 429, 503)

Id = Annotated[int, Path(ge=1, le=MOST_ID, description="The subscriber's id.")]


def application(pages: Pages) -> FastAPI:
    """Give the API as an application of its own."""
    made = FastAPI(
        title=f"{pages.site_name}: subscribers",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=JSONResponse,
    )
    needs = lets_in(pages)
    _reading(made, pages, needs)
    _writing(made, pages, needs)
    faults(made)
    _describe(made, pages)
    return made


def _reading(made: FastAPI, pages: Pages, needs: Callable[[Scope], Callable[..., Token]]) -> None:
    read = [Depends(needs(Scope.READ))]

    @made.get("/subscribers", dependencies=read, responses=problems(*ALWAYS, 404))
    def find(whom: Annotated[ByAddress, Query()]) -> Reader:
        """Look a subscriber up by address."""
        with pages.store.read() as session:
            return Reader.of(_known(subscribers.find(session, whom.email)))

    @made.get("/subscribers/{id}", dependencies=read, responses=problems(*ALWAYS, 404))
    def show(id: Id) -> Reader:  # noqa: A002 - the URL's name for it
        """Look a subscriber up by id."""
        with pages.store.read() as session:
            return Reader.of(_known(subscribers.get(session, id)))

    @made.get("/changes", dependencies=read, responses=problems(*ALWAYS))
    def changes(which: Annotated[Since, Query()]) -> Changes:
        """Tell what has happened to subscribers, oldest first. Nothing in it names one who was erased."""
        with pages.store.read() as session:
            told, last = software.changes(session, which.since, which.limit)
        return Changes(changes=[Happened.of(one) for one in told], next=last, more=len(told) == which.limit)


def _writing(made: FastAPI, pages: Pages, needs: Callable[[Scope], Callable[..., Token]]) -> None:
    write, erases = Depends(needs(Scope.WRITE)), Depends(needs(Scope.ERASE))

    @made.post("/subscribers", responses={202: {"model": Added}, **problems(400, *ALWAYS, 409, 413)})
    def add(addition: Addition, response: Response, token: Annotated[Token, write]) -> Added:
        """Add an address: at once with `consent`, else asked by mail (202). 409 for one who has left."""
        names = _newsletters(addition.newsletters, pages.titles)
        with pages.store.write() as session:
            brought = _bring(session, addition, names, pages)
        log.info("api.added", token=token.name, outcome=brought.arrival.value, asked=brought.asks)
        if brought.asks:
            response.status_code = HTTPStatus.ACCEPTED
        return Added(
            subscriber=Reader.of(brought.subscriber), outcome=brought.arrival.value, asked=brought.asks
        )

    @made.post("/subscribers/{id}/unsubscribe", responses=problems(400, *ALWAYS, 404, 413))
    def unsubscribe(
        id: Id,  # noqa: A002 - the URL's name for it
        token: Annotated[Token, write],
        departure: Departure | None = None,
    ) -> Reader:
        """End newsletters of a subscriber, as the reader's own click does. Only the reader can undo it."""
        with pages.store.write() as session:
            found = _known(subscribers.get(session, id))
            known = {*pages.titles, *found.newsletters}
            names = _newsletters(departure.newsletters if departure else (), known) or sorted(known)
            changed = subscribers.leave(session, id, list(names), Visit(channel=CHANNEL), pages.clock())
            after = _known(subscribers.get(session, id))
        log.info("api.unsubscribed", token=token.name, subscriber=id, changed=changed)
        return Reader.of(after)

    @made.delete("/subscribers/{id}", status_code=204, responses=problems(*ALWAYS, 404))
    def erase(id: Id, token: Annotated[Token, erases]) -> None:  # noqa: A002 - the URL's name for it
        """Erase a subscriber for good (GDPR, article 17). No import brings the address back."""
        with pages.store.write() as session:
            erase_everywhere(session, _known(subscribers.get(session, id)), pages.clock(), CHANNEL)
        log.info("api.erased", token=token.name, subscriber=id)


def _bring(session: Any, addition: Addition, names: tuple[str, ...], pages: Pages) -> software.Brought:  # noqa: ANN401 - a session of the store's
    now, given = pages.clock(), addition.consent
    if given is not None:
        if not EARLIEST <= given.at <= now + AHEAD:
            raise HTTPException(422, "body.consent.at: lies in the future, or before there was such mail.")
        consent = software.Consent(
            at=min(given.at, now),
            how=given.how,
            ip=given.ip,
            agent=given.agent,
            form=given.form,
            text=given.text,
        )
        return software.bring(session, addition.email, names, consent, now, name=addition.name)
    limits = pages.signup
    rates = Rates(
        # Without the reader's own there is no address to count.
        per_ip=limits.per_ip if addition.ip else 0,
        per_network=limits.per_network if addition.ip else 0,
        in_all=limits.in_all,
    )
    wish = Wish(
        email=addition.email,
        newsletters=names,
        language=addition.language,
        ip=addition.ip,
        form=addition.form,
    )
    return software.ask(session, wish, rates, now)


def _known(found: Subscriber | None) -> Subscriber:
    if found is None:
        raise HTTPException(404, "There is no such subscriber.")
    return found


def _newsletters(asked: Sequence[str], known: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever holds names
    if any(name not in known for name in asked):
        raise HTTPException(422, f"body.newsletters: must be among {', '.join(known)}.")
    return tuple(dict.fromkeys(asked))


def _describe(made: FastAPI, pages: Pages) -> None:
    """Let the document say what pydantic cannot know: the newsletters' names, and what a problem is."""

    def described() -> dict[str, Any]:
        if made.openapi_schema is None:
            document = get_openapi(title=made.title, version=made.version, routes=made.routes)
            schemas = document["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for model in ("Addition", "Departure"):
                schemas[model]["properties"]["newsletters"]["items"]["enum"] = list(pages.titles)
            document["servers"] = [{"url": f"{pages.root}{API}"}]
            made.openapi_schema = document
        return made.openapi_schema

    made.openapi = described  # type: ignore[method-assign] # FastAPI's own way to extend it
