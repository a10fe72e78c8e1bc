"""Transactions, what an operator is told when they fail, and the sender's role."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, draft, readers
from sqlmodel import Session

from digest.errors import SenderBusyError, StoreError
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Newcomer

HOLD = textwrap.dedent(
    """
    import sys
    from digest.store.database import Store
    store = Store(sys.argv[1])
    with store.sender():
        print("holding", flush=True)
        sys.stdin.readline()
    """
)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite alone, with a table to write in."""
    with closing(Store(f"sqlite:///{tmp_path / 's.db'}")) as store:
        with store.connection() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x TEXT)")
        yield store


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def add_and_fail(session: Session) -> None:
        subscribers.add(session, [Newcomer(email="a@ledger.example", newsletter="daily")], NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError), store.write() as session:
        add_and_fail(session)
    with store.read() as session:
        assert sum(subscribers.by_state(session).values()) == 0
    readers(store, 1)


def test_a_reader_cannot_write(store: Store) -> None:
    issue = draft(store)
    with pytest.raises(StoreError), store.read() as session:
        issues.note(session, issue, "issue.touched", NOW)


def test_a_reader_sees_one_moment(store: Store) -> None:
    readers(store, 1)
    with store.read() as session:
        before = subscribers.by_state(session)
        readers(store, 1, first=2)
        assert subscribers.by_state(session) == before
    with store.read() as session:
        assert subscribers.by_state(session) != before


def test_a_full_disk_is_told_and_nothing_of_the_step_was_written(sqlite: Store) -> None:
    def fill(session: Session) -> None:
        session.connection().exec_driver_sql("PRAGMA max_page_count=8")
        for _ in range(100):
            session.connection().exec_driver_sql("INSERT INTO t VALUES (hex(randomblob(2000)))")

    with (
        pytest.raises(
            StoreError, match=r"disk is full: free some space; nothing of this step was written\.$"
        ),
        sqlite.write() as session,
    ):
        fill(session)
    with sqlite.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    with sqlite.write() as session:
        session.connection().exec_driver_sql("INSERT INTO t VALUES ('after')")


def test_a_file_that_may_not_be_written_is_told(sqlite: Store) -> None:
    told = "readonly database: this user may not write there"
    with (
        closing(Store(f"sqlite:///file:{sqlite.path}?mode=ro&uri=true")) as closed,
        pytest.raises(StoreError, match=told),
        closed.write() as session,
    ):
        session.connection().exec_driver_sql("INSERT INTO t VALUES ('x')")


def refusal(url: str) -> str:
    """What an operator is told when a database is asked for subscribers and cannot answer."""
    with closing(Store(url)) as store, pytest.raises(StoreError) as caught, store.read() as session:
        subscribers.by_state(session)
    return str(caught.value)


def test_a_schema_that_is_not_ours_is_told(tmp_path: Path, postgresql: str) -> None:
    remedy = "its schema is not ours; run `digest db upgrade`."
    told = refusal(f"sqlite:///{tmp_path / 's.db'}")
    assert told == f"The database at {tmp_path / 's.db'} failed: no such table: subscriber: {remedy}"
    told = refusal(postgresql.format("postgres"))
    assert told.endswith(f'failed: relation "subscriber" does not exist: {remedy}')


def test_a_server_that_lacks_the_database_is_told(postgresql: str) -> None:
    told = refusal(postgresql.format("nowhere"))
    assert told.endswith(
        'database "nowhere" does not exist: create it first, with `createdb`, or check [database] url.'
    )


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    told = refusal("postgresql+psycopg://digest:secret@127.0.0.1:1/digest")
    assert told.endswith("the server does not answer; check that it runs and [database] url.")
    assert "secret" not in told
    assert "\n" not in told


def test_a_bug_keeps_its_own_class(store: Store) -> None:
    with pytest.raises(sa.exc.DBAPIError), store.write() as session:
        session.connection().exec_driver_sql("SELECT nonsense FROM WHERE")


def test_a_bug_tells_nobodys_address(store: Store) -> None:
    row = "(:address, '', '', '2026-11-24')"
    twice = sa.text(f"INSERT INTO suppression VALUES {row}, {row}")
    with pytest.raises(sa.exc.IntegrityError) as caught, store.write() as session:
        session.connection().execute(twice, {"address": "ada@ledger.example"})
    shown = str(caught.value).partition("[SQL:")[2]
    assert "ada@" not in shown
    assert "hide_parameters" in shown


def test_one_process_at_a_time_is_the_sender(store: Store) -> None:
    with closing(Store(store.url.render_as_string(hide_password=False))) as other:
        with store.sender():
            with pytest.raises(SenderBusyError, match="Another process is sending from"), other.sender():
                pytest.fail("two senders")
            # Every other command works beside it.
            readers(other, 1)
        with other.sender():
            pass


def test_the_senders_role_is_given_back_when_sending_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), store.sender():
        raise RuntimeError
    with store.sender():
        pass


def test_a_sender_in_another_process_is_respected_and_its_end_noticed(store: Store) -> None:
    url = store.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(SenderBusyError), store.sender():
            pytest.fail("two senders")
        holder.kill()
        holder.wait()
    _eventually_free(store)


def _eventually_free(store: Store) -> None:
    """Take the role as soon as the server has noticed that the holder died; SQLite's is free at once."""
    while not store.is_sqlite:
        with store.read() as session:
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            if session.connection().exec_driver_sql(locks).scalar() == 0:
                break
    with store.sender():
        pass


def test_a_folder_that_takes_no_lock_is_told(tmp_path: Path) -> None:
    told = r"The sender's lock .* cannot be opened: No such file"
    nowhere = Store(f"sqlite:///{tmp_path}/nowhere/s.db")
    with closing(nowhere) as store, pytest.raises(StoreError, match=told), store.sender():
        pytest.fail("a lock from nowhere")


def test_a_sender_keeps_no_transaction_open(store: Store) -> None:
    if store.is_sqlite:
        return
    states = "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
    with store.sender(), store.read() as session:
        assert "idle in transaction" not in session.connection().exec_driver_sql(states).scalars().all()
