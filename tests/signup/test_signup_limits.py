import asyncio

import pytest
from signup_site import ROSA, Site, serving, state

from digest.config import Signup
from digest.model import SubscriberState
from digest.store import limits, readermail, signups
from digest.store.database import Store

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DAY, HOUR = 86_400, 3_600


async def test_every_address_gets_the_same_answer(store: Store) -> None:
    async with serving(store) as site:
        site.join("reads@mail.example", "daily")
        site.leave(site.join("left@mail.example", "daily"), "daily")
        site.suppress("bounced@mail.example")
        site.join("dead@mail.example", "daily")
        site.suppress("dead@mail.example")
        await site.sign_up("pending@mail.example")
        known = ("new", "reads", "left", "bounced", "dead", "pending")
        answers = [await site.sign_up(f"{name}@mail.example") for name in known]
        mailed = [(mail.email.partition("@")[0], mail.kind) for mail in site.mails]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert mailed == [("pending", "confirm"), ("new", "confirm"), ("reads", "already"), ("left", "confirm")]


@SQLITE
async def test_who_is_suppressed_stays_so_and_leaves_no_pending_row(store: Store) -> None:
    async with serving(store) as site:
        site.suppress(ROSA)
        await site.sign_up()
        assert state(site) is None
        assert [event.detail for event in site.events("signup.not_mailed")] == ["suppressed"]


async def test_an_address_is_asked_once_a_day_and_no_third_time_without_a_click(store: Store) -> None:
    async with serving(store) as site:
        mails = []
        for _ in range(4):
            for _ in range(3):
                await site.sign_up()
            mails.append(len(site.mails))
            site.now = site.now.replace(hour=13) + site.now.resolution * DAY * 1_000_000
    assert mails == [1, 2, 2, 2]


@SQLITE
async def test_a_click_begins_to_count_anew(store: Store) -> None:
    async with serving(store) as site:
        await site.sign_up()
        await site.press(site.link(site.mails[-1]))
        await site.sign_up(newsletters=["weekly"])
        assert [mail.newsletters for mail in site.mails] == [["daily"], ["weekly"]]


@SQLITE
@pytest.mark.parametrize(
    ("ips", "most"),
    [
        pytest.param(["192.0.2.7"] * 40, 10, id="address"),
        pytest.param([f"192.0.2.{number}" for number in range(40)], 30, id="network"),
        pytest.param([f"2001:db8:0:{number:x}::1" for number in range(40)], 30, id="network-v6"),
        pytest.param([f"2001:db8:{number:x}::1" for number in range(40)], 40, id="many-networks"),
        pytest.param(["::ffff:192.0.2.7"] * 6 + ["192.0.2.7"] * 6, 10, id="mapped"),
        pytest.param(["no address"] * 12, 10, id="nonsense"),
    ],
)
async def test_one_place_may_not_sign_up_everybody(store: Store, ips: list[str], most: int) -> None:
    async with serving(store) as site:
        mark = await site.mark()
        answers = [
            await site.sign_up(f"reader{number}@mail.example", ip=ip, mark=mark)
            for number, ip in enumerate(ips)
        ]
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1
        assert len(site.mails) == most


async def test_limits_survive_a_restart_and_end_after_their_hour(store: Store) -> None:
    signup = Signup(per_ip=2)
    async with serving(store, signup=signup) as site:
        for name in "abc":
            await site.sign_up(f"{name}@mail.example")
        later = site.now
    async with serving(store, signup=signup, now=later) as site:
        await site.sign_up("d@mail.example")
        assert len(site.mails) == 2
        site.now += site.now.resolution * HOUR * 1_000_000
        await site.sign_up("e@mail.example")
        assert len(site.mails) == 3


@SQLITE
async def test_a_flood_from_everywhere_is_stopped(store: Store) -> None:
    async with serving(store, signup=Signup(in_all=3)) as site:
        for number in range(6):
            await site.sign_up(f"r{number}@mail.example", ip=f"192.0.{number}.1")
        assert len(site.mails) == 3


@SQLITE
async def test_no_limit_is_0(store: Store) -> None:
    async with serving(store, signup=Signup(per_ip=0, per_network=0, in_all=0)) as site:
        mark = await site.mark()
        for number in range(35):
            await site.sign_up(f"r{number}@mail.example", mark=mark)
        assert len(site.mails) == 35


def purged(site: Site) -> tuple[int, int]:
    with site.store.write() as session:
        gone = signups.purge(session, site.now)
        readermail.purge(session, site.now)
        return gone, limits.purge(session, site.now)


async def test_who_never_confirms_is_forgotten_after_seven_days(store: Store) -> None:
    async with serving(store) as site:
        site.join("imported@mail.example", "daily")
        await site.sign_up()
        [mail] = site.mails
        site.now += site.now.resolution * (7 * DAY - 10) * 1_000_000
        assert purged(site)[0] == 0
        site.now += site.now.resolution * 20 * 1_000_000
        assert (await site.client.get(site.link(mail))).status_code == 410
        assert purged(site)[0] == 1
        assert state(site) is None
        assert not site.mails
        assert (await site.press(site.link(mail))).status_code == 410
        asked = site.events("signup.asked")
        assert [(event.ip, event.agent, event.detail) for event in asked] == [("", "", "")]
        assert state(site, "imported@mail.example") is SubscriberState.ACTIVE
        site.now += site.now.resolution * 60 * DAY * 1_000_000
        assert purged(site)[1] > 0


@SQLITE
async def test_who_asked_again_is_forgotten_later(store: Store) -> None:
    async with serving(store) as site:
        await site.sign_up()
        site.now += site.now.resolution * 6 * DAY * 1_000_000
        await site.sign_up()
        site.now += site.now.resolution * 2 * DAY * 1_000_000
        assert purged(site)[0] == 0
        site.now += site.now.resolution * 6 * DAY * 1_000_000
        assert purged(site)[0] == 1


async def test_a_hundred_at_once_are_one_sign_up(store: Store) -> None:
    async with serving(store, signup=Signup(per_ip=0, per_network=0)) as site:
        mark = await site.mark()
        answers = await asyncio.gather(*(site.sign_up(mark=mark) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(site.mails) == 1
        assert state(site) is SubscriberState.PENDING


async def test_a_hundred_at_once_press_one_button_once(store: Store) -> None:
    async with serving(store) as site:
        await site.sign_up()
        path = site.link(site.mails[-1])
        answers = await asyncio.gather(*(site.press(path) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(site.events("subscriber.confirmed")) == len(site.events("subscriber.joined")) == 1
