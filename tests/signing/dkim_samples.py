"""Keys, messages that they sign, and two ways of checking them that share no code with ours."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dkim as dkimpy
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digest.config import SigningKey
from digest.config.keyfile import PrivateKey
from digest.dkim import Signer, record
from digest.message import READER_FIELDS, MessageTemplate
from digest.model import IssueHeaders, Recipient, Rendering, slot_placeholder

DOMAIN, NONCE = "ledger.example", "0123456789abcdef"
DATE = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
DELIVERY, LINK = (
    "<77.5.aaaabbbbccccdddd@ledger.example>",
    "https://news.ledger.example/u/AQUBTSk3qInD8DIosIXTvA",
)


@cache
def rsa(bits: int = 2048) -> SigningKey:
    return SigningKey(domain=DOMAIN, selector="news", private=generate_private_key(65537, bits))


@cache
def ed25519() -> SigningKey:
    return SigningKey(domain=DOMAIN, selector="second", private=Ed25519PrivateKey.generate())


def both() -> list[SigningKey]:
    return [rsa(), ed25519()]


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_file(path: Path, key: SigningKey, mode: int = 0o600) -> Path:
    path.touch(mode)
    path.chmod(mode)
    path.write_bytes(pem(key.private))
    return path


def slot(name: str, fallback: str = "") -> str:
    return slot_placeholder(NONCE, name, fallback)


def rendering(*, subject: str = "The harbour at dawn", html: str = "", text: str = "") -> Rendering:
    return Rendering(
        subject=subject,
        preheader="",
        html=html
        or f'<p>Hello {slot("name", "friend")}, <a href="{slot("unsubscribe_url")}">leave</a>.</p>\n',
        text=text or f"Hello {slot('name', 'friend')},\n\nLeave: {slot('unsubscribe_url')}\n",
        nonce=NONCE,
    )


HEADERS = IssueHeaders(
    sender_name="The Harbour Ledger",
    sender_address="news@ledger.example",
    list_id="daily.ledger.example",
    list_name="The Daily Ledger",
    help_url="mailto:editor@ledger.example",
    feedback_id="77:daily:digest:ledger",
    reply_to="editor@ledger.example",
    archive_url="https://news.ledger.example/archive",
)
ANN = Recipient(id=5, email="ann@mail1.example", name="Ann")


def signed(
    shown: Rendering | None = None,
    headers: IssueHeaders = HEADERS,
    recipient: Recipient = ANN,
    *,
    keys: Sequence[SigningKey] | None = None,
    unsigned: frozenset[str] = frozenset(),
    url: str = LINK,
    since: str = "1 May 2020",
) -> bytes:
    """Give a message of an issue, signed with both keys."""
    template = MessageTemplate.build(shown or rendering(), headers)
    signer = Signer(
        both() if keys is None else keys,
        head=template.head,
        reader_fields=READER_FIELDS,
        body=template.body,
        unsigned=unsigned,
    )
    return template.message(
        recipient, message_id=DELIVERY, unsubscribe_url=url, since=since, date=DATE, sign=signer
    )


def verdicts(message: bytes, keys: Sequence[SigningKey] | None = None) -> list[bool]:
    """Let dkimpy verify each signature of a message, from the top, with the keys' records as the DNS."""
    dns = {f"{key.record_name}.": record(key).encode() for key in (both() if keys is None else keys)}

    def asked(name: bytes | str, **_: object) -> bytes | None:
        return dns.get(name.decode() if isinstance(name, bytes) else name)

    read = dkimpy.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in read.headers)
    return [bool(_judged(message, number, asked)) for number in range(count)]


def _judged(message: bytes, number: int, asked: object) -> bool:
    try:
        return bool(dkimpy.DKIM(message).verify(idx=number, dnsfunc=asked))
    except dkimpy.ValidationError:
        return False


def tags(message: bytes, number: int = 0) -> dict[str, str]:
    """Give what a message's signature says, without the blanks that fold it."""
    fields = [value for name, value in dkimpy.DKIM(message).headers if name.lower() == b"dkim-signature"]
    pairs = (part.partition("=") for part in fields[number].decode().split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def named(message: bytes) -> list[str]:
    """Give the header fields that the first signature covers, as it names them."""
    return tags(message)["h"].split(":")
