"""`digest send` is told to stop in mid-send: it hears the relay out, and nothing is in doubt."""

import signal
from pathlib import Path
from random import Random

import pytest
from torture_relay import Relay
from torture_site import CONNECTIONS, Scene, scene, until

READERS = 2000
SEED = 20261125


def stopped(stage: Scene, stops: int) -> None:
    random = Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it with a failure
    for left in range(stops, 0, -1):
        longest = (READERS - len(stage.relay.taken)) // (left + 1)
        sending = stage.send_until(random, longest, signal.SIGTERM)
        assert sending.ends() == 1, sending.told
        assert "deliveries are open, and `digest send` goes on with them" in sending.told
        counted = stage.ledger.counts
        assert (counted.submitting, counted.unknown) == (0, 0)
        assert counted.accepted == len(stage.relay.taken)
    stage.sends()
    assert not stage.ledger.doubtful
    assert stage.ledger.counts.accepted == len(stage.relay.taken) == READERS
    assert set(stage.relay.copies) == set(stage.readers)


def test_whenever_it_is_stopped_nothing_is_in_doubt_and_the_next_run_goes_on(
    tmp_path: Path, database: str
) -> None:
    with Relay(pause=0.002) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        stopped(stage, 5)


@pytest.mark.torture
def test_stopped_fifty_times_it_still_mails_everybody_once(tmp_path: Path, database: str) -> None:
    with Relay(pause=0.002) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        stopped(stage, 50)


def silenced(stage: Scene) -> None:
    """Let the relay answer for nothing, until every connection waits for it."""

    def silence() -> None:
        stage.relay.silent = True

    stage.relay.at(READERS // 4, silence)
    until(lambda: stage.relay.waiting == CONNECTIONS)


def test_a_second_signal_ends_it_at_once_and_what_was_on_the_wire_is_in_doubt(
    tmp_path: Path, database: str
) -> None:
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        sending = stage.send()
        silenced(stage)
        on_wire = {one.recipient for one in relay.taken[-CONNECTIONS:]}
        sending.signal(signal.SIGTERM)
        # Python restores a signal's handler when it has heard the first: until then both are the same one.
        until(lambda: not catches(sending.pid, signal.SIGTERM))
        sending.signal(signal.SIGTERM)
        assert sending.ends() == -signal.SIGTERM
        relay.silent = False
        stage.sends()
        assert stage.ledger.doubtful == on_wire
        assert len(relay.taken) == READERS + CONNECTIONS
        assert stage.ledger.counts.accepted == READERS


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5): SigCgt)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.torture
def test_a_relay_that_does_not_answer_while_it_stops_leaves_unknown_what_it_had(
    tmp_path: Path, database: str
) -> None:
    ask = {"DIGEST_DELIVERY__ON_UNKNOWN": "ask"}
    with Relay() as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        sending = stage.send(**ask)
        silenced(stage)
        sending.signal(signal.SIGTERM)
        assert sending.ends() == 1
        counted = stage.ledger.counts
        assert (counted.submitting, counted.unknown) == (0, CONNECTIONS)
        relay.silent = False
        stage.sends(**ask)
        assert len(relay.taken) == READERS
        assert stage.ledger.counts.unknown == CONNECTIONS
