"""A token opens its own door alone: every kind at every address, cut, forged, of another site's key."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from preferences_site import OURS, dump, mails, own
from web_site import KEY, NOW, ROSA, Site, serving

from digest.links import Link, LinkKind, sign
from digest.message import message_id
from digest.signup import Mark, signed_mark
from digest.store import newaddress, readermail, tokens
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.tokens import Scope
from digest.web.pages import Pages

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

DOORS = ("/u/", "/p/", "/c/")
SIGN_UP, CHANGE = "sign-up", "change"
MAILS = {SIGN_UP: readermail.CONFIRM, CHANGE: newaddress.CHANGE}
"""Two mails ask with links of one kind: by which mail it is, each is good at one address."""

KINDS: tuple[LinkKind | str, ...] = (
    *(kind for kind in LinkKind if kind is not LinkKind.CONFIRM),
    *MAILS,
)
OPENS: Mapping[LinkKind | str, str] = {
    LinkKind.UNSUBSCRIBE: "/u/",
    LinkKind.INERT: "/u/",
    LinkKind.PREFERENCES: "/p/",
    LinkKind.PAUSE: "/p/",
    CHANGE: "/p/",
    SIGN_UP: "/c/",
}
"""The one address at which each is answered."""

ACTS = (
    *("leave", "return", "reason", "rarer", "save", "pause", "resume", "link", "language", "address"),
    *("change", "delete", "erase", "data", "confirm", "not-me"),
)
FORMS: list[dict[str, str]] = [
    {"List-Unsubscribe": "One-Click"},
    *({"act": act, "weeks": "1", "language": "de", "email": "x@mail.example"} for act in ACTS),
]
"""Everything that any address can be asked."""

HARM = [form for form in FORMS if form.get("act") in (None, "erase")]


def busy(made: Pages) -> Pages:
    """Let one address send as many forms as it likes, or the limit would refuse them before we do."""
    return replace(made, posts_a_minute=100_000)


async def signed(site: Site, kind: LinkKind | str, key: bytes = KEY) -> str:
    """A token of Rosa's that is good, or would be under our key."""
    if isinstance(kind, LinkKind):
        return sign(Link(kind=kind, subscriber_id=site.rosa), (key,))
    if not mails(site, MAILS[kind]):
        await _ask(site, kind)
    about = mails(site, MAILS[kind])[0]
    link = Link(kind=LinkKind.CONFIRM, subscriber_id=about.subscriber_id, issue_id=about.id or 0)
    return sign(link, (key,))


async def _ask(site: Site, kind: str) -> None:
    if kind == CHANGE:
        form = {"act": "address", "email": "rosa.new@mail.example"}
        await site.client.post(own(site), data=form, headers=OURS)
        return
    with site.store.write() as session:
        readermail.queue(
            hand(session),
            kind=MAILS[kind],
            subscriber_id=site.rosa,
            email=ROSA,
            newsletters=["daily"],
            now=NOW,
        )


async def opens(site: Site, path: str) -> bool:
    """Whether a look at an address, or anything it is asked, is answered as it hoped for."""
    answers = [await site.client.get(path), await site.client.head(path)]
    answers += [await site.client.post(path, data=form, headers=OURS) for form in FORMS]
    assert {answer.status_code for answer in answers}.isdisjoint({429, 500})
    return any(answer.status_code < 400 for answer in answers)


async def test_a_token_of_another_purpose_is_refused(store: Store) -> None:
    async with serving(store, busy) as site:
        signs = {kind: await signed(site, kind) for kind in KINDS}
        before = dump(store)
        for kind, door in itertools.product(KINDS, DOORS):
            if OPENS[kind] != door:
                assert not await opens(site, door + signs[kind]), (kind, door)
        assert dump(store) == before


async def test_its_own_address_takes_each(store: Store) -> None:
    async with serving(store, busy) as site:
        for kind in KINDS:
            assert (await site.client.get(OPENS[kind] + await signed(site, kind))).status_code == 200, kind


CUTS: Mapping[str, Callable[[str], str]] = {
    "first": lambda token: token[1:],
    "last": lambda token: token[:-1],
    "half": lambda token: token[: len(token) // 2],
    "twice": lambda token: token * 2,
    "padded": lambda token: f"{token}=",
    "spaced": lambda token: f"{token}%20",
    "other case": str.swapcase,
    "other letter": lambda token: token[:4] + ("A" if token[4] != "A" else "B") + token[5:],
    "NUL": lambda token: f"{token}%00",
    "none": lambda _token: "",
}


async def test_a_cut_or_forged_token_or_one_of_another_key_is_refused(store: Store) -> None:
    async with serving(store, busy) as site:
        signs = {kind: await signed(site, kind) for kind in KINDS}
        foreign = {kind: await signed(site, kind, b"another site's key of 32 octets.") for kind in KINDS}
        before = dump(store)
        for kind in KINDS:
            for bad in (foreign[kind], *(cut(signs[kind]) for cut in CUTS.values())):
                path = OPENS[kind] + bad
                answers = [await site.client.get(path)]
                answers += [await site.client.post(path, data=form, headers=OURS) for form in HARM]
                assert {answer.status_code for answer in answers} == {404}, (kind, bad)
        assert dump(store) == before


async def test_what_we_have_signed_for_something_else_is_no_link(store: Store) -> None:
    async with serving(store, busy) as site:
        with store.write() as session:
            api = tokens.make(session, "shop", list(Scope), NOW)
        texts = [
            signed_mark(Mark(at=NOW - timedelta(minutes=1), url="https://ledger.example/"), (KEY,)),
            message_id(key=KEY, issue_id=1, subscriber_id=site.rosa, domain="ledger.example").strip("<>"),
            api,
        ]
        before = dump(store)
        for text, door in itertools.product(texts, DOORS):
            answers = [await site.client.post(door + text, data=form, headers=OURS) for form in HARM]
            assert {answer.status_code for answer in answers} == {404}
        for kind in LinkKind:
            link = sign(Link(kind=kind, subscriber_id=site.rosa), (KEY,))
            form = {"email": "new@mail.example", "newsletter": "daily", "mark": link}
            await site.client.post("/subscribe", data=form, headers=OURS)
            given = {"Authorization": f"Bearer {link}"}
            assert (await site.client.get("/api/changes", headers=given)).status_code == 401
        assert dump(store) == before
