"""The clock is set back while an issue is sent: nothing is stuck for ever, and nobody is mailed twice."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from torture_relay import Relay
from torture_site import desk, scene

from digest.publish import send
from digest.store import issues

READERS = 1000
DEFERRED = 20
RIGHT = timedelta()
AN_HOUR = timedelta(hours=1)


def shifted(folder: Path, issue_id: int, first: timedelta, then: timedelta, seconds: float) -> None:
    """Send an issue by a clock that is wrong, and after so many seconds is wrong otherwise."""
    began = time.monotonic()

    def clock() -> datetime:
        return datetime.now(UTC) + (first if time.monotonic() - began < seconds else then)

    with desk(folder) as found, found.store.sender():
        with found.store.read() as session:
            issue = issues.get(session, issue_id)
        asyncio.run(send(replace(found, clock=clock), [issue]))


def test_a_clock_that_is_set_back_in_mid_send_keeps_nobody_from_the_issue(
    tmp_path: Path, database: str
) -> None:
    with Relay(pause=0.01) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        with stage.ledger.audited():
            sending = stage.start(shifted, tmp_path, stage.ledger.issue.id, RIGHT, -400 * 24 * AN_HOUR, 0.5)
            assert sending.ends() == 0, sending.told
        assert stage.ledger.state == "sent"
        assert stage.ledger.counts.accepted == len(relay.taken) == READERS
        assert not stage.ledger.doubtful


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_was_deferred_by_a_clock_that_was_ahead_goes_out_when_that_time_has_come(
    tmp_path: Path, database: str
) -> None:
    with Relay(pause=0.005) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        relay.deferred = set(stage.readers[:DEFERRED])
        for first, then in ((AN_HOUR, RIGHT), (RIGHT, RIGHT)):
            sending = stage.start(shifted, tmp_path, stage.ledger.issue.id, first, then, 0.5)
            assert sending.ends() == 0, sending.told
            assert (stage.ledger.counts.accepted, stage.ledger.counts.pending) == (
                READERS - DEFERRED,
                DEFERRED,
            )
            relay.deferred = set()
        sending = stage.start(shifted, tmp_path, stage.ledger.issue.id, 1.5 * AN_HOUR, RIGHT, 0.5)
        assert sending.ends() == 0, sending.told
        assert stage.ledger.state == "sent"
        assert stage.ledger.counts.accepted == len(relay.taken) == READERS
