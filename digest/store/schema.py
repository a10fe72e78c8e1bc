"""Creates, upgrades and checks the schema. One transaction: a failed migration leaves nothing behind."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session

from digest.errors import StoreError
from digest.store.database import Store
from digest.store.tables import InstallationRow

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK = 0x6469676574
"""PostgreSQL's advisory lock while a schema changes: "diget" in ASCII."""


_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.table("alembic_version", sa.column("version_num"))


def known() -> tuple[str, ...]:
    """Give the revisions that this program knows, oldest first, by their files' names.

    Every command asks, so it does without alembic, which takes a fifth of a second to import.
    """
    return tuple(sorted(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py")))


def head() -> str:
    """Give the revision that this program needs."""
    return known()[-1]


def current(store: Store) -> str:
    """Give the revision that the database has, empty where it has none. Waits for no writer."""
    if store.path is not None and not store.path.is_file():
        return ""
    with store.read() as session:
        connection = session.connection()
        if not sa.inspect(connection).has_table(_VERSION.name):
            return ""
        return connection.execute(sa.select(_VERSION.c.version_num)).scalar() or ""


def _check_known(store: Store, found: str) -> None:
    if found and found not in known():
        raise StoreError(
            f"The database at {store.where} has schema {found}, which a newer version of digest made: "
            "install that one."
        )


def _check_current(store: Store) -> None:
    found, needed = current(store), head()
    _check_known(store, found)
    if found != needed:
        raise StoreError(
            f"The database at {store.where} has schema {found or 'none'}, not {needed}: "
            "run `digest db upgrade`."
        )


def migrations() -> "Config":
    """Give alembic's configuration."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, and few commands need it

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(store: Store, now: datetime) -> None:
    """Bring the schema to `head`, creating the database where there is none.

    Raises StoreError where it cannot be made, or where a newer version has been there.
    """
    if store.path is not None and not store.path.exists():
        try:
            # What it will hold are people's addresses.
            store.path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(
                f"No database can be made at {store.path.absolute()}: {error.strerror}: "
                "check [database] url and that this user may write in its folder."
            ) from error
    _check_known(store, current(store))
    from alembic import command  # noqa: PLC0415 - slow to import, and no other command needs it

    config = migrations()
    with store.connection() as connection:
        if not store.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        with Session(bind=connection) as session:
            if session.get(InstallationRow, 1) is None:
                session.add(
                    InstallationRow(uid=str(uuid4()), permanent_key=secrets.token_hex(32), created_at=now)
                )
                session.flush()


def open_store(url: str) -> Store:
    """Open a database that exists and has this program's schema.

    Raises StoreError where it is missing, or its schema is older or newer.
    """
    store = Store(url)
    if store.path is not None and not store.path.is_file():
        raise StoreError(
            f"There is no database at {store.path.absolute()}: `digest init` makes one here, "
            "or name the right folder with `--config`."
        )
    try:
        _check_current(store)
    except BaseException:
        store.close()
        raise
    return store
