"""Tokens of the site's software: made, known again, revoked. Only their hashes are kept."""

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256

from sqlmodel import Session, col, select

from digest.errors import UsageError
from digest.model import Channel
from digest.store.reader_tables import ApiTokenRow
from digest.store.tables import EventRow

PREFIX = "digest_"
"""How a token begins, so that people and scanners of leaked secrets know what it is."""

SECRET_OCTETS = 32

NOTE_EVERY = timedelta(hours=1)
"""How exactly it is kept when a token was used last: not with a write each time."""


class Scope(Enum):
    """What a token may do."""

    READ = "read"
    """Look subscribers up, and read what has changed."""
    WRITE = "write"
    """Add and unsubscribe."""
    ERASE = "erase"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, without its secret."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    used_at: datetime | None = None
    """To the hour."""
    revoked_at: datetime | None = None


def make(session: Session, name: str, scopes: Collection[Scope], now: datetime) -> str:
    """Make a token; give its secret, which is kept nowhere. Raises UsageError for a name that is taken."""
    if session.exec(select(ApiTokenRow).where(ApiTokenRow.name == name)).first() is not None:
        raise UsageError(f"There is, or was, a token {name!r}: choose another name.")
    secret = PREFIX + secrets.token_urlsafe(SECRET_OCTETS)
    words = sorted(scope.value for scope in scopes)
    session.add(ApiTokenRow(name=name, token_hash=_hash(secret), scopes=words, created_at=now))
    session.add(_event("token.made", f"{name}: {', '.join(words)}", now))
    session.flush()
    return secret


def find(session: Session, secret: str) -> Token | None:
    """Give the token of a secret, unless it is unknown or revoked. Takes as long whichever it is."""
    wanted, found = _hash(secret), None
    for row in session.exec(select(ApiTokenRow).order_by(col(ApiTokenRow.id))):
        if hmac.compare_digest(row.token_hash, wanted):
            found = row
    return _value(found) if found is not None and found.revoked_at is None else None


def is_worth_noting(token: Token, now: datetime) -> bool:
    """Whether a use of it is to be noted."""
    return token.used_at is None or now - token.used_at >= NOTE_EVERY


def used(session: Session, token: Token, now: datetime) -> None:
    """Note that a token was used."""
    row = session.get_one(ApiTokenRow, token.id)
    row.used_at = now
    session.add(row)
    session.flush()


def listing(session: Session) -> list[Token]:
    """Give every token that was ever made, the oldest first."""
    return [_value(row) for row in session.exec(select(ApiTokenRow).order_by(col(ApiTokenRow.id)))]


def revoke(session: Session, name: str, now: datetime) -> bool:
    """End a token at once; False where it had ended already. Raises UsageError where there is none."""
    row = session.exec(select(ApiTokenRow).where(ApiTokenRow.name == name)).first()
    if row is None:
        raise UsageError(f"There is no token {name!r}: `digest tokens list` shows them.")
    if row.revoked_at is not None:
        return False
    row.revoked_at = now
    session.add(row)
    session.add(_event("token.revoked", name, now))
    session.flush()
    return True


def _hash(secret: str) -> str:
    # Nobody guesses 256 bits: neither salt nor a slow hash would add anything.
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def _event(kind: str, detail: str, now: datetime) -> EventRow:
    return EventRow(at=now, kind=kind, channel=Channel.OPERATOR, detail=detail)


def _value(row: ApiTokenRow) -> Token:
    assert row.id is not None
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(scope for scope in Scope if scope.value in row.scopes),
        created_at=row.created_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
