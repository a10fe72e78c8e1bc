import pytest
from signup_site import NOW, OTHER_KEY, PUBLIC, ROSA, Site, serving, state

from digest.config import Signup
from digest.links import LinkKind
from digest.model import SubscriberState
from digest.store.database import Store
from digest.store.erasure import erase
from digest.store.reader_tables import ReaderMailRow

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DAY = 86_400


async def asked(site: Site, *newsletters: str) -> ReaderMailRow:
    await site.sign_up(newsletters=newsletters or ("daily",))
    return site.mails[-1]


def newsletters(site: Site) -> tuple[str, ...]:
    reader = site.reader()
    return reader.newsletters if reader else ()


async def test_the_button_makes_a_reader_and_keeps_the_proof(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site, "daily", "weekly")
        shown = await site.client.get(site.link(mail))
        assert "r•••@mail.example" in shown.text
        assert ROSA not in shown.text
        site.now += site.now.resolution * 3600 * 1_000_000
        done = await site.press(site.link(mail))
        assert (done.status_code, "You are signed up" in done.text) == (200, True)
        row = site.row()
        assert row is not None
        assert newsletters(site) == ("daily", "weekly")
        kinds = [(event.kind, event.newsletter, event.ip) for event in site.events() if event.id]
    assert (row.state, row.confirmed_at, row.confirmed_ip) == (
        SubscriberState.ACTIVE,
        site.now,
        "198.51.100.4",
    )
    assert row.consent.startswith("sign-up form, 2026-11-24 12:00:05")
    assert (row.consent_ip, row.consent_agent) == ("203.0.113.9", "Firefox")
    assert (row.consent_form, len(row.consent_text)) == (f"{PUBLIC}/subscribe", 12)
    assert kinds == [
        ("signup.asked", "", "203.0.113.9"),
        ("subscriber.confirmed", "", "198.51.100.4"),
        ("subscriber.joined", "daily", "198.51.100.4"),
        ("subscriber.joined", "weekly", "198.51.100.4"),
    ]


async def test_looking_at_the_link_changes_nothing(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        before = len(site.events())
        for _ in range(3):
            assert (await site.client.get(site.link(mail))).status_code == 200
            assert (await site.client.head(site.link(mail))).status_code == 200
        assert state(site) is SubscriberState.PENDING
        assert len(site.events()) == before


@SQLITE
async def test_a_second_press_changes_nothing_more(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        first = await site.press(site.link(mail))
        before = len(site.events())
        again = await site.press(site.link(mail))
        assert (again.status_code, again.content) == (200, first.content)
        assert "You are signed up" in (await site.client.get(site.link(mail))).text
        assert len(site.events()) == before


@SQLITE
async def test_an_old_link_does_not_bring_back_who_has_left(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        await site.press(site.link(mail))
        site.leave(mail.subscriber_id, "daily")
        assert (await site.press(site.link(mail))).status_code == 410
        assert state(site) is SubscriberState.UNSUBSCRIBED


async def test_who_has_left_comes_back_by_the_click_alone(store: Store) -> None:
    async with serving(store) as site:
        rosa = site.join(ROSA, "daily")
        site.leave(rosa, "daily")
        mail = await asked(site)
        row = site.row()
        assert row is not None
        assert (row.state, row.consent) == (SubscriberState.UNSUBSCRIBED, "operator")
        await site.press(site.link(mail))
        row = site.row()
        assert row is not None
        assert (row.state, row.left_at, newsletters(site)) == (SubscriberState.ACTIVE, None, ("daily",))
        assert (row.consent_ip, row.confirmed_at) == ("203.0.113.9", site.now)
        assert site.events("subscriber.returned")


@SQLITE
async def test_a_reader_is_asked_about_what_is_new_alone_and_keeps_the_first_consent(store: Store) -> None:
    async with serving(store) as site:
        site.join(ROSA, "daily")
        mail = await asked(site, "daily", "weekly")
        assert (mail.kind, mail.newsletters) == ("confirm", ["weekly"])
        await site.press(site.link(mail))
        row = site.row()
        assert row is not None
        assert (newsletters(site), row.consent) == (("daily", "weekly"), "operator")


@SQLITE
async def test_a_stranger_who_signs_up_a_reader_changes_nothing(store: Store) -> None:
    async with serving(store) as site:
        site.join(ROSA, "daily")
        before = site.row()
        mail = await asked(site)
        assert mail.kind == "already"
        assert site.row() == before
        assert (await site.press(site.link(mail))).status_code == 410


async def test_this_was_not_me_forgets_a_new_address_and_asks_it_no_more(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        said = await site.press(site.link(mail), "not-me")
        assert (said.status_code, "Thank you" in said.text) == (200, True)
        assert state(site) is None
        assert not site.mails
        assert (await site.press(site.link(mail))).status_code == 410
        site.now += site.now.resolution * 300 * DAY * 1_000_000
        await site.sign_up()
        assert not site.mails
        assert state(site) is None
        site.now += site.now.resolution * 70 * DAY * 1_000_000
        await site.sign_up()
        assert len(site.mails) == 1


@SQLITE
async def test_this_was_not_me_leaves_a_reader_as_she_is(store: Store) -> None:
    async with serving(store) as site:
        site.join(ROSA, "daily")
        mail = await asked(site, "weekly")
        await site.press(site.link(mail), "not-me")
        assert newsletters(site) == ("daily",)
        assert (await site.press(site.link(mail))).status_code == 410
        assert newsletters(site) == ("daily",)


@SQLITE
async def test_a_link_is_good_for_its_own_mail_and_address_alone(store: Store) -> None:
    async with serving(store) as site:
        await site.sign_up("other@mail.example")
        other = site.mails[-1]
        mail = await asked(site)
        forged = [
            site.link(mail, issue_id=other.id or 0),
            site.link(mail, subscriber_id=other.subscriber_id),
            site.link(mail, address_version=2),
            site.link(mail, issue_id=99),
            site.link(mail, subscriber_id=99),
        ]
        for path in forged:
            assert (await site.press(path)).status_code == 410
        damaged = [
            site.link(mail, key=OTHER_KEY),
            site.link(mail, kind=LinkKind.UNSUBSCRIBE),
            site.link(mail, kind=LinkKind.PREFERENCES),
            site.link(mail)[:-1],
            "/c/",
            "/c/../../etc/passwd",
        ]
        for path in damaged:
            assert (await site.press(path)).status_code == 404
        assert state(site) is state(site, "other@mail.example") is SubscriberState.PENDING


@SQLITE
@pytest.mark.parametrize("act", ["", "leave", "one-click", "Confirm me"])
async def test_a_post_that_asks_for_nothing_known_changes_nothing(store: Store, act: str) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        assert (await site.press(site.link(mail), act)).status_code == 400
        assert state(site) is SubscriberState.PENDING


@SQLITE
async def test_the_link_of_one_who_is_suppressed_meanwhile_does_nothing(store: Store) -> None:
    async with serving(store) as site:
        mail = await asked(site)
        site.suppress(ROSA)
        assert (await site.press(site.link(mail))).status_code == 410
        assert state(site) is SubscriberState.SUPPRESSED


@SQLITE
async def test_one_who_was_erased_may_come_back_by_an_act_of_her_own(store: Store) -> None:
    async with serving(store) as site:
        site.join(ROSA, "daily")
        reader = site.reader()
        assert reader is not None
        with store.write() as session:
            erase(session, reader, NOW)
        mail = await asked(site)
        await site.press(site.link(mail))
        assert state(site) is SubscriberState.ACTIVE


@SQLITE
@pytest.mark.parametrize(
    ("welcome", "kinds"),
    [("none", []), ("mail", ["welcome"]), ("issue", ["welcome", "issue", "issue"])],
)
async def test_a_new_reader_is_greeted_as_configured(store: Store, welcome: str, kinds: list[str]) -> None:
    async with serving(store, signup=Signup.model_validate({"welcome": welcome})) as site:
        mail = await asked(site, "daily", "weekly")
        await site.press(site.link(mail))
        await site.press(site.link(mail))
        assert [one.kind for one in site.mails[1:]] == kinds
