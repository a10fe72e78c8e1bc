"""Signs messages (RFC 6376), and gives the DNS record by which anybody can check it.

Relaxed canonicalisation of header and body, SHA-256, no `l=`. Signs RSA, and Ed25519 beside it (RFC 8463).
What all messages of an issue share is hashed once; a message costs its own octets and one signature a key.
Takes what `message.py` writes, whose body is its own canonical form. Knows no clock and no DNS.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from digest.config import SigningKey
from digest.headers import LINE, fold

# What is signed where it is there: what a reader or a mail program acts on (RFC 6376 5.4.1, RFC 8058 4).
_SIGNED = re.compile(
    rb"from|to|subject|date|message-id|reply-to|mime-version|content-type|content-transfer-encoding"
    rb"|list-.+|feedback-id",
)

# Named once more than they are there, so that nobody on the way can add another one (RFC 6376 8.15).
_OVERSIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"reply-to",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)

# The end of a field: a line break that does not fold one.
_FIELD_END = re.compile(rb"\r\n(?![ \t])")

# Octets of one string of a TXT record (RFC 1035 3.3.14).
_STRING = 255

_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())


@dataclass(frozen=True, kw_only=True)
class _Signature:
    """What the signatures of one key have in common, and how that key signs a SHA-256."""

    front: bytes
    """The field up to `h=`, folded, without its last line break."""
    canonical: bytes
    sign: Callable[[bytes], bytes]


class Signer:
    """Signs the messages of one issue. May be called from several threads at once."""

    def __init__(
        self,
        keys: Sequence[SigningKey],
        *,
        head: bytes,
        reader_fields: Sequence[str],
        body: bytes,
        unsigned: frozenset[str] = frozenset(),
    ) -> None:
        """Take what the messages share: their header fields `head`, and how each `body` begins.

        `reader_fields` names the fields that each has for itself, `unsigned` what a relay rewrites, in any
        case.
        """
        left_out = {name.lower().encode() for name in unsigned} - {b"from"}
        own = [name for name in (one.lower().encode() for one in reader_fields) if _is_signed(name, left_out)]
        # Where a name stands in `h=` again, the next field upwards is meant (RFC 6376 5.4.2).
        shared = [field for field in reversed(list(_fields(head))) if _is_signed(field[0], left_out)]
        again = [name for name in _OVERSIGNED if name not in left_out]
        names = b": ".join([*(name for name, _ in shared), *own, *again]).decode()
        self._signatures = [_signature(key, names) for key in keys]
        self._own = own
        self._header = sha256(b"".join(canonical for _, canonical in shared))
        self._body = sha256(body)

    def __call__(self, reader_head: bytes, rest: bytes, now: datetime) -> bytes:
        """Give a message's signatures, one field a key, each with its CRLF.

        `reader_head` is the message's own header fields, `rest` its body from where the shared one ends;
        `now` is aware.
        """
        own = dict(_fields(reader_head))
        header = self._header.copy()
        header.update(b"".join([own[name] for name in self._own]))
        body = self._body.copy()
        body.update(rest)
        stamp = b"t=%d; bh=%b;" % (int(now.timestamp()), b64encode(body.digest()))
        signed = []
        for one in self._signatures:
            whole = header.copy()
            # Its own field is the last, with an empty `b=` and no CRLF (RFC 6376 3.7).
            whole.update(b"%b %b b=" % (one.canonical, stamp))
            value = _broken(b64encode(one.sign(whole.digest())))
            signed.append(b"%b\r\n %b\r\n b=%b\r\n" % (one.front, stamp, value))
        return b"".join(signed)


def signed(
    keys: Sequence[SigningKey], head: bytes, body: bytes, now: datetime, *, unsigned: frozenset[str]
) -> bytes:
    """Give a message that is one of a kind as it goes on the wire: its signatures, if any, head and body."""
    signature = b""
    if keys:
        signature = Signer(keys, head=head, reader_fields=(), body=body, unsigned=unsigned)(b"", b"", now)
    return b"".join((signature, head, b"\r\n", body))


def record(key: SigningKey) -> str:
    """Give the text of a key's DNS record (RFC 6376 3.6.1, RFC 8463 4)."""
    public = key.private.public_key()
    if isinstance(key.private, RSAPrivateKey):
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={b64encode(octets).decode()}"


def zone_line(key: SigningKey) -> str:
    """Give a key's record as a line of a zone file, in strings of 255 octets (RFC 1035 5.1)."""
    text = record(key)
    strings = [text[at : at + _STRING] for at in range(0, len(text), _STRING)]
    quoted = " ".join(f'"{string}"' for string in strings)
    return f"{key.record_name}. IN TXT ( {quoted} )"


def _is_signed(name: bytes, left_out: set[bytes]) -> bool:
    return name not in left_out and _SIGNED.fullmatch(name) is not None


def _signature(key: SigningKey, names: str) -> _Signature:
    private = key.private
    if isinstance(private, RSAPrivateKey):
        rsa = private
        algorithm, sign = "rsa-sha256", lambda digest: rsa.sign(digest, _PADDING, _HASH)
    else:
        algorithm, sign = "ed25519-sha256", private.sign
    value = f"v=1; a={algorithm}; c=relaxed/relaxed; d={key.domain}; s={key.selector}; h={names};"
    return _Signature(
        front=fold("DKIM-Signature", value).removesuffix(b"\r\n"),
        canonical=b"dkim-signature:" + value.encode(),
        sign=sign,
    )


def _fields(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give each field's name, in lower case, and its relaxed canonical form (RFC 6376 3.4.2)."""
    for written in _FIELD_END.split(head.removesuffix(b"\r\n")):
        name, _, value = written.partition(b":")
        lower = name.lower()
        yield lower, b"%b:%b\r\n" % (lower, b" ".join(value.split()))


def _broken(text: bytes) -> bytes:
    """Fold base64 for the lines ` b=…` and ` …`."""
    first, room = LINE - len(" b="), LINE - 1
    rows = [text[at : at + room] for at in range(first, len(text), room)]
    return b"\r\n ".join([text[:first], *rows])
