"""Puts into words what a database refused, and what an operator can do about it."""

import sqlalchemy as sa

from digest.errors import StoreError

_NO_SPACE = "free some space; nothing of this step was written"
_NO_SCHEMA = "its schema is not ours; run `digest db upgrade`"

_REMEDIES = (
    ("disk is full", _NO_SPACE),
    ("no space left", _NO_SPACE),
    # What SQLite says of everything but a full disk.
    (
        "disk i/o error",
        "a quota or a limit on files is reached, or the disk fails; nothing of this step was written",
    ),
    ("locked", "another process has been writing for too long; try again, or find it with `fuser`"),
    ("readonly", "this user may not write there; give it the file and its folder"),
    ("unable to open", "the folder is missing, or this user may not read it"),
    ("no such table", _NO_SCHEMA),
    ("no such column", _NO_SCHEMA),
    ("not a database", "the file is something else; check [database] url"),
    ("malformed", "the file is damaged; restore the last backup"),
    # PostgreSQL's own sentences name a missing database in quotes, and say "connection failed" before it.
    ("authentication failed", "check the user and password in [database] url"),
    ('database "', "create it first, with `createdb`, or check [database] url"),
    ("does not exist", _NO_SCHEMA),
    ("read-only transaction", "this server takes no writes; check [database] url"),
    ("deadlock", "two processes wanted the same rows; do it again"),
    ("connection", "the server does not answer; check that it runs and [database] url"),
)


def is_ours(error: sa.exc.DBAPIError) -> bool:
    """Whether an error is a bug: a statement or a value that no operator can mend."""
    if isinstance(error, sa.exc.ProgrammingError):
        return "does not exist" not in str(error.orig)
    # SQLite calls a wrong statement an operational error.
    if "syntax error" in str(error.orig):
        return True
    return isinstance(error, sa.exc.IntegrityError | sa.exc.DataError | sa.exc.InterfaceError)


def explain(error: sa.exc.DBAPIError, where: str) -> StoreError:
    """Say in one sentence what the database refused, and what to do."""
    lines = [line.strip() for line in str(error.orig or error).splitlines() if line.strip()]
    text = lines[0].rstrip(".") if lines else type(error).__name__
    low = text.lower()
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in low), "")
    told = f"{text}: {remedy}" if remedy else text
    return StoreError(f"The database at {where} failed: {told}.")
