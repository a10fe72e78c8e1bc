"""The section about what comes back: bounces, complaints and mailed unsubscribes, and where they are read.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, field_validator

from digest.address import MAX_ADDRESS
from digest.config.addresses import Line, address
from digest.config.kinds import Duration, Flag, listed
from digest.config.operation import Days
from digest.config.publickey import p256_key
from digest.config.secretfile import Secret, secret_trouble, with_secret
from digest.config.section import Section, more_than_nothing
from digest.config.values import is_loopback
from digest.verp import LONGEST_LOCAL, LONGEST_MARK, Marker

LONGEST_BASE = LONGEST_LOCAL - LONGEST_MARK
"""Octets before the @-sign that leave room for what names a reader."""

# What needs no quoting in an address and no encoding in a mailto (RFC 6068 2).
_LOCAL = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+-]{{0,{LONGEST_BASE - 1}}}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")

_PORTS = {"imaps": 993, "imap": 143}

_BY = "imap_password_file or DIGEST_BOUNCES__IMAP_PASSWORD"

# The keys that hold a secret; each may be given by a file, under its name with `_file`.
SECRETS = ("imap_password", "postmark_secret", "mailgun_key", "sendgrid_key", "sparkpost_secret")


class ImapBox(NamedTuple):
    """A folder on an IMAP server."""

    host: str
    port: int
    user: str
    folder: str
    is_tls: bool
    """Whether TLS protects it from its first octet (RFC 8314 3.2); else it is on this computer."""


class Listener(NamedTuple):
    """Where this computer is listened on."""

    host: str
    port: int


def base_address(text: str) -> str:
    """Read the address that marks are put into, or nothing."""
    found = address(text) if text else ""
    if found and not _LOCAL.fullmatch(found.rpartition("@")[0]):
        raise ValueError(
            f"must have 1 to {LONGEST_BASE} letters, digits, dots and hyphens before the @-sign: "
            "what names a reader is added there"
        )
    if len(found) + LONGEST_MARK > MAX_ADDRESS:
        raise ValueError("is too long: what names a reader is added to it")
    return found


def imap_box(text: str) -> ImapBox:
    """Read the URL of a folder on an IMAP server (RFC 5092 2), as imaps://user@host/INBOX."""
    usage = 'must be a URL as "imaps://user@host/INBOX"'
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as exc:
        raise ValueError(usage) from exc
    if not (parts.scheme in _PORTS and parts.username and parts.hostname) or parts.query or parts.fragment:
        raise ValueError(usage)
    if parts.password is not None:
        raise ValueError(f"must not hold the password: give {_BY}")
    if parts.scheme == "imap" and not is_loopback(parts.hostname):
        raise ValueError("would send the password over an open line to another computer; begin with imaps:")
    return ImapBox(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        folder=unquote(parts.path).strip("/") or "INBOX",
        is_tls=parts.scheme == "imaps",
    )


def listener(text: str) -> Listener:
    """Read where to listen, as 127.0.0.1:8024; another computer must not reach it."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise ValueError('must be "127.0.0.1:8024", or "[::1]:8024"') from exc
    if port is None or parts.netloc != text or parts.username is not None or not is_loopback(host):
        raise ValueError('must be an address of this computer alone and a port, as "127.0.0.1:8024"')
    return Listener(host=host, port=port)


def topic(text: str) -> str:
    """Read the name of an SNS topic."""
    if not _TOPIC.fullmatch(text):
        raise ValueError('must be a topic\'s ARN, as "arn:aws:sns:eu-west-1:123456789012:bounces"')
    return text


def _kept(read: Callable[[str], object]) -> Callable[[str], str]:
    """Give what keeps a text as it is once it can be read, or is empty."""

    def check(text: str) -> str:
        if text:
            read(text)
        return text

    return check


class Bounces(Section):
    """What comes back, and where it is read."""

    address: Annotated[Line, AfterValidator(base_address)] = ""
    """The address to which bounces and mailed unsubscribes come, and whose mail is read."""
    separator: Literal["+", "-", "_"] = "+"
    """What stands between its local part and what names the reader (RFC 5233)."""
    maildir: Line = ""
    """A Maildir that is read."""
    imap: Annotated[Line, AfterValidator(_kept(imap_box))] = ""
    """A folder on an IMAP server that is read, as "imaps://user@host/INBOX"."""
    imap_password: Secret = SecretStr("")
    """Its password; better from imap_password_file or the environment."""
    imap_password_file: Line = ""
    """A file that holds its password."""
    lmtp: Annotated[Line, AfterValidator(_kept(listener))] = ""
    """Where to listen for LMTP on this computer, as "127.0.0.1:8024"."""
    pipe: Flag = False
    """Whether the mail server pipes what comes into `digest bounces read - --apply`."""
    every: Duration = timedelta(minutes=1)
    """How often a Maildir is looked into, or an IMAP folder whose server does not tell by itself."""
    keep_days: Days = 30
    """Days for which the raw text of what came is kept."""
    ses_topics: Annotated[tuple[Annotated[str, AfterValidator(topic)], ...], BeforeValidator(listed)] = ()
    """The SNS topics of Amazon SES that are believed, by their ARN."""
    postmark_secret: Secret = SecretStr("")
    """What Postmark's webhook proves itself by; better from postmark_secret_file or the environment."""
    postmark_secret_file: Line = ""
    """A file that holds it."""
    mailgun_key: Secret = SecretStr("")
    """Mailgun's signing key for webhooks; better from mailgun_key_file or the environment."""
    mailgun_key_file: Line = ""
    """A file that holds it."""
    sendgrid_key: Secret = SecretStr("")
    """SendGrid's verification key for signed webhooks; also from sendgrid_key_file or the environment."""
    sendgrid_key_file: Line = ""
    """A file that holds it."""
    sparkpost_secret: Secret = SecretStr("")
    """What SparkPost's webhook proves itself by; better from sparkpost_secret_file or the environment."""
    sparkpost_secret_file: Line = ""
    """A file that holds it."""

    @field_validator("sendgrid_key")
    @classmethod
    def _sendgrid_key(cls, key: SecretStr) -> SecretStr:
        if text := key.get_secret_value():
            p256_key(text)
        return key

    @field_validator("every")
    @classmethod
    def _every(cls, span: timedelta) -> timedelta:
        return more_than_nothing(span)

    @property
    def is_read(self) -> bool:
        """Whether something reads the mail that comes to the address: then messages may name it."""
        return bool(self.maildir or self.imap or self.lmtp or self.pipe)

    def marker(self, key: bytes) -> Marker | None:
        """Give what writes marks into the address, under the permanent key; None where nothing reads them."""
        return Marker(self.address, self.separator, key) if self.is_read else None

    @property
    def imap_box(self) -> ImapBox | None:
        """The folder on an IMAP server."""
        return imap_box(self.imap) if self.imap else None

    @property
    def listener(self) -> Listener | None:
        """Where LMTP is listened for."""
        return listener(self.lmtp) if self.lmtp else None


def with_bounce_secrets(table: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Give the section's table with its secrets read from their files."""
    for key in SECRETS:
        table = with_secret(table, key, folder)
    return table


def bounce_mistakes(table: Mapping[str, Any], folder: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give the keys of the section that name a file of no use, or go without what they need, and why."""
    for key in SECRETS:
        if trouble := secret_trouble(table, key, folder):
            yield ("bounces", f"{key}_file"), trouble
    if table.get("imap") and not (table.get("imap_password") or table.get("imap_password_file")):
        yield ("bounces", "imap"), f"needs a password: give {_BY}"
