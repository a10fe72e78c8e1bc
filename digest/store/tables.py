"""The schema. Table classes stay inside `store/`: SQLModel's do not validate, values from `model.py` travel.

Ids are never reused (AUTOINCREMENT): an old link or bounce must not hit a stranger. Delivery rows are
narrow and carry seconds since the epoch; no index names their state, which would cost PostgreSQL its HOT
updates.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from digest.model import Channel, Decision, IssueState, SubscriberState, Verdict

metadata = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant on every database; SQLite keeps no zone, so it is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive time reached the store: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _words(enum: type[Enum]) -> sa.Enum:
    """Store an enum as its value, a word that `sqlite3` and `psql` show as it is."""
    return sa.Enum(
        enum,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [str(member.value) for member in members],
    )


_COUNTED = {"sqlite_autoincrement": True}
_KEYED = {"sqlite_with_rowid": False}
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class InstallationRow(SQLModel, table=True):
    """One row: who this installation is.

    `permanent_key` makes Message-IDs and suppression hashes, and is never rotated.
    """

    __tablename__ = "installation"
    id: int = Field(primary_key=True, default=1)
    uid: str
    permanent_key: str
    created_at: datetime = Field(sa_type=Instant)


class FeedRow(SQLModel, table=True):
    """A feed and how its fetching goes."""

    __tablename__ = "feed"
    __table_args__ = _COUNTED
    id: int | None = Field(default=None, primary_key=True)
    url: str = Field(unique=True)
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    first_fetched_at: datetime | None = Field(default=None, sa_type=Instant)
    tried_at: datetime | None = Field(default=None, sa_type=Instant)
    good_at: datetime | None = Field(default=None, sa_type=Instant)
    failures: int = 0
    last_error: str = ""
    next_try_at: datetime | None = Field(default=None, sa_type=Instant)
    gone: bool = False
    moved_to: str = ""
    moved_times: int = 0
    gap: str | None = None
    gap_at: datetime | None = Field(default=None, sa_type=Instant)
    gap_left_at: datetime | None = Field(default=None, sa_type=Instant)
    complaints: str | None = None
    damaged_at: datetime | None = Field(default=None, sa_type=Instant)


class NewsletterRow(SQLModel, table=True):
    """When a newsletter and its present schedule were first seen."""

    __tablename__ = "newsletter"
    name: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=Instant)
    schedule: str
    timezone: str
    schedule_seen_at: datetime = Field(sa_type=Instant)


class ArticleRow(SQLModel, table=True):
    """An article of a feed."""

    __tablename__ = "article"
    __table_args__ = (sa.UniqueConstraint("feed_id", "guid"), _COUNTED)
    id: int | None = Field(default=None, primary_key=True)
    feed_id: int = Field(foreign_key="feed.id")
    guid: str
    link: str
    title: str
    author: str = ""
    categories: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    excerpt: str = ""
    picture: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON)
    comments: int | None = None
    words: int = 0
    protected: bool = False
    published_at: datetime = Field(sa_type=Instant)
    first_seen_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    vanished_at: datetime | None = Field(default=None, sa_type=Instant)
    fingerprint: str
    page_asked_at: datetime | None = Field(default=None, sa_type=Instant)
    link_asked_at: datetime | None = Field(default=None, sa_type=Instant)
    """When its link was asked whether it is dead, after its feed had stopped listing it."""
    page_picture: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON)
    sudden: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    """Whether the reading that brought it listed nothing that its feed had shown before."""


class JudgementRow(SQLModel, table=True):
    """What a newsletter decided about an article once, when it first saw it."""

    __tablename__ = "judgement"
    __table_args__ = _KEYED
    newsletter: str = Field(primary_key=True)
    article_id: int = Field(primary_key=True, foreign_key="article.id")
    verdict: Verdict = Field(sa_type=_words(Verdict))
    at: datetime = Field(sa_type=Instant)


class EditorMarkRow(SQLModel, table=True):
    """What an editor wants of an article in a newsletter's next issue. No feed ever changes it."""

    __tablename__ = "editor_mark"
    __table_args__ = _KEYED
    newsletter: str = Field(primary_key=True)
    article_id: int = Field(primary_key=True, foreign_key="article.id")
    pinned: bool = False
    held: bool = False
    place: int | None = None
    by: str = ""
    at: datetime = Field(sa_type=Instant)


class IssueRow(SQLModel, table=True):
    """One issue of a newsletter. The slot is unique: whoever comes second finds it. So is an extra's name."""

    __tablename__ = "issue"
    __table_args__ = (
        sa.UniqueConstraint("newsletter", "slot"),
        sa.Index(None, "newsletter", "extra", unique=True),
        _COUNTED,
    )
    id: int | None = Field(default=None, primary_key=True)
    newsletter: str
    slot: str = Field(max_length=16)
    extra: str | None = None
    due_at: datetime = Field(sa_type=Instant)
    state: IssueState = Field(sa_type=_words(IssueState))
    held_from: IssueState | None = Field(default=None, sa_type=_words(IssueState))
    hold_code: str = ""
    held_at: datetime | None = Field(default=None, sa_type=Instant)
    reason: str = ""
    audience: int = 0
    audience_confirmed: bool = False
    reached: bool = False
    revision: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    counts: dict[str, int] | None = Field(default=None, sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=Instant)
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    frozen_at: datetime | None = Field(default=None, sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


class RenderingRow(SQLModel, table=True):
    """The bytes of an issue, by revision."""

    __tablename__ = "rendering"
    __table_args__ = _KEYED
    issue_id: int = Field(primary_key=True, foreign_key="issue.id")
    revision: int = Field(primary_key=True)
    subject: str
    preheader: str
    html: str
    text: str
    nonce: str
    shortened: int = 0
    at: datetime = Field(sa_type=Instant)


class IssueArticleRow(SQLModel, table=True):
    """What an issue decided about an article, and why."""

    __tablename__ = "issue_article"
    __table_args__ = (sa.Index(None, "article_id"), _KEYED)
    issue_id: int = Field(primary_key=True, foreign_key="issue.id")
    article_id: int = Field(primary_key=True, foreign_key="article.id")
    position: int
    decision: Decision = Field(sa_type=_words(Decision))
    reason: str
    fingerprint: str


class SubscriberRow(SQLModel, table=True):
    """One address and its consent. `address_key` is the address in lower case."""

    __tablename__ = "subscriber"
    __table_args__ = _COUNTED
    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    email: str
    address_key: str = Field(unique=True)
    address_version: int = 1
    name: str = ""
    language: str = ""
    state: SubscriberState = Field(sa_type=_words(SubscriberState))
    created_at: datetime = Field(sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    consent: str = ""
    consent_ip: str = ""
    consent_agent: str = ""
    consent_form: str = ""
    consent_text: str = ""
    confirmed_ip: str = ""
    left_at: datetime | None = Field(default=None, sa_type=Instant)
    left_issue_id: int | None = None
    left_channel: Channel | None = Field(default=None, sa_type=_words(Channel))
    soft_bounces: int = 0
    first_soft_at: datetime | None = Field(default=None, sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class SubscriptionRow(SQLModel, table=True):
    """A subscriber's membership of a newsletter; left where `left_at` is set."""

    __tablename__ = "subscription"
    __table_args__ = (sa.Index(None, "subscriber_id"), _KEYED)
    newsletter: str = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True, sa_type=_BIG)
    created_at: datetime = Field(sa_type=Instant)
    left_at: datetime | None = Field(default=None, sa_type=Instant)
    paused_until: datetime | None = Field(default=None, sa_type=Instant)


class SendBatchRow(SQLModel, table=True):
    """A contiguous range of an issue's deliveries. Whoever takes it raises the token."""

    __tablename__ = "send_batch"
    __table_args__ = _KEYED
    issue_id: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    first_id: int = Field(sa_type=_BIG)
    last_id: int = Field(sa_type=_BIG)
    deliveries: int
    done: bool = False
    token: int = 0
    not_before: int = Field(default=0, sa_type=_BIG)


class DeliveryRow(SQLModel, table=True):
    """One (issue, subscriber). Times are seconds since the epoch; 0 means never or at once."""

    __tablename__ = "delivery"
    __table_args__ = {"sqlite_with_rowid": False, "postgresql_with": {"fillfactor": 50}}
    issue_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True, sa_type=_BIG)
    state: int = Field(sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    code: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    attempts: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    losses: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    doubtful: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    soft: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    revision: int = Field(default=1, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "1"})
    next_at: int = Field(default=0, sa_type=_BIG, sa_column_kwargs={"server_default": "0"})
    first_at: int = Field(default=0, sa_type=_BIG, sa_column_kwargs={"server_default": "0"})
    at: int = Field(default=0, sa_type=_BIG, sa_column_kwargs={"server_default": "0"})


class DeliveryReplyRow(SQLModel, table=True):
    """The last reply about a delivery that was not simply accepted."""

    __tablename__ = "delivery_reply"
    __table_args__ = _KEYED
    issue_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True, sa_type=_BIG)
    kind: str
    reply: str
    at: datetime = Field(sa_type=Instant)


class EventRow(SQLModel, table=True):
    """One line of the audit log. Nothing in `detail` names a person."""

    __tablename__ = "event"
    __table_args__ = (sa.Index(None, "subscriber_id"), sa.Index(None, "issue_id"), _COUNTED)
    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    at: datetime = Field(sa_type=Instant)
    kind: str
    subscriber_id: int | None = Field(default=None, sa_type=_BIG)
    issue_id: int | None = None
    newsletter: str = ""
    channel: Channel | None = Field(default=None, sa_type=_words(Channel))
    ip: str = ""
    agent: str = ""
    detail: str = ""


class SuppressionRow(SQLModel, table=True):
    """Never mail this address: kept by keyed hash, so that it outlives erasure and import."""

    __tablename__ = "suppression"
    address_hash: str = Field(primary_key=True)
    reason: str
    evidence: str
    at: datetime = Field(sa_type=Instant)


class TroubleRow(SQLModel, table=True):
    """A trouble that lasts: since when, whether anybody was told, and when it may be told again.

    With a `text` it is no trouble but something that is still to be told.
    """

    __tablename__ = "trouble"
    __table_args__ = _KEYED
    key: str = Field(primary_key=True)
    subject: str
    since: datetime = Field(sa_type=Instant)
    next_at: datetime = Field(sa_type=Instant)
    told: bool = False
    text: str | None = None


class PaceLeaseRow(SQLModel, table=True):
    """Until when the permits of a relay, or of a recipient domain, are given away, in epoch seconds."""

    __tablename__ = "pace_lease"
    __table_args__ = _KEYED
    name: str = Field(primary_key=True)
    next_free_at: float


ISSUE, SUBSCRIBER, SUBSCRIPTION, BATCH, DELIVERY, DELIVERY_REPLY, EVENT, SUPPRESSION, PACE_LEASE = (
    metadata.tables[name]
    for name in (
        "issue",
        "subscriber",
        "subscription",
        "send_batch",
        "delivery",
        "delivery_reply",
        "event",
        "suppression",
        "pace_lease",
    )
)
"""The tables as Core sees them, for the hot path."""
