"""What readers and the site's software bring into the schema: mail to one reader, limits, tokens.

Apart from `tables.py`, whose rows the line works on. Its types and rules are the same.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from digest.store.tables import Instant

_COUNTED = {"sqlite_autoincrement": True}
_KEYED = {"sqlite_with_rowid": False}
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class ReaderMailRow(SQLModel, table=True):
    """A mail to one reader that an act of the reader's caused: to confirm, a welcome, a change of address.

    `id` stands in the link of the mail, so that a link confirms what its own mail asked for. Once it is sent
    or given up, `email` is emptied; what stays says that and when.
    """

    __tablename__ = "reader_mail"
    __table_args__ = (sa.Index(None, "subscriber_id"), sa.Index(None, "next_at"), _COUNTED)
    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    kind: str
    subscriber_id: int = Field(sa_type=_BIG)
    email: str
    newsletters: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    language: str = ""
    created_at: datetime = Field(sa_type=Instant)
    next_at: datetime | None = Field(default=None, sa_type=Instant)
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    error: str = ""


class AddressChangeRow(SQLModel, table=True):
    """The new address that a reader asked for and has not confirmed yet; one at a time."""

    __tablename__ = "address_change"
    subscriber_id: int = Field(primary_key=True, sa_type=_BIG, sa_column_kwargs={"autoincrement": False})
    email: str
    mail_id: int = Field(sa_type=_BIG)
    at: datetime = Field(sa_type=Instant)
    ip: str = ""


class HitRow(SQLModel, table=True):
    """How often something came in a span of time. `key` is a keyed hash: it tells no address and no IP."""

    __tablename__ = "hit"
    __table_args__ = _KEYED
    key: str = Field(primary_key=True)
    span: int = Field(primary_key=True, sa_type=_BIG)
    count: int = 0
    until: int = Field(sa_type=_BIG, index=True)


class ApiTokenRow(SQLModel, table=True):
    """A token of the site's software, known by its hash, and what it may do."""

    __tablename__ = "api_token"
    __table_args__ = _COUNTED
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    token_hash: str = Field(unique=True)
    scopes: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


metadata = SQLModel.metadata
HIT = metadata.tables["hit"]
"""The table of counts as Core sees it."""
