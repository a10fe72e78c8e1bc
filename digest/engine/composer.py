"""Makes the messages of an issue: its template once, then one splice a subscriber."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date

from digest import address, links
from digest.config import Newsletter, Settings, SigningKey
from digest.dkim import Signer
from digest.links import Keys, Link, LinkKind
from digest.message import READER_FIELDS, MessageTemplate, message_id
from digest.model import IssueHeaders, Recipient, Rendering
from digest.verp import Mark, Marker, Purpose


def headers(
    settings: Settings, newsletter: Newsletter, slot: str, extra: Sequence[tuple[str, str]] = ()
) -> IssueHeaders:
    """Give what the headers of an issue say. They follow the configuration, so that a From can be mended.

    `extra` are fields beside those of [mail] headers.
    """
    sender = settings.mail.sender
    host = urlsplit(settings.site.url).hostname or "localhost"
    domain = address.domain(sender.address)
    return IssueHeaders(
        sender_name=sender.name or settings.site.name,
        sender_address=sender.address,
        list_id=f"{newsletter.name}.{host}",
        list_name=newsletter.title,
        help_url=settings.site.help_url,
        archive_url=settings.archive_url(newsletter.name),
        # Four fields, the sender's last and stable (Gmail); never one per subscriber.
        feedback_id=f"{slot[:10].replace('-', '')}:{newsletter.name}:digest:{domain.replace('.', '-')}",
        extra=(*settings.mail.headers.items(), *extra),
    )


@dataclass(frozen=True, kw_only=True)
class Composer:
    """Makes the messages of one issue. May be called from several threads at once."""

    template: MessageTemplate
    signer: Signer | None
    kind: LinkKind
    issue_id: int
    domain: str
    """What Message-IDs end in."""
    public_url: str
    zone: ZoneInfo
    locale: str
    keys: Keys = field(repr=False)
    permanent_key: bytes = field(repr=False)
    marker: Marker | None = field(default=None, repr=False)
    """What writes the address to be unsubscribed by; None where no mail is read."""

    @property
    def signs(self) -> bool:
        """Whether a call makes a signature, which is a good deal more work than all the rest of it."""
        return self.signer is not None

    def __call__(self, recipient: Recipient, now: datetime) -> bytes:
        """Give a recipient's message at an instant, whole and ready for the wire.

        Raises AddressError for an address that cannot stand in a header.
        """
        link = Link(
            kind=self.kind,
            subscriber_id=recipient.id,
            address_version=recipient.address_version,
            issue_id=self.issue_id,
        )
        delivery = message_id(
            key=self.permanent_key, issue_id=self.issue_id, subscriber_id=recipient.id, domain=self.domain
        )
        since = recipient.since
        return self.template.message(
            recipient,
            message_id=delivery,
            unsubscribe_url=links.unsubscribe_url(self.public_url, link, self.keys),
            since=_spelled(since.astimezone(self.zone).date(), self.locale) if since else "",
            date=now,
            mailto=mailto(self.marker, self.issue_id, recipient) if self.marker else "",
            sign=self.signer,
        )


def composer(
    settings: Settings,
    newsletter: Newsletter,
    *,
    slot: str,
    issue_id: int,
    rendering: Rendering,
    keys: Keys,
    permanent_key: bytes,
    inert: bool = False,
    signing: Sequence[SigningKey] = (),
    extra: Sequence[tuple[str, str]] = (),
    unsigned: frozenset[str] = frozenset(),
) -> Composer:
    """Give what makes the messages of an issue.

    `inert` makes links that do nothing, for tests and rehearsals. With `signing` keys every message carries a
    signature of each. The relay's ways: `extra` are header fields that it wants, `unsigned` those that it
    rewrites, which no signature covers. Raises RenderError for what cannot be sent.
    """
    template = MessageTemplate.build(rendering, headers(settings, newsletter, slot, extra))
    signer = Signer(
        signing, head=template.head, reader_fields=READER_FIELDS, body=template.body, unsigned=unsigned
    )
    return Composer(
        template=template,
        signer=signer if signing else None,
        kind=LinkKind.INERT if inert else LinkKind.UNSUBSCRIBE,
        issue_id=issue_id,
        domain=address.domain(settings.mail.sender.address),
        public_url=settings.web.public_url,
        zone=ZoneInfo(newsletter.timezone),
        locale=settings.site.language.replace("-", "_"),
        keys=keys,
        permanent_key=permanent_key,
        marker=None if inert else settings.bounces.marker(permanent_key),
    )


def mailto(marker: Marker, issue_id: int, recipient: Recipient) -> str:
    """Give the URI (RFC 6068) by which a recipient leaves by mail what an issue is of; 0 for no issue."""
    mark = Mark(Purpose.UNSUBSCRIBE, issue_id, recipient.id, recipient.address_version)
    return f"mailto:{marker(mark)}?subject=unsubscribe"


def envelopes(settings: Settings, issue_id: int, permanent_key: bytes) -> Callable[[Recipient], str] | None:
    """Give what makes the envelope's sender for each recipient of an issue; None where all have the same."""
    marker = settings.bounces.marker(permanent_key) if settings.is_verp else None
    if marker is None:
        return None
    return lambda one: marker(Mark(Purpose.BOUNCE, issue_id, one.id, one.address_version))


@lru_cache(maxsize=4096)
def _spelled(day: date, locale: str) -> str:
    """Write a day in words: few days have many subscribers, and Babel takes its time."""
    return format_date(day, "long", locale)
