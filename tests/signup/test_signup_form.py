import pytest
from signup_site import BOTH, NOW, PUBLIC, ROSA, Site, mark_of, serving, state

from digest.config import Signup
from digest.model import SubscriberState
from digest.store.database import Store

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
EMBEDDED = {"email": ROSA, "newsletter": "daily"}


def nothing_stored(site: Site) -> bool:
    return site.row() is None and not site.mails and not site.events()


@SQLITE
async def test_the_form_has_a_labelled_field_and_no_script(store: Store) -> None:
    async with serving(store) as site:
        page = await site.client.get("/subscribe")
    assert page.status_code == 200
    for part in (
        '<label for="email">',
        'autocomplete="email"',
        'name="website" tabindex="-1"',
        'class="trap" aria-hidden="true"',
        'value="weekly" checked',
    ):
        assert part in page.text
    assert "<script" not in page.text
    assert "set-cookie" not in page.headers


@SQLITE
async def test_looking_stores_nothing(store: Store) -> None:
    async with serving(store) as site:
        for _ in range(3):
            await site.client.get("/subscribe")
            await site.client.head("/subscribe")
        assert nothing_stored(site)


async def test_a_sign_up_waits_for_its_click_and_keeps_the_proof_of_consent(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.sign_up("Rosa@MAIL.example", newsletters=["daily", "weekly"])
        assert (answer.status_code, "Check your inbox" in answer.text) == (200, True)
        row, [mail] = site.row(), site.mails
        assert row is not None
        assert site.reader() is not None
    assert (row.state, row.email, row.confirmed_at) == (
        SubscriberState.PENDING,
        "Rosa@mail.example",
        None,
    )
    assert row.consent.startswith("sign-up form, 2026-11-24 12:00:05")
    assert (row.consent_ip, row.consent_agent) == ("203.0.113.9", "Firefox")
    assert row.consent_form == f"{PUBLIC}/subscribe"
    assert len(row.consent_text) == 12
    assert (mail.kind, mail.subscriber_id, mail.newsletters) == ("confirm", row.id, ["daily", "weekly"])
    with store.read() as session:
        assert session.get(type(mail), mail.id) is not None


@SQLITE
async def test_one_newsletter_needs_no_choice(store: Store) -> None:
    async with serving(store, titles={"daily": "The Daily Ledger"}) as site:
        page = await site.client.get("/subscribe")
        assert "checkbox" not in page.text
        await site.sign_up(newsletters=())
        [mail] = site.mails
    assert mail.newsletters == ["daily"]


@SQLITE
async def test_only_what_is_offered_can_be_chosen(store: Store) -> None:
    async with serving(store, signup=Signup(newsletters=("daily",))) as site:
        assert BOTH["weekly"] not in (await site.client.get("/subscribe")).text
        await site.sign_up(newsletters=("weekly", "secret"))
        [mail] = site.mails
    assert mail.newsletters == ["daily"]


@SQLITE
async def test_without_sign_up_there_is_no_such_page(store: Store) -> None:
    async with serving(store, signup=Signup(enabled=False)) as site:
        assert (await site.client.get("/subscribe")).status_code == 404
        assert (await site.client.post("/subscribe", data=EMBEDDED)).status_code == 404


@SQLITE
@pytest.mark.parametrize(
    "email",
    [
        "",
        "rosa",
        "rosa@mail.example\r\nBcc: all@mail.example",
        "rosa@mail.example>\r\nRCPT TO:<all@mail.example",
        "Rosa <rosa@mail.example>",
        "rosa@mail.example,all@mail.example",
        "a" * 65 + "@mail.example",
        "rosa@mail.example\x00",
        '<script>alert(1)</script>@"mail.example',
    ],
)
async def test_what_is_no_address_is_said_at_the_field_and_stored_nowhere(store: Store, email: str) -> None:
    async with serving(store) as site:
        answer = await site.sign_up(email)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert "<script" not in answer.text
        assert nothing_stored(site)


@SQLITE
async def test_no_choice_is_said_at_the_choices(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.sign_up(newsletters=())
        assert answer.status_code == 422
        assert "Choose at least one" in answer.text
        assert nothing_stored(site)


@SQLITE
async def test_an_internationalised_domain_goes_as_a_label(store: Store) -> None:
    async with serving(store) as site:
        await site.sign_up("rosa@bücher.example")
        [mail] = site.mails
    assert mail.email == "rosa@xn--bcher-kva.example"


async def test_an_embedded_form_leads_to_our_page_with_one_button(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.post(
            "/subscribe", data=EMBEDDED, headers={"Referer": "https://ledger.example/about/?utm=x"}
        )
        assert answer.status_code == 200
        assert answer.text.count("<button") == 1
        assert f'type="hidden" name="email" value="{ROSA}"' in answer.text
        assert nothing_stored(site)
        await site.mark(wait=3)
        done = await site.client.post("/subscribe", data=EMBEDDED | {"mark": mark_of(answer)})
        assert "Check your inbox" in done.text
        row = site.row()
    assert row is not None
    assert row.consent_form == "https://ledger.example/about/"


@SQLITE
@pytest.mark.parametrize(
    "referer",
    ["https://elsewhere.example/", "https://ledger.example.evil.example/", "javascript:1", "http://["],
)
async def test_the_page_of_a_stranger_is_kept_nowhere(store: Store, referer: str) -> None:
    async with serving(store) as site:
        shown = await site.client.post("/subscribe", data=EMBEDDED, headers={"Referer": referer})
        await site.mark(wait=3)
        await site.client.post("/subscribe", data=EMBEDDED | {"mark": mark_of(shown)})
        row = site.row()
    assert row is not None
    assert row.consent_form == f"{PUBLIC}/subscribe"


@SQLITE
async def test_another_sites_page_cannot_sign_anybody_up_even_with_a_mark(store: Store) -> None:
    async with serving(store) as site:
        for origin in ("cross-site", "same-site"):
            answer = await site.sign_up(headers={"Sec-Fetch-Site": origin})
            assert "Check your inbox" not in answer.text
            assert nothing_stored(site)


@SQLITE
async def test_who_is_too_fast_gets_the_form_once_more_and_then_may(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.sign_up(mark=await site.mark(wait=1))
        assert "Check your inbox" not in answer.text
        assert nothing_stored(site)
        site.now = NOW.replace(second=4)
        done = await site.client.post("/subscribe", data=EMBEDDED | {"mark": mark_of(answer)})
        assert "Check your inbox" in done.text
        assert state(site) is SubscriberState.PENDING


@SQLITE
async def test_what_fills_in_the_trap_is_told_the_same_and_does_nothing(store: Store) -> None:
    async with serving(store) as site:
        trapped = await site.sign_up(website="https://pills.example")
        assert nothing_stored(site)
        honest = await site.sign_up()
    assert (trapped.status_code, trapped.content) == (honest.status_code, honest.content)


@SQLITE
@pytest.mark.parametrize("cut", [0, 1, 20])
async def test_a_damaged_mark_is_as_none(store: Store, cut: int) -> None:
    async with serving(store) as site:
        mark = await site.mark()
        bad = mark[cut + 1 :] if cut else "A" * len(mark)
        answer = await site.sign_up(mark=bad)
        assert "Check your inbox" not in answer.text
        assert nothing_stored(site)


@SQLITE
async def test_a_mark_of_yesterday_is_as_none(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.sign_up(mark=await site.mark(wait=86_401))
        assert "Check your inbox" not in answer.text
        assert nothing_stored(site)


@SQLITE
async def test_ten_megabytes_are_refused(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.post("/subscribe", content=b"email=" + b"a" * 10_000_000)
        assert answer.status_code == 413
        assert nothing_stored(site)


@SQLITE
async def test_what_is_typed_is_shown_as_text(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.post("/subscribe", data={"email": '"><b>rosa</b>', "newsletter": "<i>"})
        assert "<b>rosa" not in answer.text
        assert "<i>" not in answer.text
