"""The envelope in which Amazon SNS posts what SES says, and its signature.

Who signed stands in a certificate that the envelope names: it is believed from SNS's own host in the topic's
region alone. Whoever fetches it, over TLS, hands it in; nothing here goes anywhere.
"""

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509.oid import NameOID

from digest.hooks.item import Item, UnreadableError, load
from digest.hooks.proof import NotProvedError, demand_recent

_HOST = r"sns\.([a-z0-9-]{4,30})\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(rf"https://{_HOST}/SimpleNotificationService-[0-9a-f]{{1,64}}\.pem")
_CONFIRMATION_URL = re.compile(rf"https://{_HOST}/\?[\x21-\x7e]{{1,2000}}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]{4,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_SIGNER = re.compile(r"sns(?:\.[a-z0-9-]{4,30})?\.amazonaws\.com(?:\.cn)?")

KEY_BITS = 2048
"""The least that a signer's key may have."""


class Type(Enum):
    """What an envelope is for."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


_SIGNED = {
    Type.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Type.SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Type.UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""Which fields are signed, in their order; one that is not there is left out."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What SNS posted; nothing of it is proved until `verify`."""

    type: Type
    topic: str
    id: str
    message: str
    certificate_url: str
    subscribe_url: str
    at: datetime
    fields: Item


def read(body: bytes, topics: Collection[str]) -> Envelope:
    """Open an envelope of one of our topics. Raises UnreadableError, and NotProvedError for any other."""
    fields = Item(load(body))
    topic, certificate_url = fields.whole("TopicArn"), fields.whole("SigningCertURL")
    if topic not in topics:
        raise NotProvedError("a topic that is none of ours")
    if _region(_CERTIFICATE_URL, certificate_url) != _region(_TOPIC, topic):
        raise NotProvedError("a certificate from elsewhere")
    try:
        kind, at = Type(fields.whole("Type")), datetime.fromisoformat(fields.whole("Timestamp"))
    except ValueError as exc:
        raise UnreadableError("no envelope of SNS") from exc
    if at.tzinfo is None:
        raise UnreadableError("a time without zone")
    return Envelope(
        type=kind,
        topic=topic,
        id=fields.text("MessageId"),
        message=fields.whole("Message"),
        certificate_url=certificate_url,
        subscribe_url=fields.whole("SubscribeURL"),
        at=at,
        fields=fields,
    )


def _region(where: re.Pattern[str], text: str) -> str:
    found = where.fullmatch(text)
    if found is None:
        raise NotProvedError("an address that is not of SNS")
    return found[1]


def verify(envelope: Envelope, pem: bytes, now: datetime) -> None:
    """Raise NotProvedError unless the envelope is signed by this certificate, which is SNS's, and lately."""
    digest = _digest(envelope.fields.text("SignatureVersion"))
    key = signer(pem, now)
    try:
        signature = base64.b64decode(envelope.fields.whole("Signature"), validate=True)
        key.verify(signature, canonical(envelope), PKCS1v15(), digest)
    except (binascii.Error, ValueError, InvalidSignature) as exc:
        raise NotProvedError("another signature than the certificate's") from exc
    demand_recent(envelope.at, now)


def canonical(envelope: Envelope) -> bytes:
    """Give what is signed: each field's name and value on lines of their own."""
    names = [name for name in _SIGNED[envelope.type] if name in envelope.fields]
    text = "".join(f"{name}\n{envelope.fields.whole(name)}\n" for name in names)
    return text.encode("utf-8", "replace")


def confirmation_url(envelope: Envelope) -> str:
    """Give where a subscription is confirmed. Raises NotProvedError where that is not SNS in our region."""
    if _region(_CONFIRMATION_URL, envelope.subscribe_url) != _region(_TOPIC, envelope.topic):
        raise NotProvedError("a confirmation elsewhere")
    if "Action=ConfirmSubscription" not in urlsplit(envelope.subscribe_url).query.split("&"):
        raise NotProvedError("a confirmation of something else")
    return envelope.subscribe_url


def _digest(version: str) -> HashAlgorithm:
    if version == "2":
        return SHA256()
    if version == "1":
        return SHA1()  # noqa: S303 - what topics sign with unless they are told otherwise
    raise NotProvedError("no signature")


def signer(pem: bytes, now: datetime) -> RSAPublicKey:
    """Give the key of SNS's certificate: the first, with those that vouch for it after it, if any do.

    Raises NotProvedError where it is not valid, or somebody else's.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
        for one, by in pairwise(chain):
            one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature) as exc:
        raise NotProvedError("no certificate, or a broken chain") from exc
    if not all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in chain):
        raise NotProvedError("a certificate that is not valid now")
    if not any(_SIGNER.fullmatch(name) for name in _names(chain[0])):
        raise NotProvedError("a certificate of somebody else")
    key = chain[0].public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS:
        raise NotProvedError("a certificate with a weak key")
    return key


def _names(certificate: x509.Certificate) -> list[str]:
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = [str(one.value) for one in common]
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return names
    return [*names, *other.value.get_values_for_type(x509.DNSName)]
