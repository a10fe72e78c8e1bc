"""The schema: made whole or not at all, and checked before anything else."""

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_scene import NOW

from digest.errors import StoreError
from digest.store import installation
from digest.store.database import Store, analyze
from digest.store.returned_tables import metadata
from digest.store.schema import current, head, known, migrations, open_store, upgrade


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'subscribers.db'}"


@pytest.fixture
def copy(store: Store) -> Iterator[Store]:
    with closing(Store(store.url.render_as_string(hide_password=False))) as opened:
        yield opened


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(store: Store) -> None:
    with store.connection() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_revisions_by_their_files_are_alembics_own() -> None:
    script = ScriptDirectory.from_config(migrations())
    assert list(known()) == [each.revision for each in script.walk_revisions()][::-1]
    assert head() == script.get_current_head()


def test_the_migrations_can_be_taken_back(store: Store) -> None:
    config = migrations()
    with store.connection() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        left = set(sa.inspect(connection).get_table_names())
    assert left <= {"alembic_version", "sqlite_sequence"}


def test_upgrading_again_changes_nothing(store: Store) -> None:
    with store.read() as session:
        before = installation.uid(session), installation.permanent_key(session)
    upgrade(store, NOW)
    with store.read() as session:
        assert (installation.uid(session), installation.permanent_key(session)) == before
    assert current(store) == head()


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    with closing(Store(url)) as store:
        with store.connection() as connection:
            # A table in the way of one of the last that are made.
            connection.exec_driver_sql("CREATE TABLE judgement (x)")
        with pytest.raises(StoreError, match="already exists"):
            upgrade(store, NOW)
        assert current(store) == ""
        with store.connection() as connection:
            assert sa.inspect(connection).get_table_names() == ["judgement"]


def test_a_database_without_a_schema_is_told_so(url: str, tmp_path: Path) -> None:
    (tmp_path / "subscribers.db").touch()
    with pytest.raises(StoreError, match=rf"has schema none, not {head()}: run `digest db upgrade`\.$"):
        open_store(url)


def test_a_newer_schema_is_neither_opened_nor_touched(store: Store, copy: Store) -> None:
    with store.connection() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"has schema 9999, which a newer version of digest made"):
        open_store(copy.url.render_as_string(hide_password=False))
    with pytest.raises(StoreError, match="newer version"):
        upgrade(copy, NOW)
    assert current(store) == "9999"


def test_a_missing_database_is_not_made_by_opening_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no database at .*subscribers\.db: `digest init`"):
        open_store(url)
    with closing(Store(url)) as store:
        assert current(store) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told_so(url: str, tmp_path: Path) -> None:
    (tmp_path / "subscribers.db").write_bytes(b"email,name\nada@ledger.example,Ada\n" * 100)
    with pytest.raises(StoreError, match="is not a database: the file is something else"):
        open_store(url)
    with closing(Store(url)) as store, pytest.raises(StoreError, match="is not a database"):
        upgrade(store, NOW)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    told = r"No database can be made at .*/nowhere/s\.db: No such file"
    with closing(Store(f"sqlite:///{tmp_path}/nowhere/s.db")) as store, pytest.raises(StoreError, match=told):
        upgrade(store, NOW)


def test_what_holds_addresses_is_for_its_owner_alone(url: str, tmp_path: Path) -> None:
    with closing(Store(url)) as store:
        upgrade(store, NOW)
        files = list(tmp_path.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files if file.exists()} == {0o600}


def test_an_upgrade_leaves_an_existing_files_mode_alone(url: str, tmp_path: Path) -> None:
    file = tmp_path / "subscribers.db"
    file.touch()
    file.chmod(0o640)
    with closing(Store(url)) as store:
        upgrade(store, NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_statistics_can_be_refreshed_at_any_time(store: Store) -> None:
    analyze(store)
    analyze(store)


def test_a_database_of_the_first_schema_is_brought_up_with_what_it_holds(store: Store) -> None:
    config = migrations()
    with store.connection() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    with store.read() as session:
        before = installation.uid(session)
    assert current(store) == "0001"
    upgrade(store, NOW)
    with store.read() as session:
        assert installation.uid(session) == before
    assert current(store) == head()
