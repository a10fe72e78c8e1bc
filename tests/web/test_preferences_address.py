import asyncio
from datetime import datetime, timedelta
from html import escape

import pytest
from preferences_site import CROSS_SITE, chosen, dump, mails, own, untouched
from sqlmodel import Session
from web_site import NOW, ROSA, Site, join, serving

from digest.address import MAX_ADDRESS
from digest.links import LinkKind
from digest.model import Recipient, SubscriberState
from digest.store import bounces, erasure, newaddress, readermail, stats, subscribers
from digest.store.bounces import Effect, Evidence
from digest.store.database import Store
from digest.store.prepared import hand

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
NEW = "Rosa.New@mail.example"
DAY = timedelta(days=1)


async def ask(site: Site, email: str = NEW, **said: int) -> str:
    """Ask for a new address; give the path of the link that its mail has."""
    before = len(mails(site, newaddress.CHANGE))
    answer = await site.client.post(own(site), data={"act": "address", "email": email})
    assert answer.status_code == 200
    mail = mails(site, newaddress.CHANGE)[before]
    assert mail.id is not None
    return own(site, kind=LinkKind.CONFIRM, **{"issue_id": mail.id} | said)


async def test_a_new_address_is_asked_before_anything_changes(store: Store) -> None:
    async with serving(store) as site:
        path = await ask(site)
        (mail,) = mails(site)
        assert (mail.kind, mail.email, mail.subscriber_id, mail.next_at) == ("change", NEW, site.rosa, NOW)
        assert site.subscriber().email == ROSA
        assert "waits to be confirmed" in (await site.client.get(own(site))).text
        for method in ("GET", "HEAD", "GET"):
            looked = await site.client.request(method, path)
        assert "Yes, use it" in looked.text
        assert "R•••@mail.example" in looked.text
        assert site.subscriber().email == ROSA
        assert [event.kind for event in site.events()] == ["subscriber.change_asked"]


async def test_the_button_moves_the_reader_and_ends_what_the_old_address_could_do(store: Store) -> None:
    async with serving(store) as site:
        path, former_own, former_leave = await ask(site), own(site), site.link()
        done = await site.client.post(path, data={"act": "change"})
        assert (done.status_code, "Your address is changed" in done.text) == (200, True)
        reader = site.subscriber()
        assert (reader.email, reader.address_version, reader.newsletters) == (NEW, 2, ("daily", "weekly"))
        notice = mails(site, newaddress.CHANGED)[0]
        assert (notice.email, notice.subscriber_id) == (ROSA, site.rosa)
        for old in (former_own, former_leave):
            for form in ({"act": "leave"}, {"act": "erase"}, {"List-Unsubscribe": "One-Click"}):
                answer = await site.client.post(old, data=form)
                assert answer.status_code in (200, 400)
        with store.write() as session:
            asked = Recipient(id=site.rosa, email=ROSA, address_version=1)
            bounces.blame(session, site.rosa, Effect.SUPPRESS, Evidence(reason="dead", asked=asked), NOW)
        assert site.subscriber() == reader
        assert "Your settings" in (await site.client.get(own(site, address_version=2))).text
        told = [event.kind for event in site.events() if event.kind.startswith("subscriber.")]
        assert told == ["subscriber.change_asked", "subscriber.address_changed"]
        assert all("mail.example" not in event.detail for event in site.events())


async def test_pressing_it_again_says_so_and_does_nothing(store: Store) -> None:
    async with serving(store) as site:
        path = await ask(site)
        answers = await asyncio.gather(
            *(site.client.post(path, data={"act": "change"}, timeout=30) for _ in range(8))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert "Your address is changed" in (await site.client.get(path)).text
        assert site.subscriber().address_version == 2
        assert len(mails(site, newaddress.CHANGED)) == len(site.events("subscriber.address_changed")) == 1


@SQLITE
async def test_no_other_link_confirms_an_address(store: Store) -> None:
    async with serving(store) as site:
        path = await ask(site)
        leif = join(store, "leif@mail.example", "daily")
        with store.write() as session:
            signup = readermail.queue(
                hand(session),
                kind="confirm",
                subscriber_id=site.rosa,
                email=ROSA,
                newsletters=["daily"],
                now=NOW,
            )
        mail_id = mails(site, "change")[0].id or 0
        others = [
            own(site, leif, kind=LinkKind.CONFIRM, issue_id=mail_id),
            own(site, kind=LinkKind.CONFIRM, issue_id=mail_id, address_version=2),
            own(site, kind=LinkKind.CONFIRM, issue_id=signup),
            own(site, kind=LinkKind.CONFIRM, issue_id=4711),
            own(site, kind=LinkKind.CONFIRM),
            own(site, 4711, kind=LinkKind.CONFIRM, issue_id=mail_id),
        ]
        for other in others:
            assert (await site.client.get(other)).status_code == 410
            assert (await site.client.post(other, data={"act": "change"})).status_code == 410
        for kind in (LinkKind.PREFERENCES, LinkKind.UNSUBSCRIBE):
            other = own(site, kind=kind, issue_id=mail_id)
            assert (await site.client.post(other, data={"act": "change"})).status_code in (400, 404)
        token = path.removeprefix("/p/")
        assert (await site.client.post(f"/c/{token}", data={"act": "confirm"})).status_code == 410
        assert (
            await site.client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
        ).status_code == 404
        assert site.subscriber().email == ROSA
        assert site.subscriber(leif).email == "leif@mail.example"


@SQLITE
@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_another_sites_page_confirms_no_address(store: Store, headers: dict[str, str]) -> None:
    async with serving(store) as site:
        path = await ask(site)
        assert (await site.client.post(path, data={"act": "change"}, headers=headers)).status_code == 403
        assert (await site.client.get(path, params={"act": "change"})).status_code == 200
        assert site.subscriber().email == ROSA


@SQLITE
async def test_asking_anew_ends_the_link_that_was_asked_before(store: Store) -> None:
    async with serving(store) as site:
        first, second = await ask(site), await ask(site, "other@mail.example")
        assert (await site.client.post(first, data={"act": "change"})).status_code == 410
        assert (await site.client.post(second, data={"act": "change"})).status_code == 200
        assert site.subscriber().email == "other@mail.example"


async def test_the_link_is_good_for_seven_days_and_then_the_address_is_forgotten(store: Store) -> None:
    async with serving(store) as site:
        path = await ask(site)
        mail_id = mails(site)[0].id or 0
        with store.write() as session:
            readermail.sent(session, mail_id, NOW)
            _purge(session, NOW + 7 * DAY - timedelta(seconds=1))
        assert chosen(site).new_address == NEW
        with store.write() as session:
            _purge(session, NOW + 7 * DAY)
        assert (await site.client.post(path, data={"act": "change"})).status_code == 410
        assert NEW not in dump(store)
        assert site.subscriber().email == ROSA


def _purge(session: Session, now: datetime) -> None:
    stats.purge(session, keep_ip_days=30, keep_deliveries_days=400, now=now)


async def test_what_is_answered_tells_nothing_of_an_address(store: Store) -> None:
    async with serving(store) as site:
        join(store, "a.taken@mail.example", "daily")
        with store.write() as session:
            subscribers.suppress(session, "a.dead@mail.example", Evidence(reason="complaint"), NOW)
        told = set()
        for email in ("a.dead@mail.example", "a.free@mail.example", "a.taken@mail.example"):
            answer = await site.client.post(own(site), data={"act": "address", "email": email})
            told |= {answer.text, (await site.client.get(own(site))).text.replace("<h1>", "<h1>looked at: ")}
            assert (answer.status_code, answer.text.count("on its way there")) == (200, 1)
        assert len(told) == 2
        assert [mail.email for mail in mails(site)] == ["", "a.free@mail.example", "a.taken@mail.example"]


async def test_the_address_of_another_reader_is_not_taken_over(store: Store) -> None:
    async with serving(store) as site:
        other = join(store, "rosa.new@mail.example", "daily")
        path = await ask(site)
        answer = await site.client.post(path, data={"act": "change"})
        assert (answer.status_code, "has our mail already" in answer.text) == (409, True)
        assert (site.subscriber().email, site.subscriber().address_version) == (ROSA, 1)
        assert site.subscriber(other).email == "rosa.new@mail.example"
        assert not mails(site, newaddress.CHANGED)


@SQLITE
async def test_an_address_suppressed_or_a_reader_suppressed_meanwhile_changes_nothing(store: Store) -> None:
    async with serving(store) as site:
        path = await ask(site)
        with store.write() as session:
            subscribers.suppress(session, NEW, Evidence(reason="complaint"), NOW)
        assert (await site.client.post(path, data={"act": "change"})).status_code == 410
        with store.write() as session:
            subscribers.suppress(session, ROSA, Evidence(reason="complaint"), NOW)
        assert (await site.client.post(path, data={"act": "change"})).status_code == 410
        assert (site.subscriber().email, site.subscriber().state) == (ROSA, SubscriberState.SUPPRESSED)


@SQLITE
@pytest.mark.parametrize(
    "email",
    [
        "",
        "rosa",
        "a@b@c.example",
        "rosa@mail.example\r\nBcc: x@y.example",
        "x" * 400,
        "<rosa@mail.example>",
        "ä",
    ],
)
async def test_what_is_no_address_is_said_and_mails_nobody(store: Store, email: str) -> None:
    async with serving(store) as site:
        answer = await site.client.post(own(site), data={"act": "address", "email": email})
        assert (answer.status_code, "aria-invalid" in answer.text) == (400, True)
        assert f'name="email" value="{escape(email[:MAX_ADDRESS])}"' in answer.text
        assert untouched(site)


@SQLITE
async def test_one_reader_cannot_have_us_mail_strangers_on_and_on(store: Store) -> None:
    async with serving(store) as site:
        for number in range(12):
            await site.client.post(own(site), data={"act": "address", "email": f"s{number}@mail.example"})
        for _ in range(3):
            await site.client.post(own(site), data={"act": "address", "email": "s0@mail.example"})
        assert [mail.email for mail in mails(site) if mail.email] == [
            "s0@mail.example",
            "s1@mail.example",
            "s2@mail.example",
        ]


async def test_one_address_is_asked_once_a_day_whoever_wants_it(store: Store) -> None:
    async with serving(store) as site:
        leif = join(store, "leif@mail.example", "daily")
        form = {"act": "address", "email": NEW}
        await site.client.post(own(site), data=form)
        await site.client.post(own(site, leif), data=form)
        assert len([mail for mail in mails(site) if mail.email]) == 1


@SQLITE
async def test_one_who_was_erased_may_be_named_as_a_new_address(store: Store) -> None:
    async with serving(store) as site:
        join(store, NEW, "daily")
        with store.write() as session:
            gone = subscribers.find(session, NEW)
            assert gone is not None
            erasure.erase(session, gone, NOW)
        path = await ask(site)
        assert (await site.client.post(path, data={"act": "change"})).status_code == 200
        assert site.subscriber().email == NEW
