"""Mail services post what came back: proved, booked once, and answered only then."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx2
import pytest
from hook_posts import (
    CERTIFICATE_URL,
    NOW,
    SUBSCRIBE_URL,
    Json,
    basic,
    mailgun,
    mailgun_event,
    octets,
    sendgrid,
    ses_bounce,
    signed_by_sendgrid,
    sns,
    sparkpost,
)
from hook_site import COMPLAINT, CONFIG, DEAD, WISH, HookSite, desk_of, hook_site
from plain import PLAIN
from raw_client import port_of, said
from structlog.testing import capture_logs
from web_served import served

from digest.bounce.report import UNKNOWN, Kind
from digest.errors import StoreError
from digest.model import Channel, SubscriberState
from digest.publish.returned import Arrival, Outcome
from digest.store.database import Store
from digest.web.asking import UnansweredError
from digest.web.desk import pages
from digest.web.gates import AGAIN_AFTER, BATCH_OCTETS, EVENT_OCTETS, SNS_OCTETS, Hooks

SERVICES = ["ses", "postmark", "mailgun", "sendgrid", "sparkpost"]
BOTH = ["daily", "weekly"]
BIG = 10 * 1024 * 1024


@pytest.fixture
async def hooked(store: Store, tmp_path: Path) -> AsyncIterator[HookSite]:
    async with hook_site(store, tmp_path) as site:
        yield site


@pytest.mark.parametrize("service", SERVICES)
async def test_a_dead_address_is_suppressed_once(hooked: HookSite, service: str) -> None:
    assert hooked.state() == (SubscriberState.ACTIVE, BOTH)
    assert (await hooked.post(service, DEAD[service]())).status_code == 200
    assert hooked.state()[0] is SubscriberState.SUPPRESSED
    (row,) = hooked.booked()
    assert (row.source, row.kind) == (service, "bounce")
    before = hooked.everything()
    assert (await hooked.post(service, DEAD[service]())).status_code == 200
    assert hooked.everything() == before


@pytest.mark.parametrize("service", SERVICES)
async def test_a_complaint_ends_everything(hooked: HookSite, service: str) -> None:
    assert (await hooked.post(service, COMPLAINT[service]())).status_code == 200
    assert hooked.state() == (SubscriberState.UNSUBSCRIBED, [])
    assert hooked.site.subscriber().left_channel is Channel.COMPLAINT


async def test_a_complaint_about_an_issue_ends_everything_for_good(hooked: HookSite) -> None:
    told = sendgrid("spamreport", **{"smtp-id": hooked.message_id()})
    assert (await hooked.post("sendgrid", [told])).status_code == 200
    assert hooked.state() == (SubscriberState.SUPPRESSED, [])
    assert hooked.site.subscriber().left_channel is Channel.COMPLAINT


@pytest.mark.parametrize("service", SERVICES)
async def test_who_wants_out_leaves_everything(hooked: HookSite, service: str) -> None:
    assert (await hooked.post(service, WISH[service]())).status_code == 200
    assert hooked.state() == (SubscriberState.UNSUBSCRIBED, [])
    assert hooked.site.subscriber().left_channel is Channel.API


async def test_who_wants_out_of_an_issue_leaves_its_newsletter(hooked: HookSite) -> None:
    told = sendgrid("group_unsubscribe", **{"smtp-id": hooked.message_id()})
    assert (await hooked.post("sendgrid", [told])).status_code == 200
    assert hooked.state() == (SubscriberState.ACTIVE, ["weekly"])


@pytest.mark.parametrize("service", SERVICES)
async def test_what_another_has_written_is_refused_without_a_word(hooked: HookSite, service: str) -> None:
    before = hooked.everything()
    forged: Json = {"SignatureVersion": "2", "Signature": "bm8="} if service == "ses" else {}
    posted = DEAD[service]()
    if isinstance(posted, dict):
        posted |= forged
        posted |= {"signature": {}} if service == "mailgun" else {}
    wrong = basic("another") | signed_by_sendgrid(b"another body")
    answer = await hooked.post(service, posted, **wrong)
    assert answer.status_code == 403
    assert answer.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "This is not taken.",
    }
    assert hooked.everything() == before


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_no_json_is_told_so(hooked: HookSite, service: str) -> None:
    answer = await hooked.post(service, b'{"RecordType": "Bounce"')
    assert answer.status_code == 400
    assert hooked.booked() == []


async def test_an_old_signature_is_a_replay(hooked: HookSite) -> None:
    two_days_ago = NOW - timedelta(days=2)
    old = mailgun(mailgun_event("complained"), at=two_days_ago)
    assert (await hooked.post("mailgun", old)).status_code == 403
    batch = octets(COMPLAINT["sendgrid"]())
    headers = signed_by_sendgrid(batch, two_days_ago)
    assert (await hooked.post("sendgrid", batch, **headers)).status_code == 403
    envelope = sns(ses_bounce("Permanent", "General"), Timestamp="2026-11-22T12:00:00.000Z")
    assert (await hooked.post("ses", envelope)).status_code == 403
    assert hooked.state() == (SubscriberState.ACTIVE, BOTH)


async def test_a_token_of_mailgun_is_good_for_one_event(hooked: HookSite) -> None:
    delivered = mailgun_event("delivered", id="first")
    assert (await hooked.post("mailgun", mailgun(delivered))).status_code == 200
    other = mailgun(mailgun_event("complained", id="second"))
    assert (await hooked.post("mailgun", other)).status_code == 403
    assert (await hooked.post("mailgun", mailgun(delivered))).status_code == 200
    assert hooked.state() == (SubscriberState.ACTIVE, BOTH)
    assert hooked.booked() == []
    fresh = mailgun(mailgun_event("novelty", id="second"), token="b" * 50)
    assert (await hooked.post("mailgun", fresh)).status_code == 200
    assert [row.key for row in hooked.booked()] == ["mailgun:second"]


async def test_what_is_unknown_is_booked_and_changes_nobody(hooked: HookSite) -> None:
    assert (await hooked.post("sparkpost", [sparkpost("novelty"), {"msys": {}}])).status_code == 200
    assert [(row.kind, row.reason) for row in hooked.booked()] == [("none", "sparkpost: novelty")]
    assert hooked.state() == (SubscriberState.ACTIVE, BOTH)


async def test_a_subscription_of_ours_is_confirmed_at_sns(hooked: HookSite) -> None:
    wanted = sns("", kind="SubscriptionConfirmation")
    assert (await hooked.post("ses", wanted)).status_code == 200
    assert hooked.aws.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    elsewhere = sns(
        "", kind="SubscriptionConfirmation", SubscribeURL="https://evil.example/?Action=ConfirmSubscription"
    )
    assert (await hooked.post("ses", elsewhere)).status_code == 403
    assert hooked.aws.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    assert hooked.booked() == []


async def test_a_certificate_is_fetched_once_and_what_cannot_be_proved_now_comes_again(
    store: Store, tmp_path: Path
) -> None:
    now = [NOW]
    async with hook_site(store, tmp_path, clock=lambda: now[0]) as hooked:
        hooked.aws.answers = False
        for _ in range(2):
            answer = await hooked.post("ses", DEAD["ses"]())
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert hooked.aws.asked == [CERTIFICATE_URL]
        assert hooked.booked() == []
        hooked.aws.answers = True
        now[0] += AGAIN_AFTER
        for service in (DEAD, COMPLAINT):
            assert (await hooked.post("ses", service["ses"]())).status_code == 200
        assert hooked.aws.asked == [CERTIFICATE_URL] * 2
        assert len(hooked.booked()) == 2


async def test_what_is_no_certificate_is_not_kept(store: Store, tmp_path: Path) -> None:
    now = [NOW]
    async with hook_site(store, tmp_path, clock=lambda: now[0]) as hooked:
        good, hooked.aws.certificate = hooked.aws.certificate, b"Try again later."
        assert (await hooked.post("ses", DEAD["ses"]())).status_code == 403
        hooked.aws.certificate = good
        now[0] += AGAIN_AFTER
        assert (await hooked.post("ses", DEAD["ses"]())).status_code == 200


async def test_sns_is_answered_while_it_waits(store: Store, tmp_path: Path) -> None:
    async def silent(_url: str) -> bytes:
        return await asyncio.Future[bytes]()

    async with hook_site(store, tmp_path, lambda made: replace(made, ask=silent, patience=0)) as hooked:
        answer = await hooked.post("ses", DEAD["ses"]())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")


async def test_a_known_certificate_does_not_wait_for_another(store: Store, tmp_path: Path) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    def slow(made: Hooks) -> Hooks:
        async def ask(url: str) -> bytes:
            if url == CERTIFICATE_URL:
                return await made.ask(url)
            asked.set()
            await ended.wait()
            raise UnansweredError

        return replace(made, ask=ask)

    async with hook_site(store, tmp_path, slow) as hooked:
        assert (await hooked.post("ses", DEAD["ses"]())).status_code == 200
        other = CERTIFICATE_URL.replace("-0", "-f")
        waiting = asyncio.create_task(
            hooked.post("ses", sns(ses_bounce("Permanent", "General"), SigningCertURL=other))
        )
        await asked.wait()
        assert (await hooked.post("ses", COMPLAINT["ses"]())).status_code == 200
        assert not waiting.done()
        ended.set()
        assert (await waiting).status_code == 503


async def test_nothing_is_asked_for_a_stranger(hooked: HookSite) -> None:
    stranger = sns(ses_bounce("Permanent", "General"), TopicArn="arn:aws:sns:eu-west-1:210987654321:bounces")
    assert (await hooked.post("ses", stranger)).status_code == 403
    raw = await hooked.post("ses", DEAD["ses"](), **{"x-amz-sns-rawdelivery": "true"})
    assert raw.status_code == 403
    assert hooked.aws.asked == []


async def test_a_service_that_is_not_configured_is_not_there(store: Store, tmp_path: Path) -> None:
    desk = desk_of(store, tmp_path, CONFIG.partition("[bounces]")[0])
    async with (
        served(pages(desk)) as base,
        httpx2.AsyncClient(base_url=base, trust_env=False, verify=PLAIN) as client,
    ):
        for service in (*SERVICES, "other", ""):
            assert (await client.post(f"/hooks/{service}", content=b"{}", headers=basic())).status_code == 404


async def test_a_hook_takes_posts_alone_and_as_many_as_come(store: Store, tmp_path: Path) -> None:
    async with hook_site(store, tmp_path, posts_a_minute=1) as hooked:
        assert (await hooked.site.client.get("/hooks/postmark")).status_code == 405
        for _ in range(4):
            assert (await hooked.post("sendgrid", [])).status_code == 200


@pytest.mark.parametrize("service", SERVICES)
async def test_ten_megabytes_are_refused_before_they_are_read(hooked: HookSite, service: str) -> None:
    head = f"POST /hooks/{service} HTTP/1.1\r\nHost: x\r\nContent-Length: {BIG}\r\nConnection: close\r\n\r\n"
    answered = await said(port_of(hooked.site.base), head.encode())
    assert answered.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answered


LIMITS = {
    "ses": SNS_OCTETS,
    "postmark": EVENT_OCTETS,
    "mailgun": EVENT_OCTETS,
    "sendgrid": BATCH_OCTETS,
    "sparkpost": BATCH_OCTETS,
}


@pytest.mark.parametrize(("service", "most"), LIMITS.items())
async def test_a_body_of_no_told_length_ends_at_the_limit(hooked: HookSite, service: str, most: int) -> None:
    proof = basic() | signed_by_sendgrid(b"")
    lines = [f"POST /hooks/{service} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Connection: close"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in proof.items()), "", ""])
    chunk = b"%x\r\n%s\r\n" % (most, b" " * most)
    # One octet too many, and not the end: an answer now is one to what has come.
    answered = await said(port_of(hooked.site.base), head.encode(), chunk, b"1\r\n \r\n")
    assert answered.startswith(b"HTTP/1.1 413")
    assert hooked.booked() == []


async def test_two_megabytes_of_a_batch_are_taken(hooked: HookSite) -> None:
    batch = [sendgrid("bounce", type="bounce", email="nobody@mail.example", pad="x" * 2 * 1024 * 1024)]
    assert (await hooked.post("sendgrid", batch)).status_code == 200
    assert len(hooked.booked()) == 1


def outcome(number: int) -> Outcome:
    return Outcome(id=number, kind=Kind.BOUNCE, is_new=True, understood=True, effects=())


async def test_a_thousand_events_are_booked_while_readers_are_answered(store: Store, tmp_path: Path) -> None:
    answered, keys = threading.Event(), []

    def take_in(arrival: Arrival) -> Outcome:
        keys.append(arrival.key)
        assert answered.wait(30), "the pages stood still"
        return outcome(len(keys))

    def slow(made: Hooks) -> Hooks:
        return replace(made, take_in=take_in)

    async with hook_site(store, tmp_path, slow) as hooked:
        batch = [sparkpost("bounce", bounce_class="10", event_id=str(number)) for number in range(1000)]
        posting = asyncio.create_task(hooked.post("sparkpost", batch))
        assert (await hooked.site.client.get("/healthz")).status_code == 200
        assert not posting.done()
        answered.set()
        assert (await posting).status_code == 200
    assert keys == [f"sparkpost:{number}" for number in range(1000)]


async def test_a_ledger_that_fails_in_a_batch_has_the_service_come_again(
    store: Store, tmp_path: Path
) -> None:
    calls = count(1)

    def failing(made: Hooks) -> Hooks:
        def take_in(arrival: Arrival) -> Outcome:
            if next(calls) == 2:
                raise StoreError("The database is busy.")
            return made.take_in(arrival)

        return replace(made, take_in=take_in)

    async with hook_site(store, tmp_path, failing) as hooked:
        batch = [*_list(DEAD["sendgrid"]), *_list(WISH["sendgrid"])]
        answer = await hooked.post("sendgrid", batch)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert [row.key for row in hooked.booked()] == [f"sendgrid:{batch[0]['sg_event_id']}"]
        assert (await hooked.post("sendgrid", batch)).status_code == 200
        assert [row.key for row in hooked.booked()] == [f"sendgrid:{one['sg_event_id']}" for one in batch]
        assert len(hooked.site.events("subscriber.suppressed")) == 1


async def test_an_event_that_fails_keeps_back_none_behind_it(store: Store, tmp_path: Path) -> None:
    def failing(made: Hooks) -> Hooks:
        def take_in(arrival: Arrival) -> Outcome:
            kind = arrival.reports[0].kind if arrival.reports else Kind.NONE
            if kind is Kind.BOUNCE or arrival.key == "sendgrid:never":
                raise ZeroDivisionError
            return made.take_in(arrival)

        return replace(made, take_in=take_in)

    async with hook_site(store, tmp_path, failing) as hooked:
        batch = [*_list(DEAD["sendgrid"]), sendgrid("novelty", sg_event_id="never"), *_list(WISH["sendgrid"])]
        assert (await hooked.post("sendgrid", batch)).status_code == 200
        failed, wish = hooked.booked()
        assert (failed.kind, failed.reason) == ("none", UNKNOWN)
        assert json.loads(failed.raw or b"") == batch[0]
        assert wish.kind == "unsubscribe"
        assert hooked.state() == (SubscriberState.UNSUBSCRIBED, [])


def _list(made: Callable[[], Json | list[Json]]) -> list[Json]:
    batch = made()
    assert isinstance(batch, list)
    return batch


async def test_the_log_holds_no_secret_and_nobodys_address(hooked: HookSite) -> None:
    with capture_logs() as lines:
        for service in SERVICES:
            await hooked.post(service, DEAD[service]())
            await hooked.post(service, b"{")
        await hooked.post("postmark", DEAD["postmark"](), **basic("another"))
    routes = [line["route"] for line in lines if line["event"] == "web.answered"]
    assert routes == ["/hooks/{service}"] * 11
    said = str(lines)
    assert not any(word in said for word in ("rosa", "s3cret", "another=", "t0k", "aaaa"))
    refused = [line for line in lines if line["event"] == "hooks.refused"]
    assert ("postmark", "another secret than ours") in [(line["service"], line["why"]) for line in refused]
