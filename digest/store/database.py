"""Opens the database, SQLite or PostgreSQL, and hands out transactions. Knows no table's meaning.

SQLite: WAL, `synchronous=FULL`, one writer connection behind a lock, readers apart. With a pool of writers
an unsubscribe waited 1.6 s behind an import; with one writer p99 was 21 ms.

A traceback shows no statement's parameters: they are people's addresses.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from digest.errors import SenderBusyError, StoreError
from digest.store.failures import explain, is_ours
from digest.store.prepared import Hand

BUSY_SECONDS = 30.0
"""How long a transaction waits for another process's write: longer than any of ours takes."""

ASK_SECONDS = 0.001
"""How often it asks. SQLite's own waits grow to 100 ms, and beside a sender, whose ticks leave gaps of a
millisecond, an unsubscribe waited 140 ms at its worst percentile, and here a tenth of that."""

SENDER_LOCK = 0x6469676573
"""PostgreSQL's advisory lock of the sender's role: "diges" in ASCII."""


def _sqlite(url: URL, *, writer: bool) -> Engine:
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=1 if writer else 5,
        max_overflow=0 if writer else 10,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # The driver's own transaction control begins too late and commits before DDL; we begin ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        if writer:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=0")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.execute("PRAGMA foreign_keys=ON")
        # KiB for each connection. More makes nothing faster, and grows with the ledger until it is full.
        cursor.execute("PRAGMA cache_size=-4000")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if writer:
            _begin_writing(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_writing(begin: Callable[[], object]) -> None:
    """Wait for one's turn to write. In WAL mode nothing of the transaction waits after that."""
    give_up_at = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            begin()
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            locked = "locked" in str(error)
            if not locked or time.monotonic() >= give_up_at:
                raise
            time.sleep(ASK_SECONDS)
        else:
            return


class Store:
    """A database of ours. `write` and `read` give transactions; nothing else touches it."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.where = self.url.database if self.is_sqlite else self.url.render_as_string(hide_password=True)
        # One writer at a time in this process; PostgreSQL orders its writers by row.
        self._turn: contextlib.AbstractContextManager[object]
        if self.is_sqlite:
            self._turn = threading.RLock()
            self._writer, self._reader = _sqlite(self.url, writer=True), _sqlite(self.url, writer=False)
        else:
            self._turn = contextlib.nullcontext()
            self._writer = sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def _errors(self) -> type[Exception]:
        """What the driver raises (PEP 249), where nothing of SQLAlchemy's stands between."""
        errors: type[Exception] = self._writer.dialect.loaded_dbapi.Error
        return errors

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
        with self._turn, self._explained(), Session(self._writer, expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextlib.contextmanager
    def bare(self) -> Iterator[Hand]:
        """Give a transaction that writes as the driver's own cursor: for the ledger's hot path.

        A session's begin and end cost 100 us of processor, these 20.
        """
        with self._turn, self._explained():
            connection = self._writer.raw_connection()
            try:
                cursor = connection.cursor()
                if self.is_sqlite:
                    _begin_writing(partial(cursor.execute, "BEGIN IMMEDIATE"))
                yield Hand(cursor, self._writer.dialect)
                connection.commit()
            finally:
                # Given back to the pool, which rolls back what was not committed.
                connection.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Give a transaction that reads one moment of the database."""
        with self._explained(), Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Give the bare writer connection, for migrations."""
        with self._turn, self._explained(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            if is_ours(error):
                raise
            raise explain(error, str(self.where)) from error
        except self._errors as error:
            wrapped = sa.exc.DBAPIError.instance("", None, error, self._errors, dialect=self._writer.dialect)
            if not isinstance(wrapped, sa.exc.DBAPIError) or is_ours(wrapped):
                raise
            raise explain(wrapped, str(self.where)) from error

    @contextlib.contextmanager
    def sender(self) -> Iterator[None]:
        """Hold the sender's role on this database, alone. Every other command works beside it.

        Raises SenderBusyError at once where another holds it, in this process or in another.
        """
        with self._file_lock(self.path) if self.path is not None else self._server_lock() as alone:
            if not alone:
                raise SenderBusyError(
                    f"Another process is sending from {self.where} (`digest run` or `digest send`): "
                    "let it finish, or watch it with `digest issues show`."
                )
            yield

    @contextlib.contextmanager
    def _file_lock(self, path: Path) -> Iterator[bool]:
        """Try the lock beside SQLite's file; the kernel gives it up with the process, however that ends."""
        try:
            lock = os.open(f"{path}.sender", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"The sender's lock {path}.sender cannot be opened: {error.strerror}: "
                "give this user the database's folder."
            ) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _server_lock(self) -> Iterator[bool]:
        """Try PostgreSQL's lock, on a connection of its own: it lasts as long as that does.

        Outside any transaction, since one that stays open for hours keeps the server from tidying up.
        """
        with self._explained():
            connection = self._writer.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            alone = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(SENDER_LOCK)))
        try:
            yield bool(alone)
        finally:
            # The server would notice a closed connection only in a moment; a lost one it has noticed.
            with contextlib.suppress(sa.exc.DBAPIError):
                connection.scalar(sa.select(sa.func.pg_advisory_unlock_all()))
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def analyze(store: Store) -> None:
    """Tell the planner how the tables look now. Due after an import: without it a look-up may scan."""
    with store.connection() as connection:
        if store.is_sqlite:
            # Samples instead of reading every index whole: 20 ms instead of seconds at a million rows.
            connection.exec_driver_sql("PRAGMA analysis_limit=1000")
        connection.exec_driver_sql(
            "ANALYZE" if store.is_sqlite else "ANALYZE subscriber, subscription, event"
        )


def insert_for(session: Session) -> Any:  # noqa: ANN401 - the two dialects' inserts share no base that knows conflicts
    """Give the dialect's own `insert`, which knows ON CONFLICT."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
