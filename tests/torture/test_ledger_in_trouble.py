"""The ledger cannot be written while an issue is sent: its disk is full, or somebody else keeps it locked."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIM_INFINITY

import pytest
import sqlalchemy as sa
from torture_relay import Relay
from torture_site import CONNECTIONS, Process, Scene, scene, until

from digest.store.database import Store
from digest.store.tables import BATCH

READERS = 2000
FULL_OCTETS = 64 * 1024
"""Room enough for what the process tells, and for no more than a few ticks."""
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def everybody_once(stage: Scene, *, but: int = 0) -> None:
    """Everybody has the issue; so many may have it twice, and those are known."""
    assert stage.ledger.state == "sent"
    assert stage.ledger.counts.accepted == READERS
    assert stage.relay.answered == set(stage.readers)
    assert len(stage.relay.taken) - READERS <= but
    assert {reader for reader, copies in stage.relay.copies.items() if copies > 1} <= stage.ledger.doubtful


def stands_still(stage: Scene) -> None:
    """Wait until nothing more is sent: each connection has had its answer, and none can be written down."""
    until(lambda: len(stage.relay.taken) > stage.ledger.counts.accepted)
    until(lambda: not moves(stage))


def moves(stage: Scene) -> bool:
    before = len(stage.relay.taken)
    time.sleep(0.3)
    return len(stage.relay.taken) > before


def fill(sending: Process, stage: Scene) -> None:
    """Let the sender write next to nothing any more, neither into its database nor into that one's log."""
    stage.relay.at(READERS // 4, lambda: sending.limit_files(FULL_OCTETS))
    stage.relay.until(READERS // 4)
    stands_still(stage)


@ON_SQLITE
def test_a_disk_that_is_full_for_a_moment_costs_nothing(tmp_path: Path, database: str) -> None:
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        with stage.ledger.audited():
            sending = stage.send()
            fill(sending, stage)
            assert len(relay.taken) < READERS
            sending.limit_files(RLIM_INFINITY)
            assert sending.ends() == 0, sending.told
        everybody_once(stage)


@pytest.mark.torture
@ON_SQLITE
def test_a_disk_that_stays_full_ends_the_run_and_the_next_goes_on(tmp_path: Path, database: str) -> None:
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        with stage.ledger.audited():
            sending = stage.send()
            fill(sending, stage)
            assert sending.ends() == 1
            assert "Traceback" not in sending.told
            assert f"The database at {stage.ledger.store.path} failed: disk I/O error: " in sending.told
            assert "a quota or a limit on files is reached" in sending.told
            stage.sends()
        everybody_once(stage, but=CONNECTIONS)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Give a disk that has only so much room."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.torture
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_real_disk_that_fills_is_told_in_one_sentence_and_with_room_again_it_goes_on(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 16) as disk, Relay() as relay:
        ballast = disk / "ballast"
        with scene(tmp_path, f"sqlite:///{disk}/subscribers.db", relay, readers=READERS) as stage:
            sending = stage.send()

            def fill_up() -> None:
                with ballast.open("wb", buffering=0) as file:
                    try:
                        while file.write(bytes(4096)):
                            pass
                    except OSError:
                        return

            # The log of the database has not got all the room yet that it will take.
            relay.at(50, fill_up)
            relay.until(50)
            stands_still(stage)
            assert sending.ends() == 1
            assert "disk is full: free some space; nothing of this step was written" in sending.told
            assert "Traceback" not in sending.told
            ballast.unlink()
            stage.sends()
            everybody_once(stage, but=CONNECTIONS)


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Keep every batch from everybody else: on SQLite the whole database."""
    with store.write() as session:
        session.connection().execute(sa.update(BATCH).values(token=BATCH.c.token))
        yield
        session.rollback()


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.torture)], indirect=True
)
def test_a_database_that_is_locked_for_a_while_is_waited_for(tmp_path: Path, database: str) -> None:
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        sending = stage.send()
        relay.until(READERS // 4)
        with locked(stage.ledger.store):
            time.sleep(5)
            taken = len(relay.taken)
        assert sending.ends() == 0, sending.told
        assert taken <= READERS // 4 + 10 * CONNECTIONS
        everybody_once(stage)
        assert not stage.ledger.doubtful


@pytest.mark.torture
@ON_SQLITE
def test_a_database_that_stays_locked_ends_the_run_and_the_next_goes_on(
    tmp_path: Path, database: str
) -> None:
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        sending = stage.send()
        relay.until(READERS // 4)
        with locked(stage.ledger.store):
            time.sleep(60)
            assert sending.ends() == 1
        assert "database is locked: another process has been writing for too long" in sending.told
        assert "Traceback" not in sending.told
        stage.sends()
        everybody_once(stage, but=CONNECTIONS)
