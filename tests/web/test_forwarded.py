"""What the friend to whom an issue was forwarded can see and do: leave, undo, pause, and nothing more."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from preferences_site import CROSS_SITE, chosen, mails, own, untouched
from press import ON_SQLITE, press
from web_site import LEAVE, NOW, RETURN, ROSA, Site, serving

from digest.alerts import Alerts
from digest.links import LinkKind, read
from digest.model import Channel
from digest.service.postbox import Postbox
from digest.store import bounces, ownlink, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ASK = {"act": "link"}
PUBLIC = "https://news.ledger.example"
KEYS = (b"k" * 32,)

BEYOND: list[Mapping[str, str]] = [
    {"act": "save", "newsletter": "daily"},
    {"act": "language", "language": "de"},
    {"act": "address", "email": "friend@mail.example"},
    {"act": "leave"},
    {"act": "delete"},
    {"act": "erase"},
    {"act": "data"},
    {"act": "change"},
    {"act": "confirm"},
]
"""What only the reader may do."""


def aside(site: Site, **said: int) -> str:
    """The path to which an issue's link leads."""
    return own(site, kind=LinkKind.PAUSE, **said)


async def reached(site: Site) -> set[str]:
    """Every address of ours that follows from an issue's link, whatever its buttons are pressed."""
    answers = [await site.client.get(site.link())]
    answers += [await site.client.post(site.link(), data=form) for form in (LEAVE, RETURN)]
    todo, found = [answer.text for answer in answers], set[str]()
    while todo:
        for path in set(re.findall(r'href="(/[^"?]*)', todo.pop())) - found:
            found.add(path)
            looked = await site.client.get(path)
            todo.append(looked.text)
            if path.startswith("/p/"):
                pressed = [{"act": "pause", "weeks": "1"}, {"act": "resume"}, ASK]
                todo += [(await site.client.post(path, data=form)).text for form in pressed]
    return found


@SQLITE
async def test_no_page_behind_an_issues_link_leads_to_the_readers_own(store: Store) -> None:
    async with serving(store) as site:
        paths = [path for path in await reached(site) if path.startswith("/p/")]
        assert paths
        kinds = {read(path.removeprefix("/p/"), KEYS).kind for path in paths}
    assert kinds == {LinkKind.PAUSE}


@SQLITE
@pytest.mark.parametrize("form", BEYOND, ids=lambda form: str(form["act"]))
async def test_a_friend_can_do_no_more_than_leave_or_pause(store: Store, form: Mapping[str, str]) -> None:
    async with serving(store) as site:
        for path in (aside(site), *([] if form == LEAVE else [site.link()])):
            answer = await site.client.post(path, data=form)
            assert answer.status_code == 400
            assert "mail.example" not in answer.text
        assert untouched(site)


async def test_a_friend_sees_a_masked_address_alone(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            subscribers.add(
                session, [subscribers.Newcomer(email=ROSA, name="Rosa Lund", newsletter="daily")], NOW
            )
        answers = [await site.client.get(aside(site)), await site.client.post(aside(site), data=ASK)]
        for text in [answer.text for answer in answers]:
            assert "r•••@mail.example" in text
            assert not any(told in text for told in (ROSA, "Rosa Lund", "Weekly", 'type="email"'))


async def test_looking_changes_nothing_and_mails_nobody(store: Store) -> None:
    async with serving(store) as site:
        for method in ("GET", "HEAD"):
            for form in ({}, ASK, {"act": "pause", "weeks": "1"}):
                assert (await site.client.request(method, aside(site), params=form)).status_code == 200
        assert untouched(site)


@SQLITE
@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_another_sites_page_neither_pauses_nor_has_us_mail(
    store: Store, headers: Mapping[str, str]
) -> None:
    async with serving(store) as site:
        for form in (ASK, {"act": "pause", "weeks": "1"}, {"act": "resume"}):
            assert (await site.client.post(aside(site), data=form, headers=headers)).status_code == 403
        assert untouched(site)


async def test_a_pause_needs_no_mail_and_can_be_ended(store: Store) -> None:
    async with serving(store) as site:
        paused = await site.client.post(aside(site), data={"act": "pause", "weeks": "2"})
        assert "Paused until December 8, 2026." in paused.text
        assert chosen(site).paused_until == NOW + timedelta(weeks=2)
        ended = await site.client.post(aside(site), data={"act": "resume"})
        assert "The pause is over" in ended.text
        assert chosen(site).paused_until is None
        assert (await site.client.post(aside(site), data={"act": "pause", "weeks": "9"})).status_code == 400
        assert mails(site) == []


async def test_the_link_goes_to_the_readers_own_address_and_a_friend_is_told_the_same_each_time(
    store: Store,
) -> None:
    async with serving(store) as site:
        answers = [await site.client.post(aside(site), data=ASK) for _ in range(3)]
        assert len({(answer.status_code, answer.text) for answer in answers}) == 1
        (mail,) = mails(site)
        events = site.events()
    assert (mail.kind, mail.email, mail.subscriber_id, mail.next_at) == ("settings", ROSA, site.rosa, NOW)
    assert [event.kind for event in events] == ["subscriber.settings_asked"] * 3


@SQLITE
async def test_one_mail_a_day_goes_out_however_often_and_sooner_once_the_page_was_used(store: Store) -> None:
    now = [NOW]

    async with serving(store, lambda pages: replace(pages, clock=lambda: now[0])) as site:
        counts = []
        for _ in range(4):
            await site.client.post(aside(site), data=ASK)
            await site.client.post(aside(site), data=ASK)
            counts.append(len(mails(site)))
            now[0] += timedelta(days=1)
        assert counts == [1, 2, 3, 4]
        await site.client.post(aside(site), data=ASK)
        await site.client.get(own(site))
        await site.client.post(aside(site), data=ASK)
        assert len(mails(site)) == 5
        await site.client.post(own(site), data={"act": "resume"})
        await site.client.post(aside(site), data=ASK)
        assert len(mails(site)) == 6


@SQLITE
async def test_who_signs_a_reader_up_by_the_form_does_not_use_up_this_mail(store: Store) -> None:
    async with serving(store) as site:
        await site.client.post(own(site), data={"act": "address", "email": ROSA})
        await site.client.post(aside(site), data=ASK)
        assert [mail.email for mail in mails(site, "settings")] == [ROSA]


@SQLITE
async def test_nobody_is_mailed_who_is_never_mailed(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            subscribers.suppress(session, ROSA, bounces.Evidence(reason="complaint"), NOW)
        for path in (aside(site), aside(site, address_version=2), own(site, 4711, kind=LinkKind.PAUSE)):
            assert "gets nothing from us" in (await site.client.post(path, data=ASK)).text
        assert mails(site) == []


@ON_SQLITE
async def test_the_mail_opens_the_readers_own_page(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        [email] = room.subscribe(1)
        with store.write() as session:
            found = subscribers.find(session, email)
            assert found is not None
            assert ownlink.ask(session, found.id, Visit(channel=Channel.PAGE), room.clock())
        desk = room.desk()
        await Postbox(desk, Alerts(desk)).once()
        [sent] = [
            message_from_bytes(one.data, _class=EmailMessage, policy=policy.default) for one in room.mailed
        ]
        assert sent["To"] == email
        for kind in ("plain", "html"):
            part = sent.get_body((kind,))
            assert part is not None
            [token] = set(re.findall(r"/p/([\w-]+)", part.get_content()))
            assert read(token, KEYS)[:2] == (LinkKind.PREFERENCES, found.id)
