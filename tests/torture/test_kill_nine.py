"""`digest send` dies by kill -9 at random instants: nobody is lost, and who may have two copies is known."""

import signal
import time
from pathlib import Path
from random import Random

import pytest
from torture_relay import Relay
from torture_site import CONNECTIONS, Scene, scene

from digest.model import DeliveryState

READERS = 5000
SEED = 20261124


def tormented(stage: Scene, kills: int, **environ: str) -> None:
    """Start sending again and again, and kill it each time: in mid-send mostly, at times while it starts."""
    random = Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it with a failure
    for left in range(kills, 0, -1):
        if random.random() < 0.15:
            sending = stage.send(**environ)
            time.sleep(random.uniform(0, 0.5))
            sending.signal(signal.SIGKILL)
        else:
            longest = (READERS - len(stage.relay.taken)) // (left + 1)
            sending = stage.send_until(random, longest, signal.SIGKILL, **environ)
        assert sending.ends() == -signal.SIGKILL, sending.told
        counted = stage.ledger.counts
        assert counted.total == READERS
        assert counted.submitting <= CONNECTIONS


def resending(folder: Path, database: str, kills: int) -> None:
    with Relay() as relay, scene(folder, database, relay, readers=READERS) as stage:
        with stage.ledger.audited():
            tormented(stage, kills)
            stage.sends()
        assert stage.ledger.state == "sent"
        assert stage.ledger.counts.accepted == READERS
        assert relay.answered == set(stage.readers)
        assert len(relay.taken) - READERS <= kills * CONNECTIONS
        assert {reader for reader, copies in relay.copies.items() if copies > 1} <= stage.ledger.doubtful
        assert all(len(ids) == 1 for ids in relay.ids.values())


def asking(folder: Path, database: str, kills: int) -> None:
    ask = {"DIGEST_DELIVERY__ON_UNKNOWN": "ask"}
    with Relay() as relay, scene(folder, database, relay, readers=READERS) as stage:
        with stage.ledger.audited():
            tormented(stage, kills, **ask)
            stage.sends(**ask)
        accepted, unknown = (stage.ledger.within(s) for s in (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN))
        assert stage.ledger.state == "sent"
        assert max(relay.copies.values()) == 1
        assert accepted | unknown == set(stage.readers)
        assert accepted <= relay.answered
        assert unknown == stage.ledger.doubtful
        assert len(unknown) <= kills * CONNECTIONS
        retried = stage.site.run("issues", "retry", stage.ledger.issue.slot, "--unknown")
        assert str(len(unknown)) in retried.stdout + retried.stderr
        stage.sends(**ask)
        assert stage.ledger.counts.accepted == READERS
        assert relay.answered == set(stage.readers)
        assert {reader for reader, copies in relay.copies.items() if copies > 1} <= unknown
        assert all(len(ids) == 1 for ids in relay.ids.values())


def test_after_ten_kills_everybody_has_the_issue_and_every_second_copy_is_known(
    tmp_path: Path, database: str
) -> None:
    resending(tmp_path, database, 10)


def test_after_ten_kills_nobody_has_two_copies_where_the_operator_is_asked(
    tmp_path: Path, database: str
) -> None:
    asking(tmp_path, database, 10)


@pytest.mark.torture
def test_after_a_hundred_kills_everybody_has_the_issue_and_every_second_copy_is_known(
    tmp_path: Path, database: str
) -> None:
    resending(tmp_path, database, 100)


@pytest.mark.torture
def test_after_a_hundred_kills_nobody_has_two_copies_where_the_operator_is_asked(
    tmp_path: Path, database: str
) -> None:
    asking(tmp_path, database, 100)
