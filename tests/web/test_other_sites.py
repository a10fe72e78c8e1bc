"""What a page of another site can have a reader's browser do here: nothing, by any address that there is.

Each address that takes more than a look has its line in the table below, or a test fails.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from preferences_site import CROSS_SITE, OURS, dump, mails, own
from starlette.routing import BaseRoute, Mount
from web_site import KEY, NOW, ROSA, Site, pages, serving

from digest.config import Archive
from digest.links import LinkKind
from digest.signup import Mark, signed_mark
from digest.store import tokens
from digest.store.database import Store
from digest.store.tokens import Scope
from digest.web.app import routed
from digest.web.dress import Dress

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

Fields = Mapping[str, str]


async def of_an_issue(site: Site) -> str:
    return site.link()


async def of_the_settings(site: Site) -> str:
    return own(site)


async def of_a_pause(site: Site) -> str:
    return own(site, kind=LinkKind.PAUSE)


async def of_an_address_change(site: Site) -> str:
    form = {"act": "address", "email": "new@mail.example"}
    await site.client.post(own(site), data=form, headers=OURS)
    return own(site, kind=LinkKind.CONFIRM, issue_id=mails(site, "change")[-1].id or 0)


async def of_a_confirmation(site: Site) -> str:
    await site.client.post("/subscribe", data=signs_up("new@mail.example"), headers=OURS)
    mail = mails(site, "confirm")[-1]
    token = own(site, mail.subscriber_id, kind=LinkKind.CONFIRM, issue_id=mail.id or 0).removeprefix("/p/")
    return f"/c/{token}"


async def of_the_form(_site: Site) -> str:
    return "/subscribe"


def signs_up(email: str = ROSA) -> dict[str, str]:
    """A form that was filled in, with a mark that anybody can fetch."""
    shown = Mark(at=NOW - timedelta(minutes=1), url="https://evil.example/")
    return {"email": email, "newsletter": "daily", "mark": signed_mark(shown, (KEY,))}


@dataclass(frozen=True, kw_only=True)
class Door:
    """An address, what its forms may ask for, and what another site's page is answered."""

    path: Callable[[Site], Awaitable[str]]
    asks: Iterable[Fields]
    status: int = 403


ACTS = ("save", "resume", "leave", "delete", "erase", "data")
PAUSE = {"act": "pause", "weeks": "1"}
DOORS: Mapping[str, Iterable[Door]] = {
    "/u/{token:path}": [
        Door(
            path=of_an_issue,
            asks=[{"act": act, "reason": "other"} for act in ("leave", "return", "reason", "rarer")],
        )
    ],
    "/p/{token:path}": [
        Door(
            path=of_the_settings,
            asks=[
                *({"act": act} for act in ACTS),
                PAUSE,
                {"act": "language", "language": "de"},
                {"act": "address", "email": "evil@mail.example"},
            ],
        ),
        Door(path=of_a_pause, asks=[PAUSE, {"act": "resume"}, {"act": "link"}]),
        Door(path=of_an_address_change, asks=[{"act": "change"}]),
    ],
    "/c/{token:path}": [Door(path=of_a_confirmation, asks=[{"act": "confirm"}, {"act": "not-me"}])],
    # A form that a site embeds leads to ours, filled in: another site's page gets no further.
    "/subscribe": [Door(path=of_the_form, asks=[signs_up()], status=200)],
}
"""The addresses of pages that take more than a look."""

API: Mapping[str, str] = {
    "/api/subscribers": "POST",
    "/api/subscribers/{id}/unsubscribe": "POST",
    "/api/subscribers/{id}": "DELETE",
}
"""Those of the site's software."""

HOOKS: Mapping[str, str] = {"/hooks/{service}": "POST"}
"""Those of mail services. What a browser sends proves nothing there: `test_hooks.py`."""


def acting(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every address that takes more than a look, with its methods."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield from acting(route.routes, path)
        else:
            methods: set[str] = getattr(route, "methods", None) or {"*"}
            yield from ((path, method) for method in methods - {"GET", "HEAD"})


def test_every_address_that_acts_is_in_the_table(store: Store) -> None:
    made = pages(store)
    public = replace(made, archive=Archive(public=True), public_url="https://news.ledger.example")
    found = sorted(acting(routed(public, Dress(public)).routes))
    assert found == sorted([*((path, "POST") for path in DOORS), *API.items(), *HOOKS.items()])


@contextlib.asynccontextmanager
async def ready(store: Store, door: Door) -> AsyncIterator[tuple[Site, str]]:
    async with serving(store, lambda made: replace(made, rarer={"daily": ["weekly"]})) as site:
        yield site, await door.path(site)


DOOR = pytest.mark.parametrize(
    "door", [door for doors in DOORS.values() for door in doors], ids=lambda door: door.path.__name__
)


@DOOR
async def test_another_sites_page_changes_nothing(store: Store, door: Door) -> None:
    async with ready(store, door) as (site, path):
        before = dump(store)
        for headers in CROSS_SITE:
            for form in door.asks:
                answer = await site.client.post(path, data=form, headers=headers)
                assert answer.status_code == door.status, (form, headers)
                assert "access-control-allow-origin" not in answer.headers
        assert dump(store) == before


@DOOR
async def test_our_own_page_changes_something(store: Store, door: Door) -> None:
    async with ready(store, door) as (site, path):
        before = dump(store)
        answers = [await site.client.post(path, data=form, headers=OURS) for form in door.asks]
        assert {answer.status_code for answer in answers} <= {200, 409, 410}
        assert dump(store) != before


async def test_the_api_is_open_to_no_browser(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            tokens.make(session, "shop", list(Scope), NOW)
        before = dump(store)
        for path, method in API.items():
            address = path.format(id=site.rosa)
            for headers in CROSS_SITE:
                # What a form of another site can send: no header of its own, and no JSON by name.
                said = {**headers, "Content-Type": "text/plain", "Cookie": "Authorization=Bearer x"}
                body = b'{"email":"x@mail.example","newsletters":["daily"]}'
                answer = await site.client.request(method, address, content=body, headers=said)
                assert answer.status_code == 401
                asks = {**headers, "Access-Control-Request-Method": method}
                asked = await site.client.request("OPTIONS", address, headers=asks)
                assert asked.status_code in (401, 405)
                for one in (answer, asked):
                    assert not [name for name in one.headers if name.startswith("access-control-")]
        assert dump(store) == before
