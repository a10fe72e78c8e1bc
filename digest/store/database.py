"""Opens the database, SQLite or PostgreSQL, and hands out transactions. Knows no table's meaning.

SQLite: WAL, `synchronous=FULL`, one writer connection behind a lock, readers apart. With a pool of writers
an unsubscribe waited 1.6 s behind an import; with one writer p99 was 21 ms.
"""

import contextlib
import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from digest.errors import SenderBusyError, StoreError

BUSY_SECONDS = 30
"""How long a statement waits for another process's write: longer than any transaction of ours."""

SENDER_LOCK = 0x6469676573
"""PostgreSQL's advisory lock of the sender's role: "diges" in ASCII."""


def _sqlite(url: URL, *, writer: bool) -> Engine:
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=1 if writer else 5,
        max_overflow=0 if writer else 10,
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # The driver's own transaction control begins too late and commits before DDL; we begin ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def explain(error: sa.exc.DBAPIError, where: str) -> StoreError:
    """Say in one sentence what the database refused, and what to do."""
    text = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
    low = text.lower()
    for sign, remedy in (
        ("disk is full", "free some space; nothing of this step was written"),
        ("no space left", "free some space; nothing of this step was written"),
        ("locked", "another process has been writing for too long; try again, or find it with `fuser`"),
        ("readonly", "this user may not write there; give it the file and its folder"),
        ("unable to open", "the folder is missing, or this user may not read it"),
        ("no such table", "its schema is not ours; run `digest db upgrade`"),
        ("does not exist", "its schema is not ours; run `digest db upgrade`"),
        ("not a database", "the file is something else; check [database] url"),
        ("malformed", "the file is damaged; restore the last backup"),
        ("connection", "the server does not answer; check that it runs and [database] url"),
    ):
        if sign in low:
            return StoreError(f"The database at {where} failed: {text}: {remedy}.")
    return StoreError(f"The database at {where} failed: {text}.")


class Store:
    """A database of ours. `write` and `read` give transactions; nothing else touches it."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.where = self.url.database if self.is_sqlite else self.url.render_as_string(hide_password=True)
        self._lock = threading.RLock()
        if self.is_sqlite:
            self._writer, self._reader = _sqlite(self.url, writer=True), _sqlite(self.url, writer=False)
        else:
            self._writer = self._reader = sa.create_engine(self.url, pool_pre_ping=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file (or memory) of SQLite's."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """SQLite's file; None on PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """Give a transaction that writes: committed at the end, rolled back on any exception."""
        with self._lock, self._explained(), Session(self._writer, expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Give a transaction that reads one moment of the database."""
        with self._explained(), Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Give the bare writer connection, for migrations."""
        with self._lock, self._explained(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.DatabaseError) as error:
            if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError | sa.exc.DataError) and (
                "does not exist" not in str(error)
            ):
                raise
            raise explain(error, str(self.where)) from error

    @contextlib.contextmanager
    def sender(self) -> Iterator[None]:
        """Hold the sender's role on this database, alone. Every other command works beside it.

        Raises SenderBusyError at once where another process holds it.
        """
        busy = SenderBusyError(
            f"Another process is sending from {self.where} (`digest run` or `digest send`): "
            "let it finish, or watch it with `digest issues show`."
        )
        if self.path is not None:
            with Path(f"{self.path}.sender").open("a") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise busy from None
                yield
        else:
            with self._reader.connect() as connection:
                if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(SENDER_LOCK))):
                    raise busy
                try:
                    yield
                finally:
                    connection.scalar(sa.select(sa.func.pg_advisory_unlock(SENDER_LOCK)))

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def insert_for(session: Session) -> Any:  # noqa: ANN401 - the two dialects' inserts share no base that knows conflicts
    """Give the dialect's own `insert`, which knows ON CONFLICT."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
