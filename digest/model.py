"""The values that travel along the line. Frozen, keyword-only; they know no database, clock or network.

All times are aware and in UTC unless a name says otherwise. A slot's name is local wall time without offset.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Self

from digest import steady


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of an article. Sizes are in pixels as the feed says, None where it does not."""

    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True)
class Article:
    """One item as the feed shows it, cleaned: every text is plain text with its entities decoded."""

    guid: str
    """Identity within its feed: the raw guid where it is stable, else the link."""
    link: str
    title: str
    published_at: datetime
    author: str = ""
    categories: tuple[str, ...] = ()
    excerpt: str = ""
    picture: Picture | None = None
    comments: int | None = None
    """None where the feed does not say; a template leaves no hole for it."""
    words: int = 0
    """Length of the whole text, for the reading time; 0 where the feed carries no text."""
    protected: bool = False
    """Behind a password: never mailed."""

    @property
    def steady(self) -> Self:
        """The same with addresses that stay while what they lead to does."""
        picture = self.picture and replace(self.picture, url=steady.picture(self.picture.url))
        return replace(self, link=steady.link(self.link), picture=picture)

    @property
    def fingerprint(self) -> str:
        """Changes when a reader would see a difference. Comment counts move all day and do not count."""
        it = self.steady
        shown = (it.link, it.title, it.author, it.categories, it.excerpt, it.picture)
        return sha256(repr(shown).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class LedgerArticle(Article):
    """An article that stands in the ledger."""

    id: int
    feed_url: str
    first_seen_at: datetime
    vanished: bool = False
    """Trashed on the site, as far as the feed tells."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """When an issue is due: a local wall time by name, and the instant it falls on."""

    name: str
    """`2026-11-24T07:00`, without offset."""
    instant: datetime

    @property
    def local(self) -> datetime:
        """The nominal wall time, naive."""
        return datetime.fromisoformat(self.name)


class Verdict(Enum):
    """What is decided about an article once, when a newsletter first sees it."""

    ELIGIBLE = "eligible"
    BASELINE = "baseline"
    TOO_OLD = "too old"
    ASKED = "in question"
    """Part of what looks like a re-imported archive: an editor says whether it is news."""
    DECLINED = "declined"
    """An editor said that it is not."""


class Decision(Enum):
    """What an issue decided about an article."""

    INCLUDED = "included"
    CARRIED = "carried over"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    PROTECTED = "protected"
    VANISHED = "vanished"
    HELD_BACK = "held by editor"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """An article, what the issue decided about it, and why, in words for an editor."""

    article: LedgerArticle
    decision: Decision
    reason: str


class IssueState(Enum):
    """Where an issue stands. `held` keeps the state it came from beside it."""

    DRAFT = "draft"
    APPROVED = "approved"
    FROZEN = "frozen"
    SENDING = "sending"
    SENT = "sent"
    HELD = "held"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class DeliveryState(IntEnum):
    """Where a delivery stands. Stored as a small integer; only the first two are not final."""

    PENDING = 0
    SUBMITTING = 1
    ACCEPTED = 2
    REFUSED = 3
    EXPIRED = 4
    UNKNOWN = 5
    WITHDRAWN = 6


class SubscriberState(Enum):
    """One address's consent."""

    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Channel(Enum):
    """By which way a subscriber came, left or returned."""

    ONE_CLICK = "one-click"
    PAGE = "page"
    MAILTO = "mailto"
    COMPLAINT = "complaint"
    BOUNCE = "bounce"
    OPERATOR = "operator"
    API = "api"
    """The site's software, or a mail service's."""
    IMPORT = "import"


# A placeholder for what differs per subscriber. URL-shaped everywhere, because premailer and HTML
# parsers leave a URL alone; the nonce keeps a feed's text from forging one. A slot may carry a fallback,
# hex-encoded UTF-8, used where the subscriber's value is empty: https://slot.invalid/NONCE/name/667269656e64/
SLOT_PATTERN = re.compile(
    r"https://slot\.invalid/(?P<nonce>[0-9a-f]{16})/(?P<name>[a-z_]+)/(?:(?P<fallback>(?:[0-9a-f]{2})+)/)?"
)
SLOT_NAMES = ("unsubscribe_url", "email", "name", "since")


def slot_placeholder(nonce: str, name: str, fallback: str = "") -> str:
    """Give the placeholder of a slot for a rendering's nonce (16 hex digits)."""
    tail = f"{fallback.encode().hex()}/" if fallback else ""
    return f"https://slot.invalid/{nonce}/{name}/{tail}"


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """An issue, rendered once. `html` and `text` hold slot placeholders of this `nonce`; `subject` none."""

    subject: str
    preheader: str
    html: str
    text: str
    nonce: str
    shortened: int = 0
    """How many stories were cut to one line to keep the HTML under its limit."""


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """One subscriber of an issue's audience, as the splice needs it."""

    id: int
    email: str
    """As it goes on the wire: the domain as A-label."""
    name: str = ""
    address_version: int = 1
    since: datetime | None = None
    """When the subscriber joined."""


@dataclass(frozen=True, kw_only=True)
class IssueHeaders:
    """What the headers of every message of an issue say. Addresses have A-label domains."""

    sender_name: str
    sender_address: str
    list_id: str
    """`daily.ledger.example`, without angle brackets (RFC 2919)."""
    list_name: str
    help_url: str
    """Where a reader finds a person: https or mailto (RFC 2369)."""
    feedback_id: str
    reply_to: str = ""
    archive_url: str = ""
    extra: tuple[tuple[str, str], ...] = field(default=())


class Phase(Enum):
    """Where in an SMTP transaction something happened."""

    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """Once the body's write was issued: from here on a loss leaves the outcome unknown."""


POSITIVE_COMPLETION = 2


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a relay answered, or that it did not.

    `code` 0 means no reply: refused, lost or timed out, told by `text`.
    """

    phase: Phase
    code: int
    text: str = ""

    @property
    def is_positive(self) -> bool:
        """Whether what was asked is done (RFC 5321 §4.2.1: 2yz)."""
        return self.code // 100 == POSITIVE_COMPLETION

    def __str__(self) -> str:
        """Give `550 5.1.1 no such user`, or the loss in words."""
        return f"{self.code} {self.text}" if self.code else self.text


@dataclass(frozen=True, kw_only=True)
class FeedStatus:
    """A feed and how its fetching goes. The validators are kept verbatim, quotes and `W/` included."""

    id: int
    url: str
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    first_fetched_at: datetime | None = None
    good_at: datetime | None = None
    tried_at: datetime | None = None
    failures: int = 0
    last_error: str = ""
    next_try_at: datetime | None = None
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One issue, as the ledger has it."""

    id: int
    newsletter: str
    slot: str
    extra: str | None = None
    """Its name where it is off schedule, such as a correction; its slot is then when it was made."""
    due_at: datetime
    state: IssueState
    held_from: IssueState | None = None
    hold_code: str = ""
    """Who may lift a hold: `operator` and `relay` by hand alone; the others say which check has to pass."""
    held_at: datetime | None = None
    reason: str = ""
    """Why it is held, skipped or cancelled."""
    audience: int = 0
    audience_confirmed: bool = False
    reached: bool = False
    """Whether any delivery was accepted: from then on its articles are spent."""
    revision: int = 1
    """The newest revision of its bytes: a held issue may be amended for those who wait for it."""
    created_at: datetime
    approved_at: datetime | None = None
    frozen_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """An issue's deliveries by state. At every commit they add up to the audience."""

    pending: int = 0
    submitting: int = 0
    accepted: int = 0
    refused: int = 0
    expired: int = 0
    unknown: int = 0
    withdrawn: int = 0
    doubtful: int = 0
    """Of all these, how many may have been mailed twice."""

    @property
    def open(self) -> int:
        """How many are not final yet."""
        return self.pending + self.submitting

    @property
    def total(self) -> int:
        """What must be the audience."""
        return (
            self.pending
            + self.submitting
            + self.accepted
            + self.refused
            + self.expired
            + self.unknown
            + self.withdrawn
        )


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """One address and its consent, as the ledger has it."""

    id: int
    email: str
    state: SubscriberState
    name: str = ""
    newsletters: tuple[str, ...] = ()
    address_version: int = 1
    created_at: datetime
    confirmed_at: datetime | None = None
    consent: str = ""
    left_at: datetime | None = None
    left_issue: str = ""
    """The slot of the issue whose link was used."""
    left_channel: Channel | None = None
