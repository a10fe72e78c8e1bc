import asyncio
from dataclasses import replace

import pytest
from preferences_site import CROSS_SITE
from web_site import KEY, LEAVE, NOW, ONE_CLICK, RETURN, ROSA, Site, join, serving

from digest.links import LinkKind
from digest.model import Channel, SubscriberState
from digest.store import bounces, erasure, subscribers
from digest.store.database import Store

RARER = {"daily": ["weekly"]}
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def untouched(site: Site) -> bool:
    reader = site.subscriber()
    return (
        reader.newsletters == ("daily", "weekly")
        and reader.state is SubscriberState.ACTIVE
        and not site.events("subscriber.left", "subscriber.left_again", "subscriber.returned")
    )


async def test_looking_changes_nothing_and_is_counted_by_its_method(store: Store) -> None:
    async with serving(store) as site:
        for _ in range(3):
            shown = await site.client.get(site.link(), headers={"User-Agent": "Scanner/1.0"})
        probed = await site.client.head(site.link(), headers={"User-Agent": "Scanner/1.0"})
        assert (shown.status_code, probed.status_code, probed.content) == (200, 200, b"")
        assert untouched(site)
        views = site.events()
    assert [view.kind for view in views] == ["unsubscribe.viewed"] * 4
    assert [view.agent for view in views] == ["GET Scanner/1.0"] * 3 + ["HEAD Scanner/1.0"]
    assert {(view.subscriber_id, view.issue_id, view.newsletter) for view in views} == {
        (site.rosa, site.daily.id, "daily")
    }


async def test_the_page_has_one_button_and_shows_the_address_masked(store: Store) -> None:
    async with serving(store) as site:
        text = (await site.client.get(site.link())).text
    assert text.count("<button") == text.count("<form") == 1
    assert "The Daily Ledger" in text
    assert "r•••@mail.example" in text
    assert ROSA not in text


async def test_the_button_makes_a_reader_leave_at_once(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.post(
            site.link(), data=LEAVE, headers={"User-Agent": "Firefox", "X-Forwarded-For": "203.0.113.9"}
        )
        assert answer.status_code == 200
        assert "You have left" in answer.text
        assert 'value="return"' in answer.text
        assert site.subscriber().newsletters == ("weekly",)
        [event] = site.events()
    assert (event.kind, event.channel, event.newsletter) == ("subscriber.left", Channel.PAGE, "daily")
    assert (event.issue_id, event.ip, event.agent) == (site.daily.id, "203.0.113.9", "Firefox")


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart", "unnamed"])
async def test_one_click_leaves_without_cookie_or_redirect(store: Store, encoding: str) -> None:
    async with serving(store) as site:
        if encoding == "multipart":
            answer = await site.client.post(site.link(), files={"List-Unsubscribe": (None, "One-Click")})
        elif encoding == "urlencoded":
            answer = await site.client.post(site.link(), data=ONE_CLICK)
        else:
            answer = await site.client.post(site.link(), content=b"List-Unsubscribe=One-Click")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert site.subscriber().newsletters == ("weekly",)
        [event] = site.events()
    assert (event.kind, event.channel) == ("subscriber.left", Channel.ONE_CLICK)


@SQLITE
async def test_leaving_the_last_newsletter_unsubscribes_and_names_the_issue(store: Store) -> None:
    async with serving(store) as site:
        site.leave("weekly")
        await site.client.post(site.link(), data=ONE_CLICK)
        reader = site.subscriber()
    assert reader.state is SubscriberState.UNSUBSCRIBED
    assert (reader.left_at, reader.left_issue, reader.left_channel) == (
        NOW,
        "2026-11-24T07:00",
        Channel.ONE_CLICK,
    )


async def test_leaving_again_is_answered_alike(store: Store) -> None:
    async with serving(store) as site:
        answers = [await site.client.post(site.link(), data=ONE_CLICK) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.text for answer in answers}) == 1
        kinds = [event.kind for event in site.events()]
    assert kinds == ["subscriber.left", "subscriber.left_again", "subscriber.left_again"]


async def test_fifty_clicks_at_once_leave_once(store: Store) -> None:
    async with serving(store) as site:
        answers = await asyncio.gather(
            *(site.client.post(site.link(), data=ONE_CLICK, timeout=30) for _ in range(50))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len(site.events("subscriber.left")) == 1
        assert len(site.events("subscriber.left_again")) == 49
        assert site.subscriber().newsletters == ("weekly",)


async def test_one_who_has_left_sees_so_and_may_undo(store: Store) -> None:
    async with serving(store) as site:
        await site.client.post(site.link(), data=LEAVE)
        seen = await site.client.get(site.link())
        assert "You have left" in seen.text
        assert "You still get" in seen.text
        assert 'value="leave"' not in seen.text
        back = await site.client.post(site.link(), data=RETURN)
        assert (back.status_code, "You are back" in back.text) == (200, True)
        assert site.subscriber().newsletters == ("daily", "weekly")
        kinds = [event.kind for event in site.events()]
    assert kinds == ["subscriber.left", "unsubscribe.viewed", "subscriber.returned"]


async def test_undo_twice_returns_once(store: Store) -> None:
    async with serving(store) as site:
        site.leave("daily", "weekly")
        for _ in range(2):
            assert (await site.client.post(site.link(), data=RETURN)).status_code == 200
        assert len(site.events("subscriber.returned")) == 1
        reader = site.subscriber()
    assert (reader.state, reader.newsletters) == (SubscriberState.ACTIVE, ("daily",))


@pytest.mark.parametrize("suppressed_after_leaving", [False, True])
async def test_a_suppressed_reader_stays_suppressed(store: Store, suppressed_after_leaving: bool) -> None:
    async with serving(store) as site:
        if suppressed_after_leaving:
            site.leave("daily")
        with site.store.write() as session:
            subscribers.suppress(session, ROSA, bounces.Evidence(reason="complaint"), NOW)
        looked = await site.client.get(site.link())
        left = await site.client.post(site.link(), data=ONE_CLICK)
        returned = await site.client.post(site.link(), data=RETURN)
        assert [looked.status_code, left.status_code, returned.status_code] == [200, 200, 409]
        assert all("<button" not in answer.text for answer in (looked, left, returned))
        assert site.subscriber().state is SubscriberState.SUPPRESSED
        assert not site.events("subscriber.returned")


async def test_an_erased_reader_gets_nothing_and_leaves_no_trace(store: Store) -> None:
    async with serving(store) as site:
        with site.store.write() as session:
            erasure.erase(session, site.subscriber(), NOW)
        before = len(site.events())
        answers = [await site.client.get(site.link()), await site.client.post(site.link(), data=ONE_CLICK)]
        assert {answer.status_code for answer in answers} == {200}
        assert all("gets nothing from us" in answer.text for answer in answers)
        assert len(site.events()) == before


async def test_a_link_to_a_former_address_changes_nothing_and_is_counted(store: Store) -> None:
    async with serving(store) as site:
        former = site.link(address_version=2)
        answers = [await site.client.post(former, data=form) for form in (ONE_CLICK, LEAVE, RETURN)]
        answers.append(await site.client.get(former))
        assert {answer.status_code for answer in answers} == {200}
        assert all("another address" in answer.text for answer in answers)
        assert all("mail.example" not in answer.text for answer in answers)
        assert untouched(site)
        agents = [event.agent.split()[0] for event in site.events("unsubscribe.viewed")]
    assert agents == ["POST", "POST", "POST", "GET"]


@SQLITE
async def test_a_test_messages_link_does_nothing(store: Store) -> None:
    async with serving(store) as site:
        inert = site.link(kind=LinkKind.INERT)
        for answer in (await site.client.get(inert), await site.client.post(inert, data=ONE_CLICK)):
            assert answer.status_code == 200
            assert "test message" in answer.text
        assert site.events() == []
        assert untouched(site)


async def test_a_link_without_issue_leaves_everything_and_offers_no_undo(store: Store) -> None:
    async with serving(store) as site:
        link = site.link(issue_id=0)
        left = await site.client.post(link, data=LEAVE)
        assert (left.status_code, 'value="return"' in left.text) == (200, False)
        assert (await site.client.post(link, data=RETURN)).status_code == 409
        reader = site.subscriber()
    assert (reader.state, reader.newsletters) == (SubscriberState.UNSUBSCRIBED, ())


async def test_a_link_to_an_issue_that_is_not_there_still_leaves(store: Store) -> None:
    async with serving(store) as site:
        assert (await site.client.post(site.link(issue_id=4711), data=ONE_CLICK)).status_code == 200
        assert site.subscriber().newsletters == ()


async def test_nobody_returns_to_a_newsletter_they_never_had(store: Store) -> None:
    async with serving(store) as site:
        other = join(store, "leif@mail.example", "weekly")
        answer = await site.client.post(site.link(other), data=RETURN)
        assert answer.status_code == 409
        assert site.subscriber(other).newsletters == ("weekly",)


@SQLITE
async def test_links_of_a_retired_key_still_leave(store: Store) -> None:
    async with serving(store) as site:
        assert (await site.client.post(site.link(old_key=1), data=ONE_CLICK)).status_code == 200
        assert site.subscriber().newsletters == ("weekly",)


@SQLITE
async def test_links_of_a_key_that_was_thrown_away_change_nothing(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, keys=(KEY,))) as site:
        answer = await site.client.post(site.link(old_key=1), data=ONE_CLICK)
        assert answer.status_code == 404
        assert untouched(site)


@SQLITE
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"List-Unsubscribe=",
        b"List-Unsubscribe=Two-Clicks",
        b"act=leave&act=return",
        b"act=delete",
        b"\xff\xfe=\x00",
        b"a=1&" * 100 + b"List-Unsubscribe=One-Click",
    ],
)
async def test_a_post_that_asks_for_nothing_known_changes_nothing(store: Store, body: bytes) -> None:
    async with serving(store) as site:
        answer = await site.client.post(
            site.link() + "?List-Unsubscribe=One-Click&act=leave",
            content=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 400
        assert "editor@ledger.example" in answer.text
        assert untouched(site)


@SQLITE
@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/mixed"]
)
async def test_garbage_as_multipart_changes_nothing(store: Store, kind: str) -> None:
    async with serving(store) as site:
        answer = await site.client.post(
            site.link(), content=b"--y\r\nnonsense: \r\n\r\nOne-Click", headers={"Content-Type": kind}
        )
        assert answer.status_code == 400
        assert untouched(site)


@SQLITE
async def test_a_body_beyond_the_limit_is_refused(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.post(site.link(), content=b"List-Unsubscribe=One-Click&x=" + b"x" * 70_000)
        assert answer.status_code == 413
        assert untouched(site)


@SQLITE
async def test_other_methods_are_refused_and_change_nothing(store: Store) -> None:
    async with serving(store) as site:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = await site.client.request(method, site.link())
            assert answer.status_code == 405
            assert {"GET", "HEAD", "POST"} == set(answer.headers["allow"].split(", "))
        assert untouched(site)


async def test_a_database_that_fails_is_owned_up_to_and_nobody_is_told_that_they_left(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE subscription RENAME TO elsewhere")
        answer = await site.client.post(site.link(), data=ONE_CLICK)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert "our side" in answer.text
        assert "subscription" not in answer.text


async def test_the_button_is_shown_even_where_the_look_cannot_be_noted(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE event RENAME TO elsewhere")
        looked = await site.client.get(site.link())
        assert (looked.status_code, looked.text.count("<button")) == (200, 1)


@SQLITE
async def test_a_damaged_link_says_so_and_names_a_person(store: Store) -> None:
    async with serving(store) as site:
        for path in (site.link()[:-1], site.link() + ".", "/u/", "/u/a/b", "/u/%00", "/u/" + "A" * 5000):
            for answer in (await site.client.get(path), await site.client.post(path, data=ONE_CLICK)):
                assert answer.status_code == 404
                assert "damaged" in answer.text
                assert "editor@ledger.example" in answer.text
        assert untouched(site)
        assert site.events() == []


@SQLITE
async def test_no_mutated_token_changes_anything(store: Store) -> None:
    async with serving(store) as site:
        token = site.link().removeprefix("/u/")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for at in range(len(token)):
            letter = alphabet[(alphabet.index(token[at]) + 1 + at) % 64]
            for mutant in (token[:at] + letter + token[at + 1 :], token[:at] + token[at + 1 :]):
                answer = await site.client.post(f"/u/{mutant}", data=ONE_CLICK)
                assert answer.status_code == 404
        assert untouched(site)


@SQLITE
@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_another_sites_page_presses_no_button_of_ours_but_one_click_comes_from_anywhere(
    store: Store, headers: dict[str, str]
) -> None:
    async with serving(store, lambda pages: replace(pages, rarer=RARER)) as site:
        for act in ("leave", "return", "rarer", "reason"):
            form = {"act": act, "reason": "other"}
            assert (await site.client.post(site.link(), data=form, headers=headers)).status_code == 403
        assert untouched(site)
        assert site.events() == []
        assert (await site.client.post(site.link(), data=ONE_CLICK, headers=headers)).status_code == 200
        assert site.subscriber().newsletters == ("weekly",)


@SQLITE
async def test_looking_gives_no_reason_and_joins_nothing(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, rarer=RARER)) as site:
        site.leave("daily", "weekly")
        before = len(site.events())
        for act in ("return", "rarer", "reason"):
            for method in ("GET", "HEAD"):
                await site.client.request(method, site.link(), params={"act": act, "reason": "other"})
        assert {event.kind for event in site.events()[before:]} == {"unsubscribe.viewed"}
        assert site.subscriber().newsletters == ()


@pytest.mark.parametrize("reason", ["too-often", "not-interested", "did-not-sign-up", "other"])
async def test_one_who_has_left_may_say_why_by_one_click(store: Store, reason: str) -> None:
    async with serving(store) as site:
        left = await site.client.post(site.link(), data=LEAVE)
        assert f'name="reason" value="{reason}"' in left.text
        thanked = await site.client.post(site.link(), data={"act": "reason", "reason": reason})
        assert (thanked.status_code, "Thank you" in thanked.text) == (200, True)
        assert 'name="reason"' not in thanked.text
        (event,) = site.events("subscriber.reason")
        assert (event.detail, event.newsletter, event.issue_id) == (reason, "daily", site.daily.id)
        assert site.subscriber().newsletters == ("weekly",)


@SQLITE
async def test_no_reason_is_taken_from_one_who_reads_or_that_nobody_offered(store: Store) -> None:
    async with serving(store) as site:
        reads = await site.client.post(site.link(), data={"act": "reason", "reason": "other"})
        site.leave("daily")
        invented = await site.client.post(site.link(), data={"act": "reason", "reason": "<b>you</b>"})
        assert (reads.status_code, invented.status_code) == (409, 409)
        assert not site.events("subscriber.reason")


async def test_one_who_gets_too_much_may_have_what_comes_less_often(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, rarer=RARER)) as site:
        leif = join(store, "leif@mail.example", "daily")
        left = await site.client.post(site.link(leif), data=LEAVE)
        assert 'value="rarer"' in left.text
        assert "The Weekly Ledger" in left.text
        assert site.subscriber(leif).state is SubscriberState.UNSUBSCRIBED
        joined = await site.client.post(site.link(leif), data={"act": "rarer"})
        assert (joined.status_code, "The Weekly Ledger" in joined.text) == (200, True)
        reader = site.subscriber(leif)
        assert (reader.state, reader.newsletters) == (SubscriberState.ACTIVE, ("weekly",))
        assert [event.newsletter for event in site.events("subscriber.joined")] == ["weekly"]
        assert 'value="rarer"' not in (await site.client.get(site.link(leif))).text


@SQLITE
async def test_where_nothing_comes_less_often_none_is_offered_or_joined(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, rarer={"daily": ["weekly"]})) as site:
        # Rosa has the weekly one already.
        left = await site.client.post(site.link(), data=LEAVE)
        assert 'value="rarer"' not in left.text
        assert (await site.client.post(site.link(), data={"act": "rarer"})).status_code == 409
        assert site.subscriber().newsletters == ("weekly",)


@SQLITE
async def test_one_who_is_suppressed_joins_nothing_that_comes_less_often(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, rarer=RARER)) as site:
        leif = join(store, "leif@mail.example", "daily")
        with store.write() as session:
            subscribers.suppress(session, "leif@mail.example", bounces.Evidence(reason="complaint"), NOW)
        assert (await site.client.post(site.link(leif), data={"act": "rarer"})).status_code == 409
        assert site.subscriber(leif).newsletters == ("daily",)
        assert not site.events("subscriber.joined")
