"""Readers leave, return, are erased or suppressed while an issue is sent to them by another process."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx2
import pytest
import sqlalchemy as sa
from plain import PLAIN
from sqlmodel import Session
from torture_relay import Relay
from torture_site import Scene, desk, digest, scene, until

from digest.links import Link, LinkKind, unsubscribe_url
from digest.model import Channel, DeliveryState, Subscriber
from digest.store import erasure, subscribers
from digest.store.bounces import Evidence
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import SUBSCRIBER

READERS = 2000
SEED = 20261126
NEWSLETTER = "daily"
READER, OPERATOR = Visit(channel=Channel.ONE_CLICK), Visit(channel=Channel.OPERATOR)
CLAIMED_SECONDS = 0.1
"""Longer than a claim that has begun before a reader was gone may take to be committed."""

Change = Callable[[Session, Subscriber, datetime], object]


def leave(session: Session, reader: Subscriber, now: datetime) -> None:
    subscribers.leave(session, reader.id, [NEWSLETTER], READER, now)


def come_back(session: Session, reader: Subscriber, now: datetime) -> None:
    subscribers.come_back(session, reader.id, NEWSLETTER, READER, now)


def suppress(session: Session, reader: Subscriber, now: datetime) -> None:
    subscribers.suppress(session, reader.email, Evidence(reason="complaint"), now)


def move(session: Session, reader: Subscriber, now: datetime) -> None:  # noqa: ARG001 - as the others
    """Give a reader another address."""
    new = moved(reader)
    session.connection().execute(
        sa.update(SUBSCRIBER)
        .where(SUBSCRIBER.c.id == reader.id)
        .values(email=new, address_key=new, address_version=SUBSCRIBER.c.address_version + 1)
    )


def moved(reader: Subscriber) -> str:
    return f"moved{reader.id}@mail.example"


def changed(stage: Scene, readers: list[Subscriber], change: Change) -> set[int]:
    """Change readers one by one, each in a transaction; give those to whom nothing was on its way then."""
    for reader in readers:
        with stage.ledger.store.write() as session:
            change(session, reader, datetime.now(UTC))
    time.sleep(CLAIMED_SECONDS)
    return waiting(stage, readers)


def waiting(stage: Scene, readers: list[Subscriber]) -> set[int]:
    states = stage.ledger.states
    return {
        reader.id
        for reader in readers
        if states[reader.id] in {DeliveryState.PENDING, DeliveryState.WITHDRAWN}
    }


def erase(session: Session, reader: Subscriber, now: datetime) -> None:
    erasure.erase(session, reader, now)


def everybody(stage: Scene) -> dict[str, Subscriber]:
    with stage.ledger.store.read() as session:
        return {reader.email: reader for reader in subscribers.everyone(session)}


def test_whoever_leaves_is_erased_or_suppressed_in_mid_send_is_not_mailed_any_more(
    tmp_path: Path, database: str
) -> None:
    random = Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it with a failure
    with Relay(pause=0.015) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        people = everybody(stage)
        chosen = random.sample(list(people.values()), 240)
        gone: set[int] = set()
        with stage.ledger.audited():
            sending = stage.send()
            relay.until(20)
            for change in random.sample([leave, suppress, erase] * 4, 12):
                some, chosen = chosen[:20], chosen[20:]
                gone |= changed(stage, some, change)
            with stage.ledger.store.write() as session:
                late = Newcomer(email="late@mail.example", newsletter=NEWSLETTER)
                subscribers.add(session, [late], datetime.now(UTC))
            assert sending.ends() == 0, sending.told
        states = stage.ledger.states
        assert gone
        assert {states[one] for one in gone} == {DeliveryState.WITHDRAWN}
        accepted = {reader.email for reader in people.values() if states[reader.id] is DeliveryState.ACCEPTED}
        assert relay.copies == dict.fromkeys(accepted, 1)
        assert stage.ledger.counts.accepted + stage.ledger.counts.withdrawn == READERS
        assert stage.ledger.state == "sent"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whoever_leaves_and_returns_before_his_turn_is_mailed_once(tmp_path: Path, database: str) -> None:
    random = Random(SEED)
    with Relay(pause=0.01) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        people = everybody(stage)
        with stage.ledger.audited():
            sending = stage.send()
            relay.until(20)
            back: set[int] = set()
            for some in (random.sample(list(people.values()), 20) for _ in range(5)):
                changed(stage, some, leave)
                changed(stage, some, come_back)
                states = stage.ledger.states
                back |= {one.id for one in some if states[one.id] is DeliveryState.PENDING}
            assert sending.ends() == 0, sending.told
        states = stage.ledger.states
        assert back
        assert {states[one] for one in back} == {DeliveryState.ACCEPTED}
        accepted = {reader.email for reader in people.values() if states[reader.id] is DeliveryState.ACCEPTED}
        assert relay.copies == dict.fromkeys(accepted, 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whoever_changes_his_address_before_his_turn_is_mailed_at_the_new_one(
    tmp_path: Path, database: str
) -> None:
    random = Random(SEED)
    with Relay(pause=0.01) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        people = everybody(stage)
        with stage.ledger.audited():
            sending = stage.send()
            relay.until(20)
            chosen = random.sample(list(people.values()), 100)
            waited = changed(stage, chosen, move)
            assert sending.ends() == 0, sending.told
        assert stage.ledger.counts.accepted == len(relay.taken) == READERS
        assert waited
        for reader in chosen:
            assert relay.copies[moved(reader)] + relay.copies[reader.email] == 1
            assert relay.copies[moved(reader)] or reader.id not in waited


@contextlib.contextmanager
def pages(stage: Scene) -> Iterator[httpx2.Client]:
    """`digest serve` beside the sender."""
    url = f"http://127.0.0.1:{stage.site.web}"
    serving = stage.start(digest, "serve")
    with httpx2.Client(base_url=url, trust_env=False, verify=PLAIN) as client:

        def answers() -> bool:
            with contextlib.suppress(httpx2.TransportError):
                return client.get("/healthz").is_success
            return False

        until(answers)
        yield client
    serving.signal(signal.SIGTERM)
    assert serving.ends() == 0, serving.told


def test_one_click_while_thousands_are_mailed_is_at_once_for_each_of_many(
    tmp_path: Path, database: str
) -> None:
    random = Random(SEED)
    with Relay(pause=0.01) as relay, scene(tmp_path, database, relay, readers=READERS) as stage:
        people = everybody(stage)
        leavers = random.sample(list(people.values()), 60)
        with desk(tmp_path) as found, pages(stage) as client, stage.ledger.audited():
            sending = stage.send()
            relay.until(20)
            for reader in leavers:
                link = Link(
                    kind=LinkKind.UNSUBSCRIBE, subscriber_id=reader.id, issue_id=stage.ledger.issue.id
                )
                url = unsubscribe_url("", link, found.keys)
                assert client.post(url, data={"List-Unsubscribe": "One-Click"}).status_code == 200
            time.sleep(CLAIMED_SECONDS)
            gone = waiting(stage, leavers)
            assert sending.ends() == 0, sending.told
        states = stage.ledger.states
        assert gone
        assert {states[one] for one in gone} == {DeliveryState.WITHDRAWN}
        assert not {reader.email for reader in leavers if reader.id in gone} & set(relay.copies)
        assert stage.ledger.counts.accepted == len(relay.taken)
        after = everybody(stage)
        assert {after[reader.email].state.value for reader in leavers} == {"unsubscribed"}
