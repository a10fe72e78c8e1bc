"""What the mail services post, made up after their documentation, and how each of them proves itself."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROSA = "rosa@mail.example"
SECRET = "s3cret-of-ours"
MESSAGE_ID = "<7.42.abcdefghijklmnop@ledger.example>"
VERP = "bounces+7.42.1.abcdefghijklmnop@ledger.example"

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0k"

Json = dict[str, Any]


def basic(secret: str = SECRET) -> dict[str, str]:
    """What a URL of https://digest:secret@… has a service send."""
    return {"authorization": "Basic " + base64.b64encode(f"digest:{secret}".encode()).decode()}


def postmark(kind: str, **more: object) -> Json:
    return {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": kind,
        "MessageID": "883953f4-0000-42a2-a16a-77a8eac79483",
        "MessageStream": "broadcast",
        "Details": "",
        "Email": ROSA,
        "From": "news@ledger.example",
        "BouncedAt": "2026-11-24T07:00:12Z",
        **more,
    }


def suppressed(reason: str, origin: str, *, suppress: bool = True) -> Json:
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": "883953f4-0000-42a2-a16a-77a8eac79483",
        "ChangedAt": "2026-11-24T07:00:12Z",
        "Recipient": ROSA,
        "Origin": origin,
        "SuppressSending": suppress,
        "SuppressionReason": reason,
    }


def mailgun_event(name: str, **more: object) -> Json:
    return {
        "event": name,
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": NOW.timestamp(),
        "recipient": ROSA,
        "recipient-domain": "mail.example",
        "envelope": {"sender": VERP, "transport": "smtp", "targets": ROSA},
        "message": {"headers": {"message-id": MESSAGE_ID.strip("<>"), "to": ROSA}},
        "delivery-status": {"code": 550, "message": "5.1.1 user unknown", "attempt-no": 1},
        **more,
    }


def mailgun(
    event: Json, *, key: str = SECRET, at: datetime = NOW, token: str = "a" * 50, name: str = "signature"
) -> Json:
    stamp = str(int(at.timestamp()))
    made = hmac.new(key.encode(), f"{stamp}{token}".encode(), "sha256").hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, name: made}, "event-data": event}


def sendgrid(name: str, **more: object) -> Json:
    return {
        "email": ROSA,
        "event": name,
        "timestamp": int(NOW.timestamp()),
        "smtp-id": MESSAGE_ID,
        "sg_event_id": f"{name}-MTIzNDU2Nzg5MA",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001",
        **more,
    }


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def verification_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signed_by_sendgrid(body: bytes, at: datetime = NOW) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signature = sendgrid_key().sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": stamp,
    }


def sparkpost(kind: str, family: str = "message_event", **more: object) -> Json:
    event = {
        "type": kind,
        "event_id": f"9235692769381385{kind}",
        "message_id": "000443ee14578172be22",
        "msg_from": VERP,
        "raw_rcpt_to": ROSA,
        "rcpt_to": ROSA,
        "timestamp": str(int(NOW.timestamp())),
        **more,
    }
    return {"msys": {family: event}}


def ses_mail(**more: object) -> Json:
    return {
        "timestamp": "2026-11-24T07:00:00.000Z",
        "messageId": "0000014644fe5ef6-9a483358",
        "source": VERP,
        "destination": [ROSA],
        "headersTruncated": False,
        "headers": [
            {"name": "To", "value": ROSA},
            {"name": "Message-ID", "value": MESSAGE_ID},
            {"name": "X-Digest-Delivery", "value": MESSAGE_ID},
            {"name": "List-Unsubscribe", "value": "<https://news.ledger.example/u/x>"},
        ],
        **more,
    }


def ses_bounce(kind: str, subtype: str, *, name: str = "eventType", **recipient: str) -> Json:
    return {
        name: "Bounce",
        "mail": ses_mail(),
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": ROSA, **recipient}],
            "timestamp": "2026-11-24T07:00:12.000Z",
            "feedbackId": "0000014644fe5ef6-bounce",
        },
    }


def ses_complaint(**more: str) -> Json:
    told = {"complainedRecipients": [{"emailAddress": ROSA}], "feedbackId": "0000014644fe5ef6-complaint"}
    return {"notificationType": "Complaint", "mail": ses_mail(), "complaint": told | more}


@cache
def signer() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(
    *,
    name: str = "sns.amazonaws.com",
    key: rsa.RSAPrivateKey | None = None,
    by: rsa.RSAPrivateKey | None = None,
    until: datetime = NOW + timedelta(days=200),
) -> bytes:
    """A certificate in PEM, signed by its own key unless by another."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if by is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key((key or signer()).public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=200))
        .not_valid_after(until)
    )
    return made.sign(by or key or signer(), SHA256()).public_bytes(Encoding.PEM)


def sns(message: Json | str, *, version: str = "2", kind: str = "Notification", **more: object) -> Json:
    """An envelope as SNS posts it, signed."""
    told: Json = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-24T11:59:58.123Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **more,
    }
    if kind != "Notification":
        told = {"Token": "t0k", "SubscribeURL": SUBSCRIBE_URL, **told}
    fields = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{told[name]}\n" for name in fields if name in told)
    signature = signer().sign(text.encode(), PKCS1v15(), SHA1() if version == "1" else SHA256())
    return {**told, "Signature": base64.b64encode(signature).decode()}


def octets(posted: object) -> bytes:
    return json.dumps(posted).encode()
