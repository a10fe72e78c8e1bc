"""Nothing is believed that its service has not proved, and lately."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hook_posts import (
    CERTIFICATE_URL,
    NOW,
    SECRET,
    SUBSCRIBE_URL,
    TOPIC,
    Json,
    basic,
    certificate,
    mailgun,
    mailgun_event,
    octets,
    sendgrid_key,
    ses_bounce,
    signed_by_sendgrid,
    signer,
    sns,
    verification_key,
)

from digest.config.publickey import p256_key
from digest.hooks import mailgun as from_mailgun
from digest.hooks import postmark, sendgrid, sparkpost
from digest.hooks import sns as from_sns
from digest.hooks.item import UnreadableError
from digest.hooks.proof import NotProvedError, demand_secret

BOUNCE = ses_bounce("Permanent", "General")
FAILED = mailgun_event("failed", severity="permanent")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "headers",
    [
        basic(),
        {"authorization": f"Bearer {SECRET}"},
        {"x-digest-secret": SECRET},
        {"x-messagesystems-webhook-token": SECRET},
    ],
)
def test_a_secret_is_known_wherever_it_stands(headers: dict[str, str]) -> None:
    demand_secret(headers, SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("another"),
        basic(""),
        {"authorization": "Basic ***"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": SECRET},
        {"x-digest-secret": SECRET.upper()},
        {"x-digest-secret": "\udc80"},
    ],
)
def test_no_other_secret_is(headers: dict[str, str]) -> None:
    with pytest.raises(NotProvedError):
        demand_secret(headers, SECRET)
    with pytest.raises(NotProvedError):
        demand_secret(headers, "")


@pytest.mark.parametrize("name", ["signature", "parent-signature"])
def test_mailgun_signs_a_time_and_a_token(name: str) -> None:
    assert from_mailgun.read(octets(mailgun(FAILED, name=name)), SECRET, NOW).token == "a" * 50


@pytest.mark.parametrize(
    "posted",
    [
        mailgun(FAILED, key="another"),
        mailgun(FAILED, at=NOW - DAY - timedelta(minutes=1)),
        mailgun(FAILED, at=NOW + timedelta(hours=1)),
        mailgun(FAILED, token=""),
        {**mailgun(FAILED), "signature": {}},
        {**mailgun(FAILED), "signature": None},
        {**mailgun(FAILED), "signature": {**mailgun(FAILED)["signature"], "timestamp": "1e9"}},
    ],
)
def test_what_mailgun_did_not_sign_or_long_ago_is_refused(posted: Json) -> None:
    with pytest.raises(NotProvedError):
        from_mailgun.read(octets(posted), SECRET, NOW)


def test_sendgrid_signs_the_time_and_the_body() -> None:
    key = p256_key(verification_key(sendgrid_key()))
    sendgrid.verify(signed_by_sendgrid(b"[]"), b"[]", key, NOW)
    for headers, body in (
        (signed_by_sendgrid(b"[]"), b"[ ]"),
        (signed_by_sendgrid(b"[]", NOW - timedelta(days=2)), b"[]"),
        (signed_by_sendgrid(b"[]") | {sendgrid.TIMESTAMP: str(int(NOW.timestamp()) - 1)}, b"[]"),
        (signed_by_sendgrid(b"[]") | {sendgrid.SIGNATURE: "bm90aGluZw=="}, b"[]"),
        (signed_by_sendgrid(b"[]") | {sendgrid.SIGNATURE: "***"}, b"[]"),
        ({}, b"[]"),
    ):
        with pytest.raises(NotProvedError):
            sendgrid.verify(headers, body, key, NOW)


def test_a_verification_key_is_read_as_the_page_shows_it() -> None:
    assert p256_key(f" {verification_key(sendgrid_key())}\n") == sendgrid_key().public_key()


def test_a_key_of_another_kind_is_none(other: rsa.RSAPrivateKey) -> None:
    for text in (
        "",
        "no key",
        verification_key(other),
        verification_key(ec.generate_private_key(ec.SECP384R1())),
    ):
        with pytest.raises(ValueError, match=r"^must be a public key"):
            p256_key(text)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "told",
    [
        {"kind": "Notification"},
        {"kind": "Notification", "Subject": "Amazon SES Email Event Notification"},
        {"kind": "SubscriptionConfirmation"},
        {"kind": "UnsubscribeConfirmation"},
    ],
)
def test_an_envelope_of_sns_is_proved_in_both_versions(version: str, told: Json) -> None:
    envelope = from_sns.read(octets(sns(BOUNCE, version=version, **told)), [TOPIC])
    from_sns.verify(envelope, certificate(), NOW)
    assert envelope.certificate_url == CERTIFICATE_URL


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": json.dumps(ses_bounce("Transient", "General"))},
        {"MessageId": "another"},
        {"Timestamp": "2026-11-24T11:59:59.123Z"},
        {"Subject": "Another"},
        {"Signature": "bm90aGluZw=="},
        {"Signature": "***"},
        {"Signature": None},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
    ],
)
def test_an_envelope_that_was_changed_is_refused(changed: Json) -> None:
    envelope = from_sns.read(octets(sns(BOUNCE) | changed), [TOPIC])
    with pytest.raises(NotProvedError):
        from_sns.verify(envelope, certificate(), NOW)


@pytest.mark.parametrize("stamp", ["2026-11-23T11:59:58.123Z", "2026-11-24T13:00:00.000Z"])
def test_an_envelope_of_another_day_is_refused(stamp: str) -> None:
    envelope = from_sns.read(octets(sns(BOUNCE, Timestamp=stamp)), [TOPIC])
    with pytest.raises(NotProvedError):
        from_sns.verify(envelope, certificate(), NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
        "https://evil.example\\@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Echo&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem\n",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-0.pem",
        "",
    ],
)
def test_a_certificate_is_believed_from_sns_in_the_topics_region_alone(url: str) -> None:
    with pytest.raises(NotProvedError):
        from_sns.read(octets(sns(BOUNCE, SigningCertURL=url)), [TOPIC])


def test_china_has_a_host_of_its_own() -> None:
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:bounces"
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem"
    envelope = from_sns.read(octets(sns(BOUNCE, TopicArn=topic, SigningCertURL=url)), [topic])
    from_sns.verify(envelope, certificate(name="sns.cn-north-1.amazonaws.com.cn"), NOW)


def test_another_topic_is_refused() -> None:
    with pytest.raises(NotProvedError):
        from_sns.read(octets(sns(BOUNCE, TopicArn=f"{TOPIC}2")), [TOPIC])
    # Raw delivery: what SES said, without an envelope, and so without a signature.
    with pytest.raises(NotProvedError):
        from_sns.read(octets(BOUNCE), [TOPIC])


@pytest.mark.parametrize("posted", [b"", b"{", b"[" * 100_000, b"\xff", b'{"a": 1' + b"0" * 5000 + b"}"])
def test_what_is_no_json_is_unreadable(posted: bytes) -> None:
    with pytest.raises(UnreadableError):
        from_sns.read(posted, [TOPIC])
    with pytest.raises(UnreadableError):
        from_mailgun.read(posted, SECRET, NOW)
    for module in (postmark, sendgrid, sparkpost):
        with pytest.raises(UnreadableError):
            module.read(posted)


@pytest.mark.parametrize(
    "changed", [{"Type": "Novelty"}, {"Timestamp": "today"}, {"Timestamp": "2026-11-24T11:59:58"}]
)
def test_an_envelope_of_another_form_is_unreadable(changed: Json) -> None:
    with pytest.raises(UnreadableError):
        from_sns.read(octets(sns(BOUNCE) | changed), [TOPIC])
    with pytest.raises(UnreadableError):
        from_mailgun.read(b"{}", SECRET, NOW)


def test_a_certificate_of_somebody_else_proves_nothing(other: rsa.RSAPrivateKey) -> None:
    envelope = from_sns.read(octets(sns(BOUNCE)), [TOPIC])
    for pem in (
        b"",
        b"no certificate",
        certificate(key=other),
        certificate(name="evil.example"),
        certificate(name="sns.amazonaws.com.evil.example"),
        certificate(until=NOW - timedelta(seconds=1)),
        # Whoever is named as vouching for it has not signed it.
        certificate(by=other) + certificate(name="An authority", key=signer()),
        certificate(by=other) + certificate(name="An authority", key=other, until=NOW - timedelta(seconds=1)),
    ):
        with pytest.raises(NotProvedError):
            from_sns.verify(envelope, pem, NOW)
    from_sns.verify(envelope, certificate(by=other) + certificate(name="An authority", key=other), NOW)


def test_a_subscription_is_confirmed_at_sns_alone() -> None:
    def where(url: str) -> str:
        envelope = from_sns.read(octets(sns("", kind="SubscriptionConfirmation", SubscribeURL=url)), [TOPIC])
        return from_sns.confirmation_url(envelope)

    assert where(SUBSCRIBE_URL) == SUBSCRIBE_URL
    for url in (
        "",
        SUBSCRIBE_URL.replace("https", "http"),
        SUBSCRIBE_URL.replace("eu-west-1.amazonaws.com", "evil.example"),
        SUBSCRIBE_URL.replace("sns.eu-west-1", "sns.us-east-1"),
        SUBSCRIBE_URL.replace("Confirm", "Delete"),
        SUBSCRIBE_URL + " ",
    ):
        with pytest.raises(NotProvedError):
            where(url)
