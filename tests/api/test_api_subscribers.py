import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from api_site import CONSENT, NOW, ROSA, Api, serving
from sqlmodel import col, select

from digest.config.signup import Signup
from digest.model import SubscriberState
from digest.store import subscribers
from digest.store.database import Store
from digest.store.reader_tables import ReaderMailRow
from digest.store.tables import EventRow, SubscriberRow

JSON = {"Content-Type": "application/json"}
ADDITION = {"email": ROSA, "newsletters": ["daily"]}


ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what never reaches a database."""


@pytest.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    async with serving(store) as made:
        yield made


def mails(store: Store) -> list[ReaderMailRow]:
    with store.read() as session:
        return list(session.exec(select(ReaderMailRow).order_by(col(ReaderMailRow.id))))


async def test_one_with_consent_is_added_at_once_with_its_proof(api: Api) -> None:
    answer = await api.client.post(
        "/subscribers", json={**ADDITION, "email": "Rosa@MAIL.example", "name": "Rosa", "consent": CONSENT}
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["outcome"], told["asked"]) == ("added", False)
    assert (
        told["subscriber"].items()
        >= {
            "email": "Rosa@mail.example",
            "name": "Rosa",
            "state": "active",
            "newsletters": ["daily"],
            "consent": "checkout of the shop",
        }.items()
    )
    assert datetime.fromisoformat(told["subscriber"]["confirmed_at"]) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    with api.store.read() as session:
        row = session.exec(select(SubscriberRow)).one()
    assert (row.consent_ip, row.consent_text) == ("192.0.2.7", "v3")
    assert mails(api.store) == []


async def test_one_without_consent_is_asked_by_mail_and_not_mailed_before(api: Api) -> None:
    answer = await api.client.post("/subscribers", json=ADDITION)
    assert (answer.status_code, answer.json()["asked"]) == (202, True)
    assert answer.json()["subscriber"]["state"] == "pending"
    assert [(mail.kind, mail.email) for mail in mails(api.store)] == [("confirm", ROSA)]


async def test_a_second_question_on_the_same_day_is_not_mailed(api: Api) -> None:
    await api.client.post("/subscribers", json=ADDITION)
    answer = await api.client.post("/subscribers", json=ADDITION)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["asked"]) == (200, "unchanged", False)
    assert len([mail for mail in mails(api.store) if mail.next_at]) == 1


async def test_consent_confirms_one_who_is_pending(api: Api) -> None:
    await api.client.post("/subscribers", json=ADDITION)
    answer = await api.client.post("/subscribers", json={**ADDITION, "consent": CONSENT})
    assert (answer.json()["outcome"], answer.json()["subscriber"]["state"]) == ("updated", "active")


async def test_one_who_gets_it_already_is_told_unchanged_and_not_mailed(api: Api) -> None:
    api.reader()
    for consent in ({}, {"consent": CONSENT}):
        answer = await api.client.post("/subscribers", json=ADDITION | consent)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "unchanged")
    assert mails(api.store) == []


@pytest.mark.parametrize("consent", [{}, {"consent": CONSENT}], ids=["to be asked", "with consent"])
async def test_nobody_who_has_left_is_revived_by_software(api: Api, consent: dict[str, object]) -> None:
    api.reader(ROSA, "daily", "weekly")
    api.leaves(ROSA, "daily")
    before = api.known()
    answer = await api.client.post(
        "/subscribers", json={"email": ROSA, "newsletters": ["weekly", "daily"], "name": "R"} | consent
    )
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "left" in answer.json()["detail"]
    assert api.known() == before
    api.leaves(ROSA, "weekly")
    answer = await api.client.post("/subscribers", json={"email": ROSA, "newsletters": ["weekly"]} | consent)
    assert (answer.status_code, api.known().state) == (409, SubscriberState.UNSUBSCRIBED)
    assert mails(api.store) == []


@pytest.mark.parametrize("consent", [{}, {"consent": CONSENT}], ids=["to be asked", "with consent"])
async def test_a_suppressed_address_stays_suppressed(api: Api, consent: dict[str, object]) -> None:
    api.reader()
    api.suppress()
    api.suppress("never@mail.example")
    for email in (ROSA, "never@mail.example"):
        answer = await api.client.post("/subscribers", json=ADDITION | {"email": email} | consent)
        assert answer.status_code == 409
    assert mails(api.store) == []


async def test_an_erased_one_is_not_brought_back_and_may_be_asked(api: Api) -> None:
    found = api.reader()
    assert (await api.client.delete(f"/subscribers/{found}")).status_code == 204
    answer = await api.client.post("/subscribers", json={**ADDITION, "consent": CONSENT})
    assert answer.status_code == 409
    assert (await api.client.post("/subscribers", json=ADDITION)).status_code == 202


async def test_a_flood_of_questions_ends(store: Store) -> None:
    async with serving(store, signup=Signup(in_all=2, per_ip=1)) as api:
        said = [
            (
                await api.client.post(
                    "/subscribers", json=ADDITION | {"email": f"reader{n}@mail.example", "ip": ip}
                )
            ).status_code
            for n, ip in enumerate(("192.0.2.7", "192.0.2.7", "", "", ""))
        ]
    assert said == [202, 429, 202, 429, 429]


WRONG = {
    "no address": {"email": "rosa"},
    "a header in the address": {"email": "rosa@mail.example\r\nBcc: x@y.example"},
    "a header in the name": {"name": "Rosa\r\nBcc: x@y.example"},
    "a NUL": {"name": "Rosa\0"},
    "half a character": {"name": "\ud800"},
    "an unknown newsletter": {"newsletters": ["hourly"]},
    "no newsletter": {"newsletters": []},
    "a field that is not known": {"\ud800admin": True},
    "consent from the future": {"consent": CONSENT | {"at": "2027-11-24T12:00:00Z"}},
    "consent without a zone": {"consent": CONSENT | {"at": "2026-11-24T12:00:00"}},
    "consent as a number": {"consent": CONSENT | {"at": 0}},
    "consent in the year one": {"consent": CONSENT | {"at": "0001-01-01T00:00:00+12:00"}},
    "a list": [],
}


@ON_SQLITE
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
async def test_what_is_no_addition_is_refused_with_the_place(api: Api, change: object) -> None:
    body = {**ADDITION, **change} if isinstance(change, dict) else change
    # As ASCII: a lone surrogate can be sent in no other way.
    answer = await api.client.post("/subscribers", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("body")
    with api.store.read() as session:
        assert subscribers.each(session) == []


@ON_SQLITE
@pytest.mark.parametrize(
    "octets", [b"{", b"\xff\xfe", b"", b'{"a":' * 50_000], ids=["cut", "no text", "none", "deep"]
)
async def test_a_body_that_is_no_json_is_refused(api: Api, octets: bytes) -> None:
    answer = await api.client.post("/subscribers", content=octets, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_subscriber_is_found_by_id_and_by_any_spelling(api: Api) -> None:
    found = api.reader()
    by_id = await api.client.get(f"/subscribers/{found}")
    by_email = await api.client.get("/subscribers", params={"email": "ROSA@mail.example"})
    assert by_id.json() == by_email.json()
    assert (by_id.json()["id"], by_id.json()["email"]) == (found, ROSA)
    for answer in (
        await api.client.get("/subscribers/99"),
        await api.client.get("/subscribers", params={"email": "nobody@mail.example"}),
        await api.client.get("/nothing"),
    ):
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_unsubscribing_is_at_once_and_as_often_as_asked(api: Api) -> None:
    found = api.reader(ROSA, "daily", "weekly")
    one = await api.client.post(f"/subscribers/{found}/unsubscribe", json={"newsletters": ["weekly"]})
    assert (one.json()["state"], one.json()["newsletters"]) == ("active", ["daily"])
    for _ in range(2):
        answer = await api.client.post(f"/subscribers/{found}/unsubscribe")
        assert (answer.status_code, answer.json()["state"]) == (200, "unsubscribed")
    assert (await api.client.post("/subscribers/99/unsubscribe")).status_code == 404


async def test_what_changes_is_told_in_order_page_by_page(api: Api) -> None:
    found = api.reader()
    other = api.reader("ben@mail.example")
    first = (await api.client.get("/changes", params={"limit": 1})).json()
    assert first["more"]
    assert [(one["kind"], one["subscriber_id"], one["email"]) for one in first["changes"]] == [
        ("subscriber.added", found, ROSA)
    ]
    await api.client.post(f"/subscribers/{found}/unsubscribe")
    rest = (await api.client.get("/changes", params={"since": first["next"]})).json()
    assert [(one["kind"], one["subscriber_id"]) for one in rest["changes"]] == [
        ("subscriber.added", other),
        ("subscriber.left", found),
    ]
    end = (await api.client.get("/changes", params={"since": rest["next"]})).json()
    assert end == {"changes": [], "next": rest["next"], "more": False}


async def test_nothing_that_is_told_names_one_who_was_erased(api: Api) -> None:
    found = api.reader()
    await api.client.post(f"/subscribers/{found}/unsubscribe")
    await api.client.delete(f"/subscribers/{found}")
    answer = await api.client.get("/changes")
    assert "rosa" not in answer.text
    told = [(one["kind"], one["subscriber_id"], one["email"]) for one in answer.json()["changes"]]
    assert told[:2] == [("subscriber.added", found, ""), ("subscriber.left", found, "")]
    assert told[2] == ("subscriber.erased", found, "")
    assert (await api.client.get(f"/subscribers/{found}")).status_code == 404


async def test_what_is_committed_late_is_not_missed(api: Api) -> None:
    with api.store.write() as session:
        # On PostgreSQL the first number is given out to a transaction that lasts.
        session.add(EventRow(at=NOW, kind="subscriber.left", subscriber_id=1))
        session.flush()
        if not api.store.is_sqlite:
            with api.store.write() as faster:
                faster.add(EventRow(at=NOW, kind="subscriber.left", subscriber_id=2))
            assert (await api.client.get("/changes")).json()["changes"] == []
    told = (await api.client.get("/changes")).json()["changes"]
    assert [one["subscriber_id"] for one in told] == ([1] if api.store.is_sqlite else [1, 2])
