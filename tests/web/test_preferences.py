import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from preferences_site import CROSS_SITE, OURS, chosen, dump, mails, own, untouched
from web_site import KEY, NOW, ROSA, join, serving

from digest.links import LinkKind
from digest.model import Channel, SubscriberState
from digest.store import bounces, erasure, ledger, subscribers
from digest.store.database import Store
from digest.store.subscribers import Newcomer

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

ACTS: list[Mapping[str, str | list[str]]] = [
    {"act": "save", "newsletter": ["daily"]},
    {"act": "save"},
    {"act": "pause", "weeks": "2"},
    {"act": "resume"},
    {"act": "language", "language": "en"},
    {"act": "address", "email": "new@mail.example"},
    {"act": "leave"},
    {"act": "delete"},
    {"act": "erase"},
    {"act": "data"},
]
by_act = pytest.mark.parametrize("form", ACTS, ids=lambda form: str(form["act"]))


async def test_looking_changes_nothing(store: Store) -> None:
    async with serving(store) as site:
        for _ in range(3):
            shown = await site.client.get(own(site))
        probed = await site.client.head(own(site))
        assert (shown.status_code, probed.status_code, probed.content) == (200, 200, b"")
        assert "r•••@mail.example" in shown.text
        assert ROSA not in shown.text
        assert untouched(site)


@SQLITE
@by_act
async def test_what_a_post_asks_for_a_get_never_does(store: Store, form: Mapping[str, str]) -> None:
    async with serving(store) as site:
        for method in ("GET", "HEAD"):
            answer = await site.client.request(method, own(site), params=form)
            assert answer.status_code == 200
        assert untouched(site)


@SQLITE
@by_act
@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_another_sites_page_can_make_a_browser_do_nothing(
    store: Store, form: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    async with serving(store) as site:
        assert (await site.client.post(own(site), data=form, headers=headers)).status_code == 403
        assert untouched(site)


@SQLITE
@by_act
async def test_our_own_page_may(store: Store, form: Mapping[str, str]) -> None:
    async with serving(store) as site:
        assert (await site.client.post(own(site), data=form, headers=OURS)).status_code == 200
        origin = {"Origin": site.base, "Sec-Fetch-Site": "same-origin"}
        assert (await site.client.post(own(site), data=form, headers=origin)).status_code == 200


@SQLITE
async def test_behind_a_proxy_our_origin_is_that_of_the_public_url(store: Store) -> None:
    public = "https://news.ledger.example"
    async with serving(store, lambda pages: replace(pages, public_url=public)) as site:
        answer = await site.client.post(own(site), data={"act": "leave"}, headers={"Origin": public})
        assert answer.status_code == 200
        assert site.subscriber().newsletters == ()


@SQLITE
@by_act
async def test_links_of_other_kinds_are_refused_and_change_nothing(
    store: Store, form: Mapping[str, str]
) -> None:
    async with serving(store) as site:
        for kind in (LinkKind.UNSUBSCRIBE, LinkKind.INERT):
            path = own(site, kind=kind, address_version=1)
            for answer in (await site.client.get(path), await site.client.post(path, data=form)):
                assert answer.status_code == 404
        confirm = own(site, kind=LinkKind.CONFIRM, issue_id=1)
        assert (await site.client.post(confirm, data=form)).status_code == 400
        assert (await site.client.post(confirm, data={"act": "change"})).status_code == 410
        assert untouched(site)


@SQLITE
async def test_a_link_to_the_settings_neither_leaves_nor_confirms_elsewhere(store: Store) -> None:
    async with serving(store) as site:
        token = own(site).removeprefix("/p/")
        for path in ("/u/", "/c/"):
            for form in ({"List-Unsubscribe": "One-Click"}, {"act": "leave"}, {"act": "confirm"}):
                assert (await site.client.post(path + token, data=form)).status_code in (400, 404)
            assert (await site.client.get(path + token)).status_code == 404
        assert untouched(site)


@SQLITE
async def test_no_cut_or_mutated_token_does_anything(store: Store) -> None:
    async with serving(store) as site:
        token = own(site).removeprefix("/p/")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for at in range(len(token)):
            letter = alphabet[(alphabet.index(token[at]) + 1 + at) % 64]
            for mutant in (token[:at] + letter + token[at + 1 :], token[:at], token[:at] + token[at + 1 :]):
                answer = await site.client.post(f"/p/{mutant}", data={"act": "erase"})
                assert answer.status_code == 404
        for text in ("", "a/b", "%00", "A" * 5000):
            assert (await site.client.get(f"/p/{text}")).status_code == 404
        assert untouched(site)


@SQLITE
async def test_a_retired_key_is_read_and_one_thrown_away_is_not(store: Store) -> None:
    async with serving(store) as site:
        assert (await site.client.get(own(site, old_key=1))).status_code == 200
    async with serving(store, lambda pages: replace(pages, keys=(KEY,))) as site:
        assert (await site.client.post(own(site, old_key=1), data={"act": "erase"})).status_code == 404
        assert site.subscriber().email == ROSA


@SQLITE
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "fly"},
        {"act": ["save", "leave"]},
        {"act": "pause"},
        {"act": "pause", "weeks": "3"},
        {"act": "pause", "weeks": "-1"},
        {"act": "pause", "weeks": "9" * 5000},
        {"act": "language", "language": "../../etc/passwd"},
        {"act": "return"},
        {"List-Unsubscribe": "One-Click"},
    ],
)
async def test_what_no_button_says_is_not_understood(
    store: Store, form: Mapping[str, str | list[str]]
) -> None:
    async with serving(store) as site:
        assert (await site.client.post(own(site), data=form)).status_code == 400
        assert untouched(site)


@SQLITE
async def test_other_methods_and_long_bodies_are_refused(store: Store) -> None:
    async with serving(store) as site:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await site.client.request(method, own(site))).status_code == 405
        long = await site.client.post(own(site), content=b"act=erase&x=" + b"x" * 70_000)
        assert long.status_code == 413
        assert untouched(site)


async def test_the_ticked_newsletters_are_read_and_no_other(store: Store) -> None:
    async with serving(store) as site:
        saved = await site.client.post(own(site), data={"act": "save", "newsletter": ["weekly", "nonsense"]})
        assert (saved.status_code, "Saved." in saved.text) == (200, True)
        assert re.findall(r'value="(\w+)" checked', saved.text) == ["weekly"]
        assert site.subscriber().newsletters == ("weekly",)
        await site.client.post(own(site), data={"act": "save"})
        gone = site.subscriber()
        assert (gone.newsletters, gone.state) == ((), SubscriberState.UNSUBSCRIBED)
        assert (gone.left_at, gone.left_channel) == (NOW, Channel.PAGE)
        for _ in range(2):
            await site.client.post(own(site), data={"act": "save", "newsletter": ["daily", "weekly"]})
        back = site.subscriber()
        assert (back.newsletters, back.state, back.left_at) == (
            ("daily", "weekly"),
            SubscriberState.ACTIVE,
            None,
        )
        told = [(event.kind, event.newsletter, event.channel) for event in site.events()]
    assert told == [
        ("subscriber.left", "daily", Channel.PAGE),
        ("subscriber.left", "weekly", Channel.PAGE),
        ("subscriber.returned", "daily", Channel.PAGE),
        ("subscriber.returned", "weekly", Channel.PAGE),
    ]


async def test_a_newsletter_that_was_never_read_can_be_joined(store: Store) -> None:
    async with serving(store) as site:
        leif = join(store, "leif@mail.example", "weekly")
        form = {"act": "save", "newsletter": ["daily", "weekly"]}
        await asyncio.gather(*(site.client.post(own(site, leif), data=form, timeout=30) for _ in range(10)))
        assert site.subscriber(leif).newsletters == ("daily", "weekly")
        joined = [event.newsletter for event in site.events("subscriber.joined")]
    assert joined == ["daily"]


async def test_one_who_never_confirmed_stays_pending_whatever_is_ticked(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            new = Newcomer(email="pia@mail.example", newsletter="weekly", confirmed=False)
            subscribers.add(session, [new], NOW)
            pia = subscribers.find(session, "pia@mail.example")
        assert pia is not None
        answer = await site.client.post(
            own(site, pia.id), data={"act": "save", "newsletter": ["daily", "weekly"]}
        )
        assert "never confirmed" in answer.text
        assert site.subscriber(pia.id).state is SubscriberState.PENDING


@pytest.mark.parametrize("weeks", [1, 2, 4, 8])
async def test_a_pause_keeps_issues_away_until_it_is_over(store: Store, weeks: int) -> None:
    async with serving(store) as site:
        paused = await site.client.post(own(site), data={"act": "pause", "weeks": str(weeks)})
        end = NOW + timedelta(weeks=weeks)
        assert f"Paused until {end:%B} {end.day}, {end.year}." in paused.text
        assert chosen(site).paused_until == end
        assert chosen(site, end).paused_until is None
        with store.read() as session:
            reached = [ledger.audience(session, "daily", at) for at in (NOW, end - timedelta(seconds=1), end)]
        assert reached == [0, 0, 1]
        (event,) = site.events()
        assert (event.kind, event.detail) == ("subscriber.paused", f"until {end.isoformat()}")


async def test_a_pause_can_be_ended(store: Store) -> None:
    async with serving(store) as site:
        await site.client.post(own(site), data={"act": "pause", "weeks": "8"})
        ended = await site.client.post(own(site), data={"act": "resume"})
        assert "The pause is over" in ended.text
        with store.read() as session:
            assert ledger.audience(session, "daily", NOW) == 1
        kinds = [event.kind for event in site.events()]
    assert kinds == ["subscriber.paused", "subscriber.resumed"]


@SQLITE
async def test_a_pause_is_withdrawn_from_an_issue_that_waits(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            frozen = ledger.freeze(session, site.daily, NOW)
        await site.client.post(own(site), data={"act": "pause", "weeks": "1"})
        with store.read() as session:
            assert frozen.audience == 1
            assert ledger.audience(session, "daily", NOW) == 0


@SQLITE
async def test_the_page_speaks_the_language_that_was_chosen(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "locale").mkdir()
    (folder / "locale" / "nl.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Your settings"\nmsgstr "Jouw instellingen"\n\n'
        'msgid "You are back"\nmsgstr "Je bent terug"\n'
    )
    async with serving(store, lambda pages: replace(pages, site_templates=folder)) as site:
        assert "Nederlands" in (await site.client.get(own(site))).text
        saved = await site.client.post(own(site), data={"act": "language", "language": "nl"})
        assert "<h1>Jouw instellingen</h1>" in saved.text
        assert '<html lang="nl"' in saved.text
        await site.client.post(own(site), data={"act": "pause", "weeks": "1"})
        assert "1 december 2026" in (await site.client.get(own(site))).text
        await site.client.post(site.link(), data={"act": "leave"})
        assert "Je bent terug" in (await site.client.post(site.link(), data={"act": "return"})).text
        assert [event.detail for event in site.events("subscriber.language")] == ["nl"]


async def test_one_button_leaves_everything_and_the_page_takes_them_back(store: Store) -> None:
    async with serving(store) as site:
        left = await site.client.post(own(site), data={"act": "leave"})
        assert (left.status_code, "You have left" in left.text) == (200, True)
        assert "checked" not in left.text
        gone = site.subscriber()
        assert (gone.state, gone.newsletters, gone.left_channel) == (
            SubscriberState.UNSUBSCRIBED,
            (),
            Channel.PAGE,
        )
        again = await site.client.post(own(site), data={"act": "leave"})
        assert again.status_code == 200
        await site.client.post(own(site), data={"act": "save", "newsletter": "weekly"})
        assert site.subscriber().newsletters == ("weekly",)


async def test_delete_asks_first_and_then_forgets_everything(store: Store) -> None:
    async with serving(store) as site:
        await site.client.post(own(site), data={"act": "address", "email": "rosa.new@mail.example"})
        asked = await site.client.post(own(site), data={"act": "delete"})
        assert 'value="erase"' in asked.text
        assert site.subscriber().email == ROSA
        visit = {"User-Agent": "Rosas-Browser/1.0"}
        await site.client.post(own(site), data={"act": "pause", "weeks": "1"}, headers=visit)
        erased = await site.client.post(own(site), data={"act": "erase"}, headers=visit)
        assert (erased.status_code, "You are deleted" in erased.text) == (200, True)
        told = dump(store)
        for trace in ("rosa@", "rosa.new@", "Rosas-Browser", "127.0.0.1", "Rosa"):
            assert trace not in told
        (event,) = site.events("subscriber.erased")
        assert (event.subscriber_id, event.channel, event.ip) == (site.rosa, Channel.PAGE, "")
        before = len(site.events())
        for act in ("erase", "save", "data", "delete"):
            again = await site.client.post(own(site), data={"act": act})
            assert "gets nothing from us" in again.text
        assert len(site.events()) == before
        with store.write() as session:
            ((arrival, _),) = subscribers.add(session, [Newcomer(email=ROSA, newsletter="daily")], NOW)
        assert arrival.value == "refused"


async def test_a_reader_gets_all_that_is_held_about_them(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            ledger.freeze(session, site.daily, NOW)
        await site.client.post(own(site), data={"act": "pause", "weeks": "1"}, headers={"User-Agent": "B/1"})
        answer = await site.client.post(own(site), data={"act": "data"})
        assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
        assert answer.headers["cache-control"] == "no-store"
        told = json.loads(answer.text)
        assert (told["email"], told["state"], told["consent"]) == (ROSA, "active", "operator")
        assert [one["newsletter"] for one in told["memberships"]] == ["daily", "weekly"]
        assert told["memberships"][0]["paused_until"] == "2026-12-01T12:00:00+00:00"
        kinds = [event["kind"] for event in told["events"]]
        assert kinds == [
            "subscriber.data_given",
            "subscriber.paused",
            "subscriber.joined",
            "subscriber.added",
        ]
        assert (told["events"][1]["agent"], told["events"][1]["ip"]) == ("B/1", "127.0.0.1")
        assert told["deliveries"] == [
            {"newsletter": "daily", "slot": "2026-11-24T07:00", "state": "pending", "at": None, "reply": ""}
        ]
        assert len(site.events("subscriber.data_given")) == 1


@pytest.mark.parametrize("standing", ["moved", "suppressed", "erased"])
async def test_one_with_nothing_to_choose_is_told_so_and_nothing_changes(store: Store, standing: str) -> None:
    async with serving(store) as site:
        path = own(site, address_version=2) if standing == "moved" else own(site)
        with store.write() as session:
            if standing == "suppressed":
                subscribers.suppress(session, ROSA, bounces.Evidence(reason="complaint"), NOW)
            elif standing == "erased":
                erasure.erase(session, site.subscriber(), NOW)
        before = dump(store)
        answers = [await site.client.get(path)]
        answers += [await site.client.post(path, data=form) for form in ACTS]
        assert {answer.status_code for answer in answers} == {200}
        assert all("gets nothing from us" in answer.text for answer in answers)
        assert all("<button" not in answer.text for answer in answers)
        assert all(ROSA not in answer.text for answer in answers)
        assert dump(store) == before


@SQLITE
async def test_the_page_of_leaving_leads_to_the_settings(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, public_url="https://x.example/news")) as site:
        for text in (
            (await site.client.get(site.link())).text,
            (await site.client.post(site.link(), data={"act": "leave"})).text
            + (await site.client.post(site.link(), data={"act": "return"})).text,
        ):
            path = re.findall(r'href="(/news/p/[^"]+)"', text)[0]
            assert "Your settings" in (await site.client.get(path.removeprefix("/news"))).text
        for other in ({"kind": 2}, {"address_version": 2}):
            assert "/p/" not in (await site.client.get(site.link(**other))).text


async def test_a_database_that_fails_is_owned_up_to(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE subscription RENAME TO elsewhere")
        answer = await site.client.post(own(site), data={"act": "leave"})
        assert (answer.status_code, "our side" in answer.text) == (503, True)
    assert mails(site) == []
