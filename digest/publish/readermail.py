"""Writes a mail to one reader: to confirm, a welcome, the last issue. Sends nothing.

A mail's kind is the name of its templates: any other `KIND.txt.j2` and `KIND.html.j2` can be queued as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest import languages, links, quoted
from digest.address import address_key, domain
from digest.config import Settings
from digest.delivery.courier import Relay
from digest.desk import Desk
from digest.dkim import signed
from digest.engine.composer import envelopes, mailto
from digest.errors import AddressError
from digest.headers import LINE, fold, phrase, unstructured, uri
from digest.issue_head import ADDRESS, honest_subject
from digest.links import Link, LinkKind
from digest.mac import mac
from digest.model import Recipient, Subscriber, SubscriberState
from digest.publish.welcome_issue import last_issue
from digest.render import palette
from digest.render.templates import environment, mistakes_in
from digest.render.urls import host
from digest.store import installation, readermail, subscribers
from digest.store.readermail import ReaderMail

PAPER = "#f4f1ea"
"""What a mail lies on in the light."""

LEAVES = frozenset({readermail.WELCOME})
"""The kinds that a reader gets as a subscriber, and can leave by."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail that can be sent."""

    mail: ReaderMail
    data: bytes
    """As it goes on the wire: CRLF, no line that begins with a dot."""
    sender: str
    """The envelope's (RFC 5321 MAIL FROM)."""


def letter(desk: Desk, mail: ReaderMail, relay: Relay, now: datetime) -> Letter | None:
    """Write a mail for a relay; None where it has become pointless: the reader is gone, or has it already.

    Raises AddressError for an address that cannot stand in a header, RenderError for a wrong template.
    """
    with desk.store.read() as session:
        reader = subscribers.get(session, mail.subscriber_id)
        key = installation.permanent_key(session)
    if reader is None or not mail.email or reader.state is SubscriberState.SUPPRESSED:
        return None
    if mail.kind == readermail.ISSUE:
        found = last_issue(desk, mail, reader, relay, now)
        if found is None:
            return None
        issue_id, data = found[0].id, found[1]
    else:
        issue_id, data = 0, _written(desk, mail, reader, relay, key=key, now=now)
    return Letter(mail=mail, data=data, sender=_sender(desk.settings, mail, reader, issue_id, key))


def _sender(settings: Settings, mail: ReaderMail, reader: Subscriber, issue_id: int, key: bytes) -> str:
    """Give the envelope's sender.

    It names the reader only where the mail goes to the address that is the reader's own: what comes back from
    a new one, which is still to be confirmed, says nothing about the present one.
    """
    envelope = envelopes(settings, issue_id, key)
    is_own = address_key(mail.email) == address_key(reader.email)
    return envelope(_recipient(reader)) if envelope and is_own else settings.envelope


def _recipient(reader: Subscriber) -> Recipient:
    return Recipient(id=reader.id, email=reader.email, address_version=reader.address_version)


def _written(
    desk: Desk, mail: ReaderMail, reader: Subscriber, relay: Relay, *, key: bytes, now: datetime
) -> bytes:
    public = desk.settings.web.public_url.rstrip("/")
    leave = links.unsubscribe_url(public, _link(LinkKind.UNSUBSCRIBE, reader), desk.keys)
    shown: dict[str, object] = {
        "address": mail.email,
        "name": reader.name,
        "confirm_token": links.sign(_link(LinkKind.CONFIRM, reader, mail.id), desk.keys),
        "preferences_url": links.preferences_url(public, _link(LinkKind.PREFERENCES, reader), desk.keys),
        "unsubscribe_url": leave,
        "public_url": public,
    }
    shown["confirm_url"] = f"{public}/c/{shown['confirm_token']}"
    subject, text, html = _rendered(desk, mail, shown)
    marker = desk.settings.bounces.marker(key)
    leaving = [leave, *([mailto(marker, 0, _recipient(reader))] if marker else [])]
    return _message(
        desk,
        relay,
        to=mail.email,
        subject=honest_subject(subject),
        text=text,
        html=html,
        # The same at every attempt (RFC 5322 3.6.4), so that a mailbox knows a second copy.
        number=mac(key).digest(f"digest mail to a reader\0{mail.id}".encode())[:12].hex(),
        leaving=leaving if mail.kind in LEAVES else (),
        date=now,
    )


def _link(kind: LinkKind, reader: Subscriber, about: int = 0) -> Link:
    return Link(kind=kind, subscriber_id=reader.id, address_version=reader.address_version, issue_id=about)


def _rendered(desk: Desk, mail: ReaderMail, shown: dict[str, object]) -> tuple[str, str, str]:
    """Give subject, text and HTML in the reader's language."""
    settings = desk.settings
    offered = languages.offered(settings.templates_folder)
    language = languages.best([mail.language or settings.site.language, settings.site.language], offered)
    titles = [one.title for one in settings.newsletter if one.name in mail.newsletters]
    context = shown | {
        "newsletters": languages.listed(language, titles),
        "language": language,
        "site": {
            "name": settings.site.name,
            "url": settings.site.url,
            "host": host(settings.site.url),
            "language": settings.site.language,
            "contact": settings.site.contact,
            "postal_address": settings.site.postal_address,
        },
        "light": palette.light(accent=settings.theme.accent, paper=PAPER),
        "dark": palette.dark(accent=settings.theme.accent),
    }
    jinja = _environment(settings.templates_folder, language)
    name = f"{mail.kind}.txt.j2"
    with mistakes_in(name):
        plain = jinja.get_template(name).make_module(context)
        subject = str(plain.__dict__.get("subject", ""))
    name = f"{mail.kind}.html.j2"
    with mistakes_in(name):
        html = jinja.get_template(name).render(context | {"subject": subject})
    return subject, str(plain).strip() + "\n", html.strip() + "\n"


@lru_cache(maxsize=32)
def _environment(site_templates: Path, language: str) -> ImmutableSandboxedEnvironment:
    return environment(site_templates, languages.translations(language, site_templates))


def _message(
    desk: Desk,
    relay: Relay,
    *,
    to: str,
    subject: str,
    text: str,
    html: str,
    number: str,
    leaving: Sequence[str],
    date: datetime,
) -> bytes:
    """Give a mail of two parts (RFC 2046 5.1.4), signed as issues are. No robot answers it (RFC 3834 5)."""
    if not ADDRESS.fullmatch(to):
        raise AddressError(f"{to!r} cannot stand in a header.")
    settings = desk.settings
    sender = settings.mail.sender
    name = phrase(sender.name or settings.site.name, LINE - len("From: "))
    boundary = f"={sha256(number.encode()).hexdigest()[:24]}"
    fields = [
        fold("From", f"{name} <{sender.address}>"),
        # RFC 6532 lets a local part be UTF-8, which `fold` does not.
        fold("To", to) if to.isascii() else f"To: {to}\r\n".encode(),
        unstructured("Subject", subject),
        fold("Date", format_datetime(date)),
        fold("Message-ID", f"<{number}@{domain(sender.address)}>"),
        b"Auto-Submitted: auto-generated\r\n",
        *_leaving(leaving),
        *(unstructured(field, value) for field, value in _extra(desk, relay)),
        b"MIME-Version: 1.0\r\n",
        fold("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    head = b"".join(fields)
    parts = [_part(boundary, "plain", text), _part(boundary, "html", html), f"--{boundary}--\r\n".encode()]
    body = b"".join(parts)
    return signed(desk.signing, head, body, date, unsigned=relay.unsigned)


def _leaving(uris: Sequence[str]) -> list[bytes]:
    if not uris:
        return []
    return [
        fold("List-Unsubscribe", ", ".join(f"<{uri(one)}>" for one in uris)),
        fold("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def _extra(desk: Desk, relay: Relay) -> Sequence[tuple[str, str]]:
    return (*desk.settings.mail.headers.items(), *relay.headers)


def _part(boundary: str, subtype: str, text: str) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + quoted.encode(text) + b"\r\n"
