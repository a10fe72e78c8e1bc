"""Makes the messages of an issue: its template once, then one splice a subscriber."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date

from digest import address, links
from digest.config import Newsletter, Settings
from digest.links import Keys, Link, LinkKind
from digest.message import MessageTemplate, message_id
from digest.model import IssueHeaders, Recipient, Rendering


def headers(settings: Settings, newsletter: Newsletter, slot: str) -> IssueHeaders:
    """Give what the headers of an issue say. They follow the configuration, so that a From can be mended."""
    sender = settings.mail.sender
    host = urlsplit(settings.site.url).hostname or "localhost"
    domain = address.domain(sender.address)
    return IssueHeaders(
        sender_name=sender.name or settings.site.name,
        sender_address=sender.address,
        list_id=f"{newsletter.name}.{host}",
        list_name=newsletter.title,
        help_url=settings.site.help_url,
        # Four fields, the sender's last and stable (Gmail); never one per subscriber.
        feedback_id=f"{slot[:10].replace('-', '')}:{newsletter.name}:digest:{domain.replace('.', '-')}",
        extra=tuple(settings.mail.headers.items()),
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
) -> Callable[[Recipient, datetime], bytes]:
    """Give the function that makes a recipient's message at an instant, whole and ready for the wire.

    `inert` makes links that do nothing, for tests and rehearsals. Raises RenderError for what cannot be sent.
    """
    template = MessageTemplate.build(rendering, headers(settings, newsletter, slot))
    domain = address.domain(settings.mail.sender.address)
    zone, locale = ZoneInfo(newsletter.timezone), settings.site.language.replace("-", "_")
    kind = LinkKind.INERT if inert else LinkKind.UNSUBSCRIBE

    @lru_cache(maxsize=4096)
    def spelled(year: int, month: int, day: int) -> str:
        return format_date(datetime(year, month, day, tzinfo=zone).date(), "long", locale)

    def compose(recipient: Recipient, now: datetime) -> bytes:
        link = Link(
            kind=kind,
            subscriber_id=recipient.id,
            address_version=recipient.address_version,
            issue_id=issue_id,
        )
        joined = recipient.since.astimezone(zone) if recipient.since else None
        return template.message(
            recipient,
            message_id=message_id(
                key=permanent_key, issue_id=issue_id, subscriber_id=recipient.id, domain=domain
            ),
            unsubscribe_url=links.unsubscribe_url(settings.web.public_url, link, keys),
            since=spelled(joined.year, joined.month, joined.day) if joined else "",
            date=now,
        )

    return compose
