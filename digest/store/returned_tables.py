"""What came back: the mails and hooks that were read, and whom each was about.

Apart from `tables.py`, whose rows the line works on. Its types and rules are the same.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from digest.store.tables import Instant

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class ReturnedRow(SQLModel, table=True):
    """A mail that came back, or an event of a provider's hook. `key` is unique: nothing is counted twice."""

    __tablename__ = "returned"
    __table_args__ = {"sqlite_autoincrement": True}
    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    key: str = Field(unique=True)
    """A mail's SHA-256, or a provider's name and its event's id."""
    at: datetime = Field(sa_type=Instant, index=True)
    source: str
    """By which way it came: maildir, imap, pipe, file, lmtp, or a provider's name."""
    kind: str
    """A `bounce.report.Kind`."""
    reason: str = ""
    raw: bytes | None = None
    """As it came; emptied after some days."""


class ReturnedAboutRow(SQLModel, table=True):
    """One address that something which came back is about, and what that has caused."""

    __tablename__ = "returned_about"
    __table_args__ = (
        sa.Index(None, "subscriber_id"),
        sa.Index(None, "issue_id"),
        {"sqlite_with_rowid": False},
    )
    returned_id: int = Field(primary_key=True, sa_type=_BIG)
    place: int = Field(primary_key=True)
    subscriber_id: int | None = Field(default=None, sa_type=_BIG)
    """Whose it is; where `proof` is none, whose address it names, so that erasure finds it."""
    issue_id: int | None = None
    domain: str = ""
    """Of the address that was written to, as an A-label."""
    verdict: str
    """A `bounce.report.Verdict`; of what tells of no delivery it says nothing."""
    status: str = ""
    reason: str = ""
    evidence: str = ""
    """Repeats the address, perhaps: erasure empties it."""
    proof: str = ""
    """How it is known whose it was: a `marks.Proof`."""
    effect: str = ""
    """What it has caused, in a word; empty: nothing."""


metadata = SQLModel.metadata
RETURNED, RETURNED_ABOUT = metadata.tables["returned"], metadata.tables["returned_about"]
"""The tables as Core sees them."""
